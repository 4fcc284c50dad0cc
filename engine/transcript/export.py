"""A transcript as a file: plain text, SRT, WebVTT, JSON.

Text goes through `normalise` first, so that no text can pass for the markup of its format. JSON alone
keeps everything as it is, and `parse_json` gives it back.
"""

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.errors import DiskFull, TranscriptError
from engine.transcript.cues import cues
from engine.transcript.disk import FULL, Disk
from engine.transcript.records import Doubted, Header, MissedSpan, Note, Segment, TimedWord, Transcript
from engine.transcript.text import normalise

JSON_VERSION = 1
_WORD_JOINER = "\u2060"
_SRT_MARKUP = re.compile(r"<(?=\s*[a-zA-Z/])|\{(?=\\|[CcFfoPSsYy]:)|\\(?=[Nnh])")  # HTML, ASS, MicroDVD, ASS
_NAME_LENGTH = 100  # UTF-8 bytes; file systems take 255, and a suffix follows
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # devices on Windows


def export(transcript: Transcript, kind: str) -> str:
    """Return a transcript in a format.

    Args:
        transcript: What was said.
        kind: One of `FORMATS`.

    Raises:
        TranscriptError: There is no such format.
    """
    if kind not in FORMATS:
        raise TranscriptError(f"There is no format {kind!r}", hint=f"Choose one of {', '.join(FORMATS)}.")
    return FORMATS[kind](transcript)


def write(transcript: Transcript, kind: str, path: Path) -> Path:
    """Write a transcript to a file, wholly or not at all, and return its path.

    Args:
        transcript: What was said.
        kind: One of `FORMATS`.
        path: The file, which is replaced; or a folder, in which it gets the name that `file_name` gives.

    Raises:
        DiskFull: There is no space.
        TranscriptError: There is no such format, or the file cannot be written.
    """
    data = export(transcript, kind).encode()
    path = path / file_name(transcript, kind) if path.is_dir() else path
    try:
        _replace(path, data)
    except OSError as error:
        trouble = DiskFull if error.errno in FULL else TranscriptError
        hint = "Free some space." if trouble is DiskFull else "Choose another place."
        raise trouble(f"{path} cannot be written ({error.strerror})", hint=hint) from error
    return path


def file_name(transcript: Transcript, kind: str) -> str:
    """Return a name that every file system takes, made of the title or, without one, of the session's id."""
    name = re.sub(r'[/\\:*?"<>|\n]', " ", normalise(transcript.header.title))
    name = " ".join(name.split()).strip(".- ")  # not hidden, no option, no blank end
    name = name.encode()[:_NAME_LENGTH].decode(errors="ignore").rstrip(". ")
    if not name or _RESERVED.fullmatch(name):
        name = f"{name} {transcript.header.id}".strip()
    return f"{name}.{kind}"


def parse_json(text: str) -> Transcript:
    """Return the transcript that `export(…, "json")` made.

    Raises:
        TranscriptError: It is no such thing, or comes from a newer version.
    """
    try:
        data = json.loads(text)
        if data["version"] > JSON_VERSION:
            raise TranscriptError("The file comes from a newer Undertext", hint="Update Undertext to read it.")
        header = Header(**data["header"] | {"started": datetime.fromisoformat(data["header"]["started"])})
        gaps = tuple(MissedSpan(**gap) for gap in data["gaps"])
        notes = tuple(Note(**note) for note in data["notes"])
        withheld = tuple(Doubted(**doubted) for doubted in data.get("withheld", ()))
        return Transcript(header, tuple(map(_segment, data["segments"])), gaps, notes, bool(data["ended"]), withheld)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise TranscriptError("The file is no transcript", hint="Choose a JSON export of Undertext.") from error


def _json(transcript: Transcript) -> str:
    data = {"format": "undertext", "version": JSON_VERSION, **asdict(transcript)}
    data["header"]["started"] = transcript.header.started.isoformat()
    text = json.dumps(data, ensure_ascii=False, indent=1)
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text) + "\n"


def _segment(data: dict[str, Any]) -> Segment:
    return Segment(**data | {"words": tuple(TimedWord(**word) for word in data["words"])})


def _txt(transcript: Transcript) -> str:
    """One segment a line; what was missed and noted stands in brackets where it belongs."""
    lines = [(s.start_ms, " ".join(normalise(s.text).split("\n"))) for s in transcript.segments]
    lines += [(ms, f"[{text}]") for ms, text in _asides(transcript)]
    return "".join(f"{line}\n" for _, line in sorted(lines, key=lambda line: line[0]) if line)


def _srt(transcript: Transcript) -> str:
    blocks = [
        f"{number}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n{_escape_srt(cue.text)}\n"
        for number, cue in enumerate(cues(transcript.segments), 1)
    ]
    return "\n".join(blocks)


def _vtt(transcript: Transcript) -> str:
    blocks = [
        (cue.start_ms, f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{_escape_vtt(cue.text)}\n")
        for cue in cues(transcript.segments)
    ]
    blocks += [(ms, f"NOTE {_escape_vtt(text)}\n") for ms, text in _asides(transcript)]
    return "\n".join(["WEBVTT\n", *(block for _, block in sorted(blocks, key=lambda block: block[0]))])


FORMATS: dict[str, Callable[[Transcript], str]] = {"txt": _txt, "srt": _srt, "vtt": _vtt, "json": _json}


def _asides(transcript: Transcript) -> Iterator[tuple[int, str]]:
    """Yield what is no speech, in one line each: gaps and notes."""
    for gap in transcript.gaps:
        missed_s = (gap.end_ms - gap.start_ms) / 1000
        yield gap.start_ms, " ".join(f"{missed_s:.1f} s not captioned: {normalise(gap.reason)}".split())
    for note in transcript.notes:
        yield note.at_ms, " ".join(f"note: {normalise(note.text)}".split())


def _clock(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{point}{ms:03}"


def _escape_srt(text: str) -> str:
    """Leave nothing that a reader takes for a time, a tag or a style; what is seen stays the same."""
    return _SRT_MARKUP.sub(rf"\g<0>{_WORD_JOINER}", text.replace("-->", "→"))


def _escape_vtt(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _replace(path: Path, data: bytes) -> None:
    """Put a file in the place of another, so that one of them is there whole at any moment."""
    fd, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(fd)
        Path(name).replace(path)
    except OSError:
        with suppress(OSError):
            Path(name).unlink()
        raise
    Disk().sync_folder(path.parent)
