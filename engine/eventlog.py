"""The event log: everything a session says, one JSON object a line. Other programs and benchmarks read it.

    {"type": "state", "at_s": 0.412, "audio_s": 0.0, "state": "listening", "detail": ""}
    {"type": "caption", "at_s": …, "audio_s": …, "segment": 0, "committed": "And so", "unstable": " my fell",
     "final": false, "language": "en", "words": [{"text": " so", "start_s": 0.62, "end_s": 0.9, "probability": 0.98}]}
    {"type": "gap", …, "start_s": …, "end_s": …, "reason": "…"}
    {"type": "withheld", …, "start_s": …, "end_s": …, "text": "Thank you.", "reason": "phantom"}
    {"type": "stats", …, "lag_s": …, "level_db": …, "updates": …, "decode_ms": …, "busy": …, "speaking": …,
     "level": "normal", "skipped_s": 0.0, "cpu_s": …, "fallback": ""}
    {"type": "error", …, "kind": "DiskFull", "message": "…", "hint": "…", "fatal": false}

`at_s` is wall time since the log began, `audio_s` the seconds of sound fed when the event was made. A caption holds
the whole text of its segment so far; `words` are those it newly commits; `language` is that of the text ("en" for a
translation). `withheld` is what the model wrote and was not believed, by its reason: "loop", "phantom", "unheard" or
"unsure". `level` says what is given up so that captions keep up: "normal" nothing, "greedy" the wide search at the end
of an utterance, "slower" half of the updates as well, "lighter" the model, for a smaller one; `skipped_s` is the speech
left out for want of time so far, each span of it a gap; `cpu_s` the processor time of the whole process since the
session began; `fallback` what captions come from since a processor failed ("tiny.en on the processor"), empty before.
Each such change is an `error` that is not fatal, once, of the kind "OutOfMemory" or "CudaUnavailable" (or another that
nobody foresaw). The first `listening` marks the moment at which the sound began. A reader ignores types and keys that
it does not know.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TextIO

from engine.records import Caption, Event, Failure, Gap, StateChange, Stats, Withheld, Word
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
            return "gap", {**_span(event), "reason": event.reason}
        case Withheld():
            return "withheld", {**_span(event), "text": event.text, "reason": event.reason.value}
        case Stats():
            return "stats", {key: value for key, value in asdict(event).items() if key != "audio_s"}
        case Failure():
            return "error", asdict(event)


def _word(word: Word) -> dict[str, Any]:
    return {"text": word.text, **_span(word), "probability": round(word.probability, 4)}


def _span(timed: Word | Gap | Withheld) -> dict[str, float]:
    return {"start_s": round(seconds(timed.start), 4), "end_s": round(seconds(timed.stop), 4)}
