"""The user's names and terms with real weights: written where they are said, and nowhere else."""

from pathlib import Path

import pytest

from engine.audio.sources import FileSource
from engine.pipeline import Pipeline
from engine.records import Caption
from engine.settings import EngineSettings
from engine.vocabulary import terms_of
from engine.whisper.choice import load_recognizer
from tests.material import engine, recording

pytestmark = [pytest.mark.long, pytest.mark.model]
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
QUICK = ("live", "tiny.en")
NAMES = terms_of((BENCHMARKS / "names.txt").read_text(encoding="utf-8"))


def captioned(model, name, terms, *, hurry=False):
    """Return what a model makes of a recording, with a vocabulary."""
    installed, chosen = engine(model).installed, EngineSettings(language="en", vocabulary=terms)
    pipeline = Pipeline(load_recognizer(installed.path, installed.context, chosen), chosen)
    source, events = FileSource(recording(name)), []
    source.open()
    while not source.exhausted:
        for block in source.read(0):
            events += pipeline.feed(block, hurry=hurry)
    events += pipeline.finish()
    return "".join(word.text for event in events if isinstance(event, Caption) for word in event.words)


# Each kind of sound goes to each model; more of them to those that are quick. The others hear in a hurry what they are
# not to hear anything in.
HOTWORDS, GUTENBERG = ("native/fw_hotwords.mp3", "ComfyUI"), ("ljspeech/LJ001-0007.wav", "Gutenberg")
EMPTY, NOISE, MUSIC = "leopard_empty.wav", "noise_speechbrain_noise4.wav", "music_vibe_ace.ogg"
SPEECH, NOVEL = "native/jfk.flac", "native/sense_and_sensibility_01_austen_64kb-0920.wav"


@pytest.mark.parametrize(
    ("model", "clip"),
    # tiny.en-live writes "comfy. I" with the term and without, and so does tiny.en on a processor without VNNI
    [("live", GUTENBERG), ("tiny.en", GUTENBERG), ("base", HOTWORDS)],
)
def test_a_term_that_is_said_is_written(model, clip):
    name, term = clip
    assert term.casefold() in captioned(model, name, (term,)).casefold()


@pytest.mark.parametrize(
    ("model", "name"), [*((model, name) for model in QUICK for name in (EMPTY, NOISE, MUSIC)), ("base", NOISE)]
)
def test_no_term_is_written_where_nobody_speaks(model, name):
    assert captioned(model, f"non_speech/{name}", NAMES, hurry=model not in QUICK) == ""


@pytest.mark.parametrize(("model", "name"), [("live", SPEECH), ("live", NOVEL), ("tiny.en", NOVEL), ("base", NOVEL)])
def test_no_term_is_written_where_it_is_not_said(model, name):
    written = captioned(model, name, NAMES, hurry=model not in QUICK)
    assert written
    assert not [term for term in NAMES if term.lower() in written.lower()]
