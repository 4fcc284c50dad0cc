"""All the sound that an adaptation draws from: found, decoded, spoken and cut once, then kept in the work folder.

    packages' files ─┐
    the user's files ├─▶ tracks (engine.adapt.tracks) ─▶ takes of speech, noise, music
    synthesisers    ─┘

What is in the work folder already is not made again: a run that is resumed begins at once, and draws the same items.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from engine.adapt.gather import Piece, sound_files, speech_of, spoken_by, whole
from engine.adapt.phrases import examples, writer
from engine.adapt.sources import SOURCES, Kind, Missing, Source, missing
from engine.adapt.tracks import VERSION, About, Span, Track, read_track, write_sound, write_track
from engine.adapt.utterances import utterances
from engine.adapt.voices import VOICES, Voice
from engine.errors import MediaUnreadable
from engine.records import Samples
from engine.speech.vad import SpeechDetector
from engine.units import samples, seconds

SENTENCES = 80  # that a voice speaks: six minutes
TEXT_CREDIT = "sentences of WordNet 3.0, Princeton University"
OWN = "the user's own"
LONGEST_NOISE = samples(180)
SPOKEN_SHARE = 0.05  # a file with less speech than this is a noise
BABBLE_SHARE = 0.1  # a noise with more voices than this is no silence
KEPT_ONE_IN = 6  # of noise and music, for measuring
SILENT_S = 8.0  # of a noise that is measured
LEAST_SILENT = samples(1)
TEXT_SEED, HELD_OUT_SEED = 1, 2

Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that was passed over, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Credit:
    """What went in, for the model's card.

    Attributes:
        source: A package, a program or a folder.
        kind: What is heard.
        licence: SPDX, or whose it is.
        credit: Whose it is, where a licence wants that said.
        hours: Of it.
    """

    source: str
    kind: Kind
    licence: str
    credit: str
    hours: float


@dataclass(frozen=True, slots=True)
class Clip:
    """Something to measure with: speech whose text is known, or sound in which nobody speaks (`text` is empty)."""

    sound: Samples
    text: str
    voice: str
    language: str


@dataclass(frozen=True)
class Library:
    """Every track, and what could not be had.

    Attributes:
        tracks: In an order that hangs on names alone.
        unread: Files and voices that were passed over.
        missing: What could be installed.
    """

    tracks: tuple[Track, ...]
    unread: tuple[Unread, ...]
    missing: Missing

    def of(self, *kinds: Kind) -> tuple[Track, ...]:
        """Return the tracks of some kinds that may be trained with."""
        return tuple(track for track in self.tracks if track.about.kind in kinds and not track.about.held_out)

    @cached_property
    def held_out(self) -> tuple[Clip, ...]:
        """What is never trained with: spoken clips with their text, then noise and music with none."""
        kept = [track for track in self.tracks if track.about.held_out]
        clips = [_clip(track, span) for track in kept for span in track.spans]
        spoken = [clip for clip in clips if clip.text]
        return *spoken, *(clip for clip in clips if not clip.text and len(clip.sound) >= LEAST_SILENT)

    @cached_property
    def fingerprint(self) -> str:
        """What tells this library from another: items of one are no items of the other."""
        known = [(track.about, track.spans) for track in self.tracks]
        return hashlib.sha256(repr(known).encode()).hexdigest()

    @property
    def credits(self) -> tuple[Credit, ...]:
        """What is trained with, a line for each source, kind and licence."""
        found: dict[tuple[str, Kind, str, str], int] = {}
        for track in self.of(*Kind):
            key = track.about.source, track.about.kind, track.about.licence, track.about.credit
            found[key] = found.get(key, 0) + track.length
        return tuple(Credit(*key, seconds(length) / 3600) for key, length in found.items())


def gather(
    work: Path,
    folders: Sequence[Path] = (),
    languages: Sequence[str] = ("en",),
    *,
    root: Path = Path("/"),
    sources: Sequence[Source] = SOURCES,
    voices: Sequence[Voice] = VOICES,
    report: Report = lambda _name, _done, _of: None,
) -> Library:
    """Find, decode, speak and cut everything that an adaptation can draw from.

    Args:
        work: The folder that keeps it; it is made where it is missing.
        folders: The user's, or single files of theirs.
        languages: ISO 639-1 of what the model is to hear.
        root: Where Debian's packages are installed.
        sources: Of Debian's packages, as far as they are here.
        voices: That speak, as far as they are here.
        report: Is told the name of what comes next, how many were done, and of how many.

    Raises:
        MediaUnreadable: A folder is not there or holds no sound, or there is no speech in all of it.
        DiskFull: The work folder has no room.
    """
    work.mkdir(parents=True, exist_ok=True)
    wanted = [*_packages(sources, root, languages), *_own(folders), *_spoken(voices, languages)]
    detector = SpeechDetector()
    tracks, unread = [], []
    for at, order in enumerate(wanted):
        report(order.about.voice, at, len(wanted))
        try:
            path = work / f"{order.key}.pcm"
            track = _kept(path, order.about) or order.make(path, order.about, detector)
        except (MediaUnreadable, OSError) as error:
            unread.append(Unread(order.about.voice, str(error)))
            continue
        if track.spans:
            tracks.append(track)
        else:
            unread.append(Unread(order.about.voice, "there is nothing in it that is long enough"))
    library = Library(tuple(tracks), tuple(unread), missing(languages, root))
    if not library.of(Kind.SPEECH):
        install = library.missing.line
        raise MediaUnreadable(
            "there is no speech to learn from",
            hint=f"Name a folder of recordings with --audio{f', or install voices: {install}' if install else ''}.",
        )
    return library


def _kept(path: Path, about: About) -> Track | None:
    """Return a track that is here, with what is told of it today; what was heard in it stays."""
    track = read_track(path)
    if track is None:
        return None
    return replace(track, about=replace(about, kind=track.about.kind, held_out=track.about.held_out))


Make = Callable[[Path, About, SpeechDetector], Track]


@dataclass(frozen=True, slots=True)
class _Order:
    """A track that is wanted: what it is called in the work folder, what it is, how it is made."""

    key: str
    about: About
    make: Make


def _packages(sources: Iterable[Source], root: Path, languages: Sequence[str]) -> Iterator[_Order]:
    for source in sources:
        files = source.files(root)
        about = About(source.kind, source.package, source.package, source.licence, source.language, source.credit)
        if source.kind is Kind.SPEECH:
            if files and source.language in languages:
                yield _Order(_key(source.package, files), about, _speech(files))
            continue
        for path in files:
            named = replace(about, voice=path.name, held_out=zlib.crc32(path.name.encode()) % KEPT_ONE_IN == 0)
            yield _Order(_key(source.package, [path]), named, _noise(path))


def _own(folders: Iterable[Path]) -> Iterator[_Order]:
    for folder in folders:
        for path in sound_files(folder):
            about = About(Kind.SPEECH, folder.name, str(path), OWN, own=True)
            yield _Order(_key(str(path), [path]), about, _whatever(path))


def _spoken(voices: Iterable[Voice], languages: Sequence[str]) -> Iterator[_Order]:
    for voice in voices:
        if voice.language in languages and voice.here:
            about = About(
                Kind.SPEECH,
                voice.program.command,
                voice.label,
                voice.program.licence,
                voice.language,
                TEXT_CREDIT if examples() and voice.language == "en" else "",
                held_out=voice.held_out,
                made=True,
            )
            yield _Order(_key(voice.label, []), about, _reading(voice))


def _speech(files: Sequence[Path]) -> Make:
    def make(path: Path, about: About, detector: SpeechDetector) -> Track:
        return write_track(path, about, *write_sound(path, speech_of(files, detector)))

    return make


def _noise(file: Path) -> Make:
    def make(path: Path, about: About, detector: SpeechDetector) -> Track:
        pieces: list[Piece] = list(whole(file, LONGEST_NOISE))
        if about.kind is Kind.NOISE:
            voices = sum(span.stop - span.start for span in utterances((pcm for pcm, _ in pieces), detector))
            if voices > BABBLE_SHARE * sum(len(pcm) for pcm, _ in pieces):
                about = replace(about, kind=Kind.BABBLE, held_out=False)
        return write_track(path, about, *write_sound(path, pieces))

    return make


def _whatever(file: Path) -> Make:
    def make(path: Path, about: About, detector: SpeechDetector) -> Track:
        spans, length = write_sound(path, speech_of([file], detector))
        if sum(span.stop - span.start for span in spans) < SPOKEN_SHARE * length:
            about = replace(about, kind=Kind.NOISE)
            step = LONGEST_NOISE
            spans = [Span(start, min(start + step, length)) for start in range(0, length, step)]
        return write_track(path, about, spans, length)

    return make


def _reading(voice: Voice) -> Make:
    def make(path: Path, about: About, detector: SpeechDetector) -> Track:  # noqa: ARG001  # others need it
        write = writer(voice.language, held_out=voice.held_out)
        if write is None:
            return write_track(path, about, *write_sound(path, ()))
        seed = HELD_OUT_SEED if voice.held_out else TEXT_SEED
        rng = np.random.default_rng([seed, zlib.crc32(voice.label.encode())])
        return write_track(path, about, *write_sound(path, spoken_by(voice, write, rng, SENTENCES)))

    return make


def _key(name: str, files: Sequence[Path]) -> str:
    """Return what a track is called: another one when a file has changed."""
    known: list[object] = [(path.name, path.stat().st_size, int(path.stat().st_mtime)) for path in files]
    return hashlib.sha256(repr((VERSION, name, known)).encode()).hexdigest()[:20]


def _clip(track: Track, span: Span) -> Clip:
    stop = span.stop if span.text else min(span.stop, span.start + samples(SILENT_S))
    return Clip(track.sound(span.start, stop), span.text, track.about.voice, track.about.language)
