r"""The journal: one append-only file of lines per session, the record of what was said.

Everything else (listings, searches, exports) is derived from it. It is written before text is shown as
final, so that a crash loses nothing that was shown, and recovery after a crash is nothing but reading.

Files
    A session is `ID.jsonl` in a folder of mode 0700, mode 0600 itself; after a fault of the disk it goes
    on in `ID.1.jsonl`, `ID.2.jsonl` … ID is the local time of its start, `20250131-174500`, with `-2` …
    behind it when taken. While a session runs, its last file is locked (flock; on Windows one byte at
    2^40). Its sound, where it was kept, lies beside it (`engine.transcript.sound`).

Line
    `crc32hex SP json LF`: eight lower-case hex digits of the CRC-32 (zlib) of the bytes of `json`, a
    space, and one JSON object in UTF-8 without line breaks. A line is one `write`. A reader skips every
    line that is empty, too short, of another checksum, or not such an object; whoever opens a file to
    append first ends a torn last line with LF. Files are read in the order of their parts.

Object
    `type` and `n` stand in each. `n` numbers the lines of a session from 0; where a line is met twice (a
    new part repeats what may not have reached the device in the part before), the first intact one
    counts. All times are whole milliseconds since the session began, rounded once. A reader ignores types
    and keys that it does not know.

    hdr     version (1), title, started (ISO 8601 with offset), source, model; n is 0; it begins every part
    seg     id, rev, start_ms, end_ms, text, lang, final, words
            All committed text of segment `id`; of several, the highest `rev` counts. `words` is there
            only where `final` is true: [text, start_ms, end_ms, probability] each, texts with their
            leading spaces. `lang` is the language of the text (ISO 639-1): "en" for a translation.
    edit    id, text: a person's correction of segment `id`; the last one counts, over every seg; where they heard
            nobody, the text is empty
    gap     start_ms, end_ms, reason: a span that was not captioned
    withheld  start_ms, end_ms, text, reason: what the model wrote and was not believed; reason is "loop",
            "phantom", "unheard" or "unsure". No seg holds it, and no end counts it.
    note    at_ms, text: a person's remark
    device  at_ms, name: sound comes from another device from here on
    clock   at_ms, utc (ISO 8601): what the clock on the wall said at that moment
    end     end_ms, words: the session was closed; how long it is and how many words it has

A reader that meets a higher `version` refuses the file; new types and new keys do not raise it.
"""

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import TranscriptError
from engine.transcript.disk import Disk
from engine.transcript.log import LineLog
from engine.units import milliseconds

if TYPE_CHECKING:  # the records need numpy, the journal does not
    from engine.records import Caption, Gap, Withheld, Word

VERSION = 1
_SURROGATE = re.compile("[\ud800-\udfff]")


def encode(record: Mapping[str, Any]) -> bytes:
    """Return the line that says `record`; half a surrogate pair, which UTF-8 cannot say, becomes U+FFFD."""
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    body = _SURROGATE.sub("\ufffd", text).encode()
    return b"%08x %b\n" % (zlib.crc32(body), body)


def decode(line: bytes) -> dict[str, Any] | None:
    """Return what a line without its LF says, or None when it is not intact."""
    body = line[9:]
    if line[:9] != b"%08x " % zlib.crc32(body):
        return None
    try:
        record = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def read_lines(parts: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Yield every intact record of a session's files once, in the order in which they were written.

    Raises:
        OSError: A file cannot be read.
    """
    seen: set[int] = set()
    for path in parts:
        for line in path.read_bytes().split(b"\n"):
            record = decode(line)
            if record is not None and isinstance(number := record.get("n"), int) and number not in seen:
                seen.add(number)
                yield record


@dataclass(slots=True)
class _OpenSegment:
    rev: int = 0
    words: list["Word"] = field(default_factory=list)


class Journal:
    """Writes one session.

    Every method that writes keeps the line first and raises afterwards, once per trouble: `DiskFull` when
    the line waits in memory, another `TranscriptError` when the disk failed and a new file was begun. The
    caller tells the person and goes on; what waits is written by a later call as soon as the disk takes
    it.

    Thread: one at a time.

    Args:
        log: Where the lines go.
        number: `n` of the next line.
        end_ms: The last moment spoken of so far.
        words: How many words there are so far.
    """

    def __init__(self, log: LineLog, *, number: int, end_ms: int = 0, words: int = 0) -> None:
        self._log = log
        self._number = number
        self._end_ms = end_ms
        self._words = words
        self._open: dict[int, _OpenSegment] = {}
        self._ended = False
        self._closed = False

    @classmethod
    def create(
        cls, folder: Path, *, title: str, source: str, model: str, now: datetime, disk: Disk | None = None
    ) -> "Journal":
        """Begin a session in a folder.

        Args:
            folder: Made when it is not there.
            title: For people; may be empty.
            source: The device or file that is heard.
            model: Name of the model that listens.
            now: The time on the wall, with its zone.
            disk: The system calls; None for the real ones.

        Raises:
            TranscriptError: Nothing can be written in the folder (a disk that is merely full delays the
            writing).
        """
        if now.tzinfo is None:
            raise ValueError("now must carry its time zone")
        started = now.isoformat(timespec="milliseconds")
        fields = {"version": VERSION, "title": title, "started": started, "source": source, "model": model}
        header = encode({"type": "hdr", "n": 0, **fields})
        log = LineLog(folder, now.strftime("%Y%m%d-%H%M%S"), header, disk or Disk())
        log.begin()
        return cls(log, number=1)

    @property
    def id(self) -> str:
        """Name of the session in its library."""
        return self._log.stem

    @property
    def pending(self) -> int:
        """How many lines wait in memory because the disk does not take them."""
        return self._log.pending

    def caption(self, caption: "Caption") -> None:
        """Write what a caption commits; nothing when it commits nothing and is not final.

        Raises:
            DiskFull: The line waits in memory.
            TranscriptError: The disk failed; the line is safe or waits.
        """
        if not caption.committed.strip() or not (caption.words or caption.final):
            return
        segment = self._open.setdefault(caption.segment, _OpenSegment())
        segment.words.extend(caption.words)
        self._words += len(caption.words)
        first, last = (segment.words[0], segment.words[-1]) if segment.words else (caption, caption)
        fields: dict[str, Any] = {"id": caption.segment, "rev": segment.rev}
        fields |= {"start_ms": milliseconds(first.start), "end_ms": self._reach(milliseconds(last.stop))}
        fields |= {"text": caption.committed, "lang": caption.language, "final": caption.final}
        if caption.final:
            del self._open[caption.segment]
            fields["words"] = [_compact(word) for word in segment.words]
        segment.rev += 1
        self._append("seg", fields)

    def gap(self, gap: "Gap") -> None:
        """Write that a span was not captioned. Raises as `caption`."""
        end_ms = self._reach(milliseconds(gap.stop))
        self._append("gap", {"start_ms": milliseconds(gap.start), "end_ms": end_ms, "reason": gap.reason})

    def withheld(self, withheld: "Withheld") -> None:
        """Write what was not believed. Raises as `caption`."""
        span = {"start_ms": milliseconds(withheld.start), "end_ms": milliseconds(withheld.stop)}
        self._append("withheld", {**span, "text": withheld.text, "reason": withheld.reason.value})

    def note(self, text: str) -> None:
        """Write a person's remark, at the last moment spoken of. Raises as `caption`."""
        self._append("note", {"at_ms": self._end_ms, "text": text})

    def device(self, name: str) -> None:
        """Write that sound comes from another device from now on. Raises as `caption`."""
        self._append("device", {"at_ms": self._end_ms, "name": name})

    def clock(self, now: datetime) -> None:
        """Write what the clock on the wall says now. Raises as `caption`."""
        self._append("clock", {"at_ms": self._end_ms, "utc": now.astimezone(UTC).isoformat(timespec="milliseconds")})

    def edit(self, segment: int, text: str) -> None:
        """Write a person's correction of a segment. Raises as `caption`."""
        self._append("edit", {"id": segment, "text": text})

    def sync_if_due(self, now: float) -> None:
        """Put what was written on the device, and retry what waits; call it at least twice a second.

        Args:
            now: Monotonic seconds.

        Raises:
            DiskFull: Lines wait in memory.
            TranscriptError: The disk failed; a new file was begun.
        """
        self._log.sync_if_due(now)

    def close(self) -> None:
        """End the session: everything is on the device when this returns; closing twice is harmless.

        Raises:
            DiskFull: Lines still wait in memory. They are lost when the program ends, unless closing is
            tried again.
        """
        if self._closed:
            return
        if not self._ended:
            self._ended = True
            with suppress(TranscriptError):  # whether it is safe is asked next
                self._append("end", {"end_ms": self._end_ms, "words": self._words})
        self._log.close()
        self._closed = True

    def _append(self, kind: str, fields: Mapping[str, Any]) -> None:
        number, self._number = self._number, self._number + 1
        self._log.append(encode({"type": kind, "n": number, **fields}))

    def _reach(self, end_ms: int) -> int:
        self._end_ms = max(self._end_ms, end_ms)
        return end_ms


def _compact(word: "Word") -> list[Any]:
    probability = round(word.probability, 3) if 0 <= word.probability <= 1 else 0.0  # NaN is no JSON
    return [word.text, milliseconds(word.start), milliseconds(word.stop), probability]
