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

pytestmark = pytest.mark.model
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NAMES = terms_of((BENCHMARKS / "names.txt").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=["live", "tiny.en", "base"])
def captioned(request):
    """Return what a model makes of a recording, with a vocabulary."""
    model = engine(request.param).installed

    def caption(name, terms):
        chosen = EngineSettings(language="en", vocabulary=terms)
        pipeline = Pipeline(load_recognizer(model.path, model.context, chosen), chosen)
        source, events = FileSource(recording(name)), []
        source.open()
        while not source.exhausted:
            for block in source.read(0):
                events += pipeline.feed(block)
        events += pipeline.finish()
        return "".join(word.text for event in events if isinstance(event, Caption) for word in event.words)

    return caption


@pytest.mark.parametrize(
    ("name", "term"), [("native/fw_hotwords.mp3", "ComfyUI"), ("ljspeech/LJ001-0007.wav", "Gutenberg")]
)
def test_a_term_that_is_said_is_written(captioned, name, term, request):
    if term == "ComfyUI" and "live" in request.node.name:
        pytest.skip("tiny.en-live writes 'comfy. I' with the term and without")
    assert term.casefold() in captioned(name, (term,)).casefold()


@pytest.mark.parametrize("name", ["leopard_empty.wav", "noise_speechbrain_noise4.wav", "music_vibe_ace.ogg"])
def test_no_term_is_written_where_nobody_speaks(captioned, name):
    assert captioned(f"non_speech/{name}", NAMES) == ""


@pytest.mark.parametrize("name", ["native/jfk.flac", "native/sense_and_sensibility_01_austen_64kb-0920.wav"])
def test_no_term_is_written_where_it_is_not_said(captioned, name):
    written = captioned(name, NAMES)
    assert written
    assert not [term for term in NAMES if term.lower() in written.lower()]
