"""The event log: everything a session says, one JSON object a line. Other programs and benchmarks read it.

    {"type": "state", "at_s": 0.412, "audio_s": 0.0, "state": "listening", "detail": ""}
    {"type": "caption", "at_s": …, "audio_s": …, "segment": 0, "committed": "And so", "unstable": " my fell",
     "final": false, "language": "en", "words": [{"text": " so", "start_s": 0.62, "end_s": 0.9, "probability": 0.98}]}
    {"type": "gap", …, "start_s": …, "end_s": …, "reason": "…"}
    {"type": "stats", …, "lag_s": …, "level_db": …, "updates": …, "decode_ms": …, "busy": …, "speaking": …}
    {"type": "error", …, "kind": "DiskFull", "message": "…", "hint": "…", "fatal": false}

`at_s` is wall time since the log began, `audio_s` the seconds of sound fed when the event was made. A caption holds
the whole text of its segment so far; `words` are those it newly commits. The first `listening` marks the moment at
which the sound began. A reader ignores types and keys that it does not know.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TextIO

from engine.records import Caption, Event, Failure, Gap, StateChange, Stats, Word
from engine.units import seconds


class EventLog:
    """Writes events as lines.

    Args:
        stream: Text; flushed after each line, so that a reader can follow.
        clock: Monotonic seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._began = clock()

    def write(self, event: Event, audio_s: float) -> None:
        """Append one event, made when `audio_s` seconds of sound had been fed. Thread: one at a time."""
        kind, fields = _fields(event)
        times = {"at_s": round(self._clock() - self._began, 4), "audio_s": round(audio_s, 4)}
        print(json.dumps({"type": kind, **times, **fields}, ensure_ascii=False), file=self._stream, flush=True)


def _fields(event: Event) -> tuple[str, dict[str, Any]]:
    """Return an event's type and what it says."""
    match event:
        case StateChange():
            return "state", {"state": event.state.value, "detail": event.detail}
        case Caption():
            return "caption", {
                "segment": event.segment,
                "committed": event.committed,
                "unstable": event.unstable,
                "final": event.final,
                "language": event.language,
                "words": [_word(word) for word in event.words],
            }
        case Gap():
            return "gap", {
                "start_s": round(seconds(event.start), 4),
                "end_s": round(seconds(event.stop), 4),
                "reason": event.reason,
            }
        case Stats():
            return "stats", {key: value for key, value in asdict(event).items() if key != "audio_s"}
        case Failure():
            return "error", asdict(event)


def _word(word: Word) -> dict[str, Any]:
    return {
        "text": word.text,
        "start_s": round(seconds(word.start), 4),
        "end_s": round(seconds(word.stop), 4),
        "probability": round(word.probability, 4),
    }
