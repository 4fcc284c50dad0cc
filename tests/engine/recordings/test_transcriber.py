"""Many files at once: each is heard as if it were alone, in its own language, and costs at most itself."""

import wave
from concurrent.futures import Future
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
import pytest

from desktop.assets import DEMO_CLIP
from engine.audio.media import MediaSound
from engine.errors import CudaUnavailable, OutOfMemory
from engine.recordings.hearing import Heard
from engine.recordings.listening import Listening
from engine.recordings.transcriber import LENGTHS, MIXED, Advanced, Failed, Finished, Job, Transcriber, Unkept
from engine.records import Hypothesis, Word
from engine.speech.vad import SpeechDetector
from engine.units import samples
from engine.whisper.batch import BatchRecognizer
from engine.whisper.recognizer import Context


@dataclass
class Listener:
    """Hears a word of its own every half second, in the language that a rule says; answers at once, the last first.

    Attributes:
        detect: Says which language is heard in a window.
        asked: The languages that windows were asked for in.
        at_once: The most windows that waited.
    """

    detect: object = lambda window: "en"
    ahead: int = 4
    context: Context = Context.PADDED
    languages: tuple[str, ...] = ("en", "de")
    asked: list[str] = field(default_factory=list)

    def submit(self, window):
        self.asked.append(window.language)
        language = self.detect(window) if window.language == "auto" else window.language
        step = samples(0.5)
        words = tuple(
            Word(f" {sha256(bytes(at)).hexdigest()[:6]}", at, at + step, 0.9)
            for at in range(0, len(window.samples), step)
        )
        future = Future()
        future.set_result(Hypothesis(words, language, 0.9, -0.2, 0.0))
        return future

    def close(self):
        pass


@pytest.fixture(scope="module")
def speech():
    """Half a minute in which somebody speaks, int16."""
    with MediaSound(DEMO_CLIP) as sound:
        blocks = []
        while len(block := sound.read()):
            blocks.append(block)
    return np.concatenate(blocks)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, speech):
    """One talk of three minutes, one short, one silent, one broken."""
    folder = tmp_path_factory.mktemp("talks")
    pause = np.zeros(samples(2), np.int16)
    sounds = {"long": np.tile(np.concatenate([speech, pause]), 5), "short": speech[: samples(8)], "silent": pause}
    for name, sound in sounds.items():
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            file.writeframes(sound.tobytes())
    (folder / "broken.wav").write_bytes(b"RIFF")
    return folder


def outcome(folder, listener, *names, language="auto", jobs=None):
    jobs = jobs or [Job(folder / f"{name}.wav") for name in names]
    reports = list(Transcriber(listener, language).transcribe(jobs))
    last = {report.job.path.stem: report for report in reports if not isinstance(report, Advanced)}
    for name, report in last.items():
        steps = [step.done for step in reports if isinstance(step, Advanced) and step.job is report.job]
        assert steps == sorted(steps), name
    return last


def test_the_fakes_keep_the_protocol():
    assert isinstance(Listener(), BatchRecognizer)


def test_the_takes_of_a_file_hold_its_speech_and_its_sound(folder, speech):
    listening = Listening(folder / "long.wav", SpeechDetector(), LENGTHS)
    takes = list(listening.takes())
    listening.close()
    whole = np.tile(np.concatenate([speech, np.zeros(samples(2), np.int16)]), 5)
    assert listening.heard == listening.length == len(whole)
    assert [take.number for take in takes] == list(range(len(takes)))
    assert len(takes) >= len(whole) / samples(30)
    for take in takes:
        np.testing.assert_array_equal(
            take.sound, np.concatenate([whole[start:stop] for start, stop in take.spans]) / np.float32(32768)
        )
        assert take.heard(*take.whole) > 0.9
        assert take.heard(take.whole[1] + samples(60), take.whole[1] + samples(61)) == 0


def test_company_changes_nothing_and_what_fails_is_told(folder):
    alone = outcome(folder, Listener(), "long")["long"]
    together = outcome(folder, Listener(), "short", "broken", "long", "silent")
    assert together["long"].heard == alone.heard
    assert len(together["short"].heard) == 1
    assert (together["silent"].heard, together["silent"].length) == ((), samples(2))
    assert isinstance(together["broken"], Failed)
    assert "broken.wav cannot be read" in together["broken"].error.sentence


def test_the_language_of_a_file_is_that_of_most_of_its_first_takes(folder):
    told = iter(["en", "de", "de", "en", "de", "en", "en", "en", "en"])
    listener = Listener(detect=lambda window: next(told))
    heard = outcome(folder, listener, "long")["long"].heard
    assert {take.language for take in heard} == {"de"}
    assert len(heard) > 4


def test_mixed_languages_are_heard_take_by_take(folder):
    told = iter(["en", "de"] * 9)
    heard = outcome(folder, Listener(detect=lambda window: next(told)), "long", language=MIXED)["long"].heard
    assert [take.language for take in heard[:4]] == ["en", "de", "en", "de"]


def test_a_language_that_is_told_is_asked_for(folder):
    listener = Listener()
    outcome(folder, listener, "long", "short", language="de")
    assert set(listener.asked) == {"de"}


@dataclass
class Shelf:
    """Keeps takes in memory."""

    finished: list[Heard] = field(default_factory=list)

    def keep(self, heard):
        self.finished.append(heard)


@pytest.mark.parametrize("done", [0, 1, 3, 99])
def test_what_is_kept_is_not_heard_again(folder, done):
    whole, listener = Shelf(), Listener()
    first = outcome(folder, listener, jobs=[Job(folder / "long.wav", whole)])["long"]
    kept, again = Shelf(whole.finished[:done]), Listener()
    second = outcome(folder, again, jobs=[Job(folder / "long.wav", kept)])["long"]
    assert second.heard == first.heard
    assert kept.finished == whole.finished
    assert len(again.asked) == max(0, len(listener.asked) - done)


def test_a_recogniser_without_memory_fails_the_file(folder):
    class Small(Listener):
        def submit(self, window):
            future = Future()
            future.set_exception(OutOfMemory("no memory left to decode", hint="Choose a smaller model."))
            return future

    ended = outcome(folder, Small(), "short", "silent")
    assert isinstance(ended["short"], Failed)
    assert isinstance(ended["silent"], Finished)


def test_a_graphics_card_that_was_demanded_and_fails_ends_the_run(folder):
    class Lost(Listener):
        def submit(self, window):
            future = Future()
            future.set_exception(CudaUnavailable("NVIDIA L4 failed"))
            return future

    with pytest.raises(CudaUnavailable, match="NVIDIA L4 failed"):
        outcome(folder, Lost(), "short", "silent")


def test_a_file_that_keeps_nothing_has_nothing_kept():
    keeper = Unkept()
    keeper.keep(Heard((), "en", 1.0))
    assert list(keeper.finished) == []
