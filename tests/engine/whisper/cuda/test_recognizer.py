"""The GPU's recogniser, on the host in float32, hears what CTranslate2 hears: the same words at the same times."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

import ctranslate2  # noqa: E402

from engine.pipeline import Pipeline  # noqa: E402
from engine.records import AudioBlock, Caption, Window, Word  # noqa: E402
from engine.settings import EngineSettings  # noqa: E402
from engine.units import SAMPLE_RATE, SAMPLES_PER_POSITION, samples  # noqa: E402
from engine.whisper import cpu  # noqa: E402
from engine.whisper.cuda.device.host import HostDevice  # noqa: E402
from engine.whisper.cuda.recognizer import CudaRecognizer  # noqa: E402
from engine.whisper.cuda.sound.encoding import STEP  # noqa: E402
from engine.whisper.recognizer import Context  # noqa: E402
from tests.benchmarks import random_weights  # noqa: E402
from tests.benchmarks.recordings import load  # noqa: E402
from tests.fake_gpu import fake_gpu  # noqa: E402
from tests.material import recording  # noqa: E402
from tests.whispers import DEVICE, folder  # noqa: E402

SETTINGS = EngineSettings(vocabulary=("Kennedy", "Dvorak"))


@cache
def sound(clip="native/jfk.flac"):
    return load(recording(clip))


@cache
def ours(name, context, settings=SETTINGS, *, drafts=False):
    return CudaRecognizer(folder(name), context, settings, DEVICE, drafts=drafts)


@pytest.fixture(scope="module")
def theirs():
    """CTranslate2 in float32, which encodes windows in our steps of a second."""
    with pytest.MonkeyPatch.context() as patch:
        whisper = ctranslate2.models.Whisper
        patch.setattr(ctranslate2.models, "Whisper", lambda *a, **k: whisper(*a, **(k | {"compute_type": "float32"})))
        patch.setattr(cpu, "ENCODED", STEP * SAMPLES_PER_POSITION)
        yield cache(lambda name, context, settings=SETTINGS: cpu.CpuRecognizer(folder(name), context, settings))


def window(clip, start_s, stop_s, **further):
    start, stop = samples(start_s), samples(stop_s)
    return Window(sound(clip)[start:stop], start, **({"language": "en"} | further))


JFK, LJ = "native/jfk.flac", "ljspeech/LJ001-0001.wav"
TOLD = {
    "prompt": "The weather was fine.",
    "prefix": (Word(" And", 0, samples(0.7), 0.9), Word(" so", samples(0.7), samples(1.1), 0.9)),
}
WINDOWS = {
    "live": (
        Context.SHORT,
        (
            (JFK, 0, 2.2, {}),
            (JFK, 3, 7.3, {"thorough": True}),
            (LJ, 0, 6, {"thorough": True}),
            (JFK, 0, 5, TOLD),
            (LJ, 2, 2.1, {}),
        ),
    ),
    "tiny.en": (Context.FILLED, ((JFK, 0, 6, TOLD), (LJ, 0, 6, {"thorough": True}))),
}


def compared(found, expected):
    """Return by how many positions each word begins and ends elsewhere; the words must be the same."""
    assert [word.text for word in found.words] == [word.text for word in expected.words]
    assert found.language == expected.language
    assert found.language_probability == pytest.approx(expected.language_probability, abs=1e-3)
    assert found.no_speech_prob == pytest.approx(expected.no_speech_prob, abs=1e-3)
    assert found.avg_logprob == pytest.approx(expected.avg_logprob, abs=1e-3)
    for mine, other in zip(found.words, expected.words, strict=True):
        assert mine.probability == pytest.approx(other.probability, abs=5e-3)
    return [
        abs(a - b) // SAMPLES_PER_POSITION
        for mine, other in zip(found.words, expected.words, strict=True)
        for a, b in ((mine.start, other.start), (mine.stop, other.stop))
    ]


@pytest.mark.model
@pytest.mark.parametrize("name", sorted(WINDOWS))
def test_a_window_is_heard_as_ctranslate2_hears_it(name, theirs):
    context, windows = WINDOWS[name]
    off = []
    for clip, start_s, stop_s, further in windows:
        heard = window(clip, start_s, stop_s, **further)
        off += compared(ours(name, context).recognize(heard), theirs(name, context).recognize(heard))
    assert sum(each <= 2 for each in off) >= 0.98 * len(off)


@pytest.mark.model
def test_a_language_is_detected_on_the_way_and_so_is_the_task(theirs):
    settings = EngineSettings(task="translate")
    heard = Window(sound("non_english/cv_ja_24511055.mp3")[: samples(3)], 0)
    found = ours("base", Context.FILLED, settings).recognize(heard)
    assert found.language == "ja"
    compared(found, theirs("base", Context.FILLED, settings).recognize(heard))


def growing(start_s, stop_s, step_s=0.5):
    stops = range(samples(start_s), samples(stop_s) + 1, samples(step_s))
    return [Window(sound()[:stop], 0, language="en") for stop in stops]


@pytest.mark.model
def test_drafts_change_no_hypothesis_and_save_steps_and_reads():
    """Of a growing window; where the words are those of before, there is one read and few steps."""
    with_drafts, without = ours("live", Context.SHORT, drafts=True), ours("live", Context.SHORT)
    before = replace(with_drafts.counts), replace(without.counts)
    for heard in growing(1.5, 3.5):
        found, expected = with_drafts.recognize(heard), without.recognize(heard)
        assert [word.text for word in found.words] == [word.text for word in expected.words]
        assert compared(found, expected).count(0) == 2 * len(found.words)
    assert with_drafts.counts.steps - before[0].steps < (without.counts.steps - before[1].steps) / 2


@pytest.mark.model
def test_the_captions_of_a_clip_are_those_of_ctranslate2(theirs):
    """Through the whole pipeline, update by update."""
    settings = EngineSettings(language="en", beam=1)
    block = AudioBlock(np.append(sound()[: samples(4.2)], np.zeros(samples(1), np.float32))[:, None], SAMPLE_RATE)
    texts = []
    for recognizer in (ours("live", Context.SHORT, settings, drafts=True), theirs("live", Context.SHORT, settings)):
        pipeline = Pipeline(recognizer, settings)
        events = [*pipeline.feed(block), *pipeline.finish()]
        texts.append("".join(word.text for event in events if isinstance(event, Caption) for word in event.words))
    assert texts[0] == texts[1]
    assert "my fellow Americans" in texts[0]


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    """A multilingual model of random weights whose texts end after a few tokens: for what hangs on no word."""
    made = random_weights.write(tmp_path_factory.mktemp("models") / "model", random_weights.MINIATURE, folder("base"))
    random_weights.end_at(made, 10, end=50257)
    return made


@pytest.mark.model
def test_what_is_prepared_is_not_captured_while_somebody_speaks(miniature):
    class Counting(HostDevice):
        captured = 0

        def capture(self, name, function, *inputs):
            self.captured += 1
            return super().capture(name, function, *inputs)

    device = Counting()
    recognizer = CudaRecognizer(miniature, Context.SHORT, EngineSettings(beam=2), device)
    recognizer.prepare(1.5, tokens=32)
    before = device.captured
    for heard in growing(0.5, 1.0):
        for thorough in (False, True):
            recognizer.recognize(replace(heard, thorough=thorough))
    assert device.captured == before


@pytest.mark.model
@pytest.mark.parametrize(("context", "thorough"), [(Context.SHORT, True), (Context.FILLED, False)])
def test_all_of_it_is_on_the_device_in_half_precision(miniature, context, thorough):
    with fake_gpu(torch.float16) as device:
        recognizer = CudaRecognizer(miniature, context, replace(SETTINGS, beam=2), device)
        heard = Window(sound()[: samples(0.5)], 0, "It was fine.", language="auto", thorough=thorough)
        assert recognizer.recognize(heard).words == ()  # every number that comes back is 0


@pytest.mark.model
def test_a_tensor_of_the_host_among_those_of_the_device_is_refused(miniature):
    with fake_gpu(torch.float16) as device:
        recognizer = CudaRecognizer(miniature, Context.SHORT, SETTINGS, device)
        recognizer._greedy.search.finished = torch.zeros(1, dtype=torch.bool)
        with pytest.raises(RuntimeError, match="device"):
            recognizer.recognize(Window(sound()[: samples(1)], 0, language="en"))
