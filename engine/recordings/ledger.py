"""What of a recording is done already: its finished takes while it is on its way, where its transcript lies afterwards.

A file per recording, in the lines of `engine.transcript.journal` (`crc32hex SP json LF`, one `write` each), so that
kill -9 at any moment loses no take that was finished, and a torn line is no take.

    hdr     version, settings (what the words hang on), size and mtime_ns of the recording
    take    language, certainty, words [text, start, stop, probability], withheld [start, stop, text, reason]: samples
    begun   outputs: the transcript is about to be written there
    done    outputs [name, size, mtime_ns]; the takes are gone then: nothing of what was said stays here

A ledger of another recording, of other settings or of a newer version is begun anew.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.errors import DiskFull, TranscriptError
from engine.recordings.hearing import Heard
from engine.records import Doubt, Withheld, Word
from engine.transcript.disk import FULL, Disk
from engine.transcript.journal import encode, read_lines
from engine.transcript.log import SUFFIX, LineLog

VERSION = 1


class Ledger:
    """What is known of one recording and its transcript; a `Keeper`.

    Args:
        folder: Where ledgers lie.
        recording: The media file.
        target: Where its transcript goes, without the ending: each place has a ledger of its own.
        settings: What the words hang on, as JSON can say it.

    Attributes:
        finished: The takes that are done.

    Raises:
        TranscriptError: The recording cannot be looked at.
    """

    def __init__(self, folder: Path, recording: Path, target: Path, settings: Mapping[str, Any]) -> None:
        place = os.fsencode(recording.absolute()) + b"\0" + os.fsencode(target.absolute())
        self._path = folder / f"{hashlib.sha256(place).hexdigest()[:32]}{SUFFIX}"
        self._target = target
        try:
            about = recording.stat()
        except OSError as error:
            raise TranscriptError(f"{recording} cannot be read ({error.strerror})", hint="Check the path.") from error
        known = {"version": VERSION, "settings": json.loads(json.dumps(settings))}
        self._header = {"type": "hdr", "n": 0, **known, "size": about.st_size, "mtime_ns": about.st_mtime_ns}
        self.finished: Sequence[Heard] = ()
        self._outputs: list[tuple[str, int, int]] = []
        self._begun: frozenset[str] = frozenset()
        self._lines = 1
        self._log: LineLog | None = None
        self._read()

    def written(self, endings: Sequence[str]) -> bool:
        """Whether all these outputs lie there as they were written, made of this recording with these settings."""
        wanted = {output(self._target, ending).name for ending in endings}
        kept = {name for name, *about in self._outputs if _about(self._target.with_name(name)) == tuple(about)}
        return wanted <= kept

    def foreign(self, endings: Sequence[str]) -> list[Path]:
        """Return the outputs that are there already and that this did not write as they are now."""
        known = {name: tuple(about) for name, *about in self._outputs}
        paths = (output(self._target, ending) for ending in endings)
        return [
            path
            for path in paths
            if path.exists() and path.name not in self._begun and known.get(path.name) != _about(path)
        ]

    def keep(self, heard: Heard) -> None:
        """Keep a take that is done; on a full disk it waits in memory.

        Raises:
            TranscriptError: Nothing can be written there.
        """
        with suppress(DiskFull):  # it waits in memory, and the outputs will tell
            self._append("take", packed(heard))

    def begin(self, endings: Sequence[str]) -> None:
        """Say that the outputs are about to be written; raises as `keep`."""
        self._append("begun", {"outputs": [output(self._target, ending).name for ending in endings]})

    def end(self, endings: Sequence[str]) -> None:
        """Say that the outputs are written, and forget what was said in the recording; raises as `keep`."""
        self.close()
        paths = [output(self._target, ending) for ending in endings]
        outputs = [[path.name, *(_about(path) or (0, 0))] for path in paths]
        fresh = self._path.with_suffix(".part")
        try:
            fresh.unlink(missing_ok=True)
            fd = Disk().create(fresh)
            with os.fdopen(fd, "wb") as file:
                file.write(encode(self._header) + encode({"type": "done", "n": 1, "outputs": outputs}))
                file.flush()
                os.fsync(fd)
            fresh.replace(self._path)
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def forget(self) -> None:
        """Begin anew; raises as `keep`."""
        self.finished, self._outputs, self._lines = (), [], 1

    def close(self) -> None:
        """Put what was kept on the device; closing twice is harmless."""
        log, self._log = self._log, None
        if log is not None:
            with suppress(DiskFull):  # it was told, and what is missing is heard again
                log.close()

    def _append(self, kind: str, fields: Mapping[str, Any]) -> None:
        if self._log is None:
            self._log = self._opened()
        self._log.append(encode({"type": kind, "n": self._lines, **fields}))
        self._log.sync_if_due(float(self._lines))  # every line: a take is worth many seconds
        self._lines += 1

    def _opened(self) -> LineLog:
        log = LineLog(self._path.parent, self._path.stem, encode(self._header), Disk())
        if self._lines > 1 and not self._outputs:
            log.resume(0)
            return log
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._lines = 1
        log.begin()
        return log

    def _read(self) -> None:
        """Take what is there, if it is of this recording."""
        try:
            header, *rest = read_lines([self._path])
        except (OSError, ValueError):
            return
        if header != self._header:
            return
        takes = []
        for number, record in enumerate(rest, 1):
            if record["n"] != number:
                break
            match record.get("type"):
                case "take":
                    takes.append(unpacked(record))
                case "begun":
                    self._begun = frozenset(record["outputs"])
                case "done":
                    self._outputs = [(name, size, mtime_ns) for name, size, mtime_ns in record["outputs"]]
            self._lines = number + 1
        self.finished = tuple(takes)


def output(target: Path, ending: str) -> Path:
    """Return where a transcript goes in a format."""
    return target.with_name(f"{target.name}.{ending}")


def _about(path: Path) -> tuple[int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_size, about.st_mtime_ns


def packed(heard: Heard) -> dict[str, Any]:
    """Return what was heard as JSON can say it."""
    words = [[word.text, word.start, word.stop, word.probability] for word in heard.words]
    withheld = [[one.start, one.stop, one.text, one.reason.value] for one in heard.withheld]
    return {"language": heard.language, "certainty": heard.certainty, "words": words, "withheld": withheld}


def unpacked(record: Mapping[str, Any]) -> Heard:
    """Return what `packed` packed."""
    words = tuple(Word(*word) for word in record["words"])
    withheld = tuple(Withheld(start, stop, text, Doubt(reason)) for start, stop, text, reason in record["withheld"])
    return Heard(words, record["language"], record["certainty"], withheld)


def _unwritable(path: Path, error: OSError) -> TranscriptError:
    trouble = DiskFull if error.errno in FULL else TranscriptError
    return trouble(f"{path} cannot be written ({error.strerror})", hint="Free some space there.")
