"""Files and voices → sound with its takes, a piece at a time.

Files are decoded by a process that can do nothing else (`engine.audio.media`), but for two kinds: short WAV files take
no decoder, and come by the hundred; of the bare G.722 of telephone systems no container tells what it is.
"""

import tempfile
import wave
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from engine.adapt.codecs import read_g722
from engine.adapt.phrases import Write
from engine.adapt.talkie import spoken_lines
from engine.adapt.tracks import Pcm, Span, to_pcm
from engine.adapt.utterances import utterances
from engine.adapt.voices import Voice, read_wav
from engine.audio.media import MediaSound, listed
from engine.errors import MediaUnreadable
from engine.speech.vad import SpeechDetector
from engine.units import samples

Piece = tuple[Pcm, Sequence[Span]]

PART = samples(600)  # what is cut into utterances at a time
LEAST = samples(0.8)  # a word that is said alone teaches little
LINES = 150  # of an archive, decoded at a time: about eight minutes
ONE_IN = 2  # of such parts: two hours of one game are enough
PLAIN = 32 << 20  # bytes of a WAV file that is read at once


def sound_files(folder: Path) -> list[Path]:
    """Return the media files below a folder, or the one file that is named, in the order of their names.

    Raises:
        MediaUnreadable: There is no such folder or file, or no media file in it.
    """
    if folder.is_file():
        return [folder]
    found = sorted(path for path in folder.rglob("*") if path.is_file() and listed(path))
    if not found:
        reason = "holds no sound" if folder.is_dir() else "is not there"
        raise MediaUnreadable(f"{folder} {reason}", hint="Name a folder with recordings after --audio.")
    return found


def read_file(path: Path) -> Iterator[Pcm]:
    """Yield the sound of a file in parts of up to 10 minutes, int16 [n], 16 kHz.

    Raises:
        MediaUnreadable: It is none, or broken.
    """
    if path.suffix == ".g722":
        yield to_pcm(read_g722(path.read_bytes()))
        return
    if path.suffix == ".wav" and path.stat().st_size < PLAIN:
        with suppress(wave.Error, EOFError):
            yield to_pcm(read_wav(path.read_bytes()))
            return
    with MediaSound(path) as sound:
        part: list[Pcm] = []
        while len(block := sound.read()):
            part.append(block)
            if sum(map(len, part)) >= PART:
                yield np.concatenate(part)
                part = []
        if part:
            yield np.concatenate(part)


def speech_of(paths: Sequence[Path], detector: SpeechDetector) -> Iterator[Piece]:
    """Yield what is in files, cut into utterances.

    Raises:
        MediaUnreadable: As `read_file`.
    """
    for path in paths:
        parts = _lines_of(path) if path.suffix == ".1c" else read_file(path)
        for part in parts:
            yield part, [span for span in utterances([part], detector) if span.stop - span.start >= LEAST]


def whole(path: Path, longest: int) -> Iterator[Piece]:
    """Yield the beginning of a file as one take."""
    for part in read_file(path):
        yield part[:longest], [Span(0, min(len(part), longest))]
        return


def spoken_by(voice: Voice, write: Write, rng: np.random.Generator, count: int) -> Iterator[Piece]:
    """Yield sentences as a voice speaks them.

    Raises:
        MediaUnreadable: The voice's program failed.
    """
    for _ in range(count):
        text = write(rng)
        pcm = to_pcm(voice.say(text))
        yield pcm, [Span(0, len(pcm), text)]


def _lines_of(archive: Path) -> Iterator[Pcm]:
    """Yield the lines of a talking adventure, some minutes of it at a time."""
    try:
        lines = [data for _, data in spoken_lines(archive.read_bytes())]
    except (OSError, ValueError) as error:
        raise MediaUnreadable(f"{archive.name} cannot be read: {error}", hint="Reinstall its package.") from error
    with tempfile.TemporaryDirectory(prefix="undertext-") as folder:
        path = Path(folder) / "lines.mp3"
        for at in range(0, len(lines), LINES * ONE_IN):
            path.write_bytes(b"".join(lines[at : at + LINES]))
            yield from read_file(path)
