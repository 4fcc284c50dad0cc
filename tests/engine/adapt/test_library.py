"""Folders, packages and voices become a library; what cannot be had is passed over by name."""

import struct
import wave
from pathlib import Path
from shutil import which

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.adapt import library as making
from engine.adapt.gather import sound_files
from engine.adapt.library import gather
from engine.adapt.phrases import examples, faq, grammar, writer
from engine.adapt.sources import SOURCES, Kind, missing
from engine.adapt.talkie import spoken_lines
from engine.adapt.tracks import About, Span, read_track, to_pcm, write_sound, write_track
from engine.adapt.utterances import utterances
from engine.adapt.voices import ESPEAK, VOICES, Program, Voice, read_wav
from engine.errors import DiskFull, MediaUnreadable
from engine.speech.vad import SpeechDetector

RATE = 16_000
ROBOT = Voice(ESPEAK, "en-us", "en", ("-s", "160"))
SECRET = Voice(ESPEAK, "en-gb", "en", held_out=True)
SENTENCES = ("She was able to program her computer.", "Where did you put the old bridge?", "It costs two dollars.")

needs_espeak = pytest.mark.skipif(which("espeak-ng") is None, reason="espeak-ng is not installed")


def wav(path: Path, sound: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(to_pcm(sound).tobytes())
    return path


@pytest.fixture(scope="module")
def spoken():
    """Three sentences with pauses of a second between them, and where they are."""
    if which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    parts, places, at = [], [], RATE
    for text in SENTENCES:
        said = ROBOT.say(text)
        places.append((at, at + len(said)))
        parts += [np.zeros(RATE, np.float32), said]
        at += len(said) + RATE
    return np.concatenate([*parts, np.zeros(RATE, np.float32)]), places


@pytest.fixture
def few_sentences(monkeypatch):
    monkeypatch.setattr(making, "SENTENCES", 3)


@pytest.fixture
def folder(tmp_path, spoken):
    """A folder as users have them: speech, a noise, a broken file, and something that is no sound."""
    place = tmp_path / "mine"
    (place / "deeper").mkdir(parents=True)
    wav(place / "deeper" / "talk.wav", spoken[0])
    wav(place / "wind.wav", np.random.default_rng(0).normal(0, 0.05, 5 * RATE).astype(np.float32))
    (place / "broken.mp3").write_bytes(b"no sound at all" * 50)
    (place / "notes.txt").write_text("buy bread")
    return place


def test_utterances_are_found_where_somebody_speaks(spoken):
    sound, places = spoken
    found = utterances(np.array_split(to_pcm(sound), 7), SpeechDetector())
    assert len(found) == len(places)
    for span, (start, stop) in zip(found, places, strict=True):
        assert abs(span.start - start) < RATE // 2
        assert abs(span.stop - stop) < RATE // 2


def test_there_are_no_utterances_in_silence():
    assert utterances([np.zeros(RATE, np.int16)], SpeechDetector()) == []
    assert utterances([], SpeechDetector()) == []


def test_a_folder_of_the_users_becomes_speech_and_noise(tmp_path, folder):
    library = gather(tmp_path / "work", [folder], root=tmp_path, voices=())
    (talk,), (wind,) = library.of(Kind.SPEECH), library.of(Kind.NOISE)
    assert talk.about.own
    assert len(talk.spans) == 3
    assert wind.spans == (Span(0, 5 * RATE),)
    assert {credit.licence for credit in library.credits} == {"the user's own"}
    (unread,) = library.unread
    assert unread.name.endswith("broken.mp3")
    assert unread.reason


def test_what_was_gathered_is_not_made_again(tmp_path, folder):
    work = tmp_path / "work"
    first = gather(work, [folder], root=tmp_path, voices=())
    written = {path: path.stat().st_mtime_ns for path in work.glob("*.pcm")}
    second = gather(work, [folder], root=tmp_path, voices=())
    assert (second.tracks, second.fingerprint) == (first.tracks, first.fingerprint)
    kept = {path: path.stat().st_mtime_ns for path in work.glob("*.pcm")}
    assert {path: kept[path] for path in (track.path for track in first.tracks)} == {
        track.path: written[track.path] for track in first.tracks
    }


def test_a_track_that_was_broken_off_is_made_again(tmp_path, folder):
    work = tmp_path / "work"
    first = gather(work, [folder], root=tmp_path, voices=())
    with first.tracks[0].path.open("r+b") as file:
        file.truncate(100)
    assert read_track(first.tracks[0].path) is None
    assert gather(work, [folder], root=tmp_path, voices=()).tracks == first.tracks


@needs_espeak
def test_voices_speak_and_one_is_held_out(tmp_path, few_sentences):
    library = gather(tmp_path / "work", root=tmp_path, voices=(ROBOT, SECRET))
    (track,) = library.of(Kind.SPEECH)
    assert (track.about.voice, len(track.spans)) == (ROBOT.label, 3)
    assert len(library.held_out) == 3
    for clip in library.held_out:
        assert clip.text
        assert 0.5 < len(clip.sound) / RATE < 20
        assert clip.voice == SECRET.label
    assert not {clip.text for clip in library.held_out} & {span.text for span in track.spans}


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_sound_is_told_of(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(MediaUnreadable, match=name):
        gather(tmp_path / "work", [tmp_path / name], root=tmp_path, voices=())


def test_a_full_disk_ends_it():
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with pytest.raises(DiskFull):
        write_sound(Path("/dev/full"), [(np.zeros(1 << 20, np.int16), [])])


def test_no_speech_at_all_is_one_clear_error(tmp_path):
    with pytest.raises(MediaUnreadable, match="no speech to learn from") as caught:
        gather(tmp_path / "work", root=tmp_path, voices=())
    assert "--audio" in caught.value.hint
    assert "asterisk-core-sounds-en-g722" in caught.value.hint


@needs_espeak
def test_a_voice_that_fails_is_passed_over(tmp_path, few_sentences):
    mute = Voice(ESPEAK, "there is no such voice", "en")
    library = gather(tmp_path / "work", root=tmp_path, voices=(mute, ROBOT))
    assert [unread.name for unread in library.unread] == [mute.label]
    assert [track.about.voice for track in library.tracks] == [ROBOT.label]


def test_a_voice_whose_program_is_missing_is_not_here():
    assert not Voice(Program("no-such-program", "none", "none"), "x", "en").here


@pytest.mark.parametrize("voice", VOICES, ids=lambda voice: voice.label)
def test_every_voice_of_the_table_speaks(voice):
    if not voice.here:
        pytest.skip(f"{voice.program.command} with {voice.name} is not installed")
    said = voice.say('He said "yes" (twice); don\'t \\ worry.')
    assert said.dtype == np.float32
    assert 0.5 < len(said) / RATE < 8
    assert 0.02 < np.abs(said).max() < 1.2


def test_what_is_missing_is_named_with_the_line_that_installs_it(tmp_path):
    lacking = missing(["en"], tmp_path)
    assert "flight-of-the-amazon-queen" in lacking.packages
    assert "asterisk-core-sounds-fr-g722" not in lacking.packages
    assert "libttspico-utils" not in lacking.packages
    assert len(set(lacking.packages)) == len(lacking.packages)
    assert all(package in lacking.line for package in lacking.packages)


def test_the_table_has_a_licence_for_all_and_a_language_for_speech():
    for source in SOURCES:
        assert source.licence
        assert bool(source.language) == (source.kind is Kind.SPEECH)
        assert not source.pattern.startswith("/")


def test_the_script_installs_what_the_tables_name():
    script = Path(__file__).parents[3].joinpath("run").read_text(encoding="utf-8")
    installs = set(script.partition('VOICE_PACKAGES="')[2].partition('"')[0].split())
    free = [voice for voice in VOICES if voice.program.free]
    named = {source.package for source in SOURCES} | {voice.program.package for voice in free}
    named |= {voice.package for voice in free if voice.package} | {"wordnet-base"}
    assert installs == named | {f"debian-faq-{language}" for language in ("de", "fr", "it", "nl", "ru")}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.package}-{source.kind}")
def test_a_package_that_is_installed_has_files_where_the_table_says(source):
    if not Path(f"/usr/share/doc/{source.package}/copyright").exists():
        pytest.skip(f"{source.package} is not installed")
    assert source.files()


def archive(lines):
    """Return lines as ScummVM packs them."""
    table, body = b"", b""
    start = 15 + 21 * len(lines)
    for name, data in lines:
        table += struct.pack(">12sBII", name.encode(), 1, start + len(body), len(data))
        body += data
    return struct.pack(">4s6sBBBH", b"QTBL", b"CEM10", 0, 0, 1, len(lines)) + table + body


@given(
    lines=st.dictionaries(st.from_regex(r"[0-9A-Z]{8}\.(SB|PCX)", fullmatch=True), st.binary(max_size=30), max_size=5)
)
@settings(max_examples=40, deadline=None)
def test_spoken_lines_come_out_of_an_archive_as_they_went_in(lines):
    packed = archive(list(lines.items()))
    assert dict(spoken_lines(packed)) == {name: data for name, data in lines.items() if name.endswith(".SB")}


@pytest.mark.parametrize("data", [b"", b"QTBL", b"RIFF" + bytes(40), archive([("00000000.SB", b"x")])[:20]])
def test_what_is_no_archive_is_refused(data):
    with pytest.raises(ValueError, match="archive"):
        list(spoken_lines(data))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_sentences_begin_large_end_with_a_stop_and_leave_no_slot(seed):
    for held_out in (False, True):
        write = writer("en", held_out=held_out)
        text = write(np.random.default_rng(seed))
        assert text[0].isupper()
        assert text[-1] in ".?!"
        assert not set("{}|_") & set(text)
        assert text == write(np.random.default_rng(seed))


def test_every_slot_of_the_grammar_is_filled():
    slots = {part.split("}")[0] for words in grammar().values() for word in words for part in word.split("{")[1:]}
    assert slots <= set(grammar())
    assert set(grammar()) - slots == {"sentence"}


def test_held_out_sentences_are_others():
    if not examples():
        pytest.skip("wordnet-base is not installed")
    rng = np.random.default_rng(0)
    train, kept = ({writer("en", held_out=held)(rng) for _ in range(50)} for held in (False, True))
    assert len(train) > 45
    assert not train & kept


def test_a_language_without_text_has_no_writer():
    assert writer("tlh") is None


@pytest.mark.parametrize("language", ["de", "fr", "it", "nl", "ru"])
def test_the_faq_of_a_language_can_be_read_aloud(language):
    found = faq(language)
    if not found:
        pytest.skip(f"debian-faq-{language} is not installed")
    assert len(found) > 50
    assert not any(set(sentence) & set("<>{}[]/_@") for sentence in found)


def test_a_single_file_may_be_named(tmp_path):
    path = wav(tmp_path / "a.wav", np.zeros(10, np.float32))
    assert sound_files(path) == [path]


@given(data=st.binary(max_size=60))
@settings(max_examples=30, deadline=None)
def test_what_is_no_wav_is_refused(data):
    with pytest.raises((wave.Error, EOFError)):
        read_wav(data)


@given(lengths=st.lists(st.integers(1, 500), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_a_track_gives_back_what_was_written(tmp_path_factory, lengths):
    path = tmp_path_factory.mktemp("track") / "one.pcm"
    rng = np.random.default_rng(sum(lengths))
    sounds = [rng.uniform(-1, 1, length).astype(np.float32) for length in lengths]
    about = About(Kind.SPEECH, "source", "voice", "CC0-1.0")
    written = write_track(
        path, about, *write_sound(path, [(to_pcm(sound), [Span(0, len(sound), "so")]) for sound in sounds])
    )
    track = read_track(path)
    assert track == written
    for sound, span in zip(sounds, track.spans, strict=True):
        assert np.allclose(track.sound(span.start, span.stop), sound, atol=1e-4)
