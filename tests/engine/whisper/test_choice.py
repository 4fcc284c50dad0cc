import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from desktop.known_speech import known_speech
from engine.errors import CudaUnavailable, ModelMissing, OutOfMemory
from engine.records import Hypothesis, Window
from engine.settings import EngineSettings
from engine.units import samples
from engine.whisper.batch import OneByOne
from engine.whisper.batch_ladder import LadderBatchRecognizer
from engine.whisper.choice import Candidate, Extras, load_batch_recognizer, load_recognizer
from engine.whisper.driver import Card, Driver
from engine.whisper.graphics_card import Obstacle, find_gpu, find_gpus
from engine.whisper.ladder import GRAPHICS_CARD, LadderRecognizer, Lost
from engine.whisper.recognizer import Context, FailingRecognizer, ScriptedRecognizer
from engine.whisper.selftest import check_hearing
from tests.material import engine

ROOT = Path(__file__).parents[3]
NONE = Obstacle("there is no NVIDIA driver")
EXHAUSTED = OutOfMemory("no memory left")
L4 = Driver("550.54.14", "12.4", (Card("NVIDIA L4", 24 << 30, (8, 9)),))


class MadeUpGpu:
    """Has room for what it is told, and fails as it is told.

    Args:
        room: Names of what fits: "float16", "8 bits".
        faults: By the load, from 0, what it fails with; "window" for what its recognisers fail with.
    """

    def __init__(self, room=("float16", "8 bits"), faults=None):
        self.room, self.faults, self.loads = room, faults or {}, []

    def fits(self, folder, context, settings, *, eight_bits):
        return ("8 bits" if eight_bits else "float16") in self.room

    def slots(self, folder, context, settings, *, eight_bits):
        return 8 if self.fits(folder, context, settings, eight_bits=eight_bits) else 0

    def load_batch(self, folder, context, settings, *, eight_bits, slots, clip):
        recognizer = OneByOne(self.load(folder, context, settings, eight_bits=eight_bits, clip=clip))
        recognizer.ahead = 2 * slots
        return recognizer

    def load(self, folder, context, settings, *, eight_bits, clip):
        self.loads.append((folder.name, eight_bits, clip))
        if error := self.faults.get(len(self.loads) - 1):
            raise error
        return FailingRecognizer(ScriptedRecognizer((), context=context), lambda _: self.faults.get("window"))


@pytest.fixture(scope="module")
def model():
    return engine("tiny.en").installed


@pytest.fixture
def told():
    return []


def loaded(model, device, gpu, told, **extras):
    settings = EngineSettings(device=device)
    return load_recognizer(
        model.path, model.context, settings, Extras("tiny.en", tell=told.append, find_gpu=lambda: gpu, **extras)
    )


def test_the_processor_is_taken_without_a_look_at_the_graphics_card(model, told):
    recognizer = load_recognizer(
        model.path,
        model.context,
        EngineSettings(device="cpu"),
        Extras(find_gpu=lambda: pytest.fail("it was looked at")),
    )
    assert not isinstance(recognizer, LadderRecognizer)


def test_without_a_graphics_card_auto_is_the_processor_and_says_so_in_the_log_only(model, told, caplog):
    caplog.set_level("INFO")
    assert not isinstance(loaded(model, "auto", NONE, told), LadderRecognizer)
    assert NONE.sentence in caplog.text
    assert told == []


@pytest.mark.parametrize("obstacle", [NONE, Obstacle("the driver is old", "Update the NVIDIA driver.")])
def test_without_a_graphics_card_cuda_is_refused_with_the_reason_and_the_mend(model, told, obstacle):
    with pytest.raises(CudaUnavailable, match=obstacle.sentence) as raised:
        loaded(model, "cuda", obstacle, told)
    assert raised.value.hint == obstacle.mend or "--device cpu" in raised.value.hint


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_the_graphics_card_is_taken_where_there_is_one(model, told, device):
    gpu = MadeUpGpu()
    recognizer = loaded(model, device, gpu, told, clip=lambda: "clip")
    assert str(recognizer.rung) == "tiny.en on the graphics card"
    assert [load[1:] for load in gpu.loads] == [(False, "clip")]
    assert (recognizer.context, recognizer.fallback, told) == (model.context, "", [])


def test_what_has_no_room_is_not_tried(model, told):
    gpu = MadeUpGpu(room=("8 bits",))
    assert str(loaded(model, "auto", gpu, told).rung) == "tiny.en in 8 bits on the graphics card"
    assert [eight_bits for _, eight_bits, _ in gpu.loads] == [True]
    assert told == []


def test_where_nothing_has_room_auto_is_the_processor_and_cuda_is_refused(model, told):
    gpu = MadeUpGpu(room=())
    assert not isinstance(loaded(model, "auto", gpu, told), LadderRecognizer)
    assert told == gpu.loads == []
    with pytest.raises(OutOfMemory, match=r"tiny\.en needs more memory than the graphics card has free"):
        loaded(model, "cuda", gpu, told)


def test_a_failed_self_test_is_told_and_the_processor_taken(model, told):
    gpu = MadeUpGpu(faults={0: CudaUnavailable("the self-test failed: known speech gives no text")})
    recognizer = lost_apart(model, gpu, told)
    assert str(recognizer.rung) == "tiny.en on the processor"
    (failure,) = told
    assert failure.message == "the graphics card failed: captions now come from tiny.en on the processor"
    assert failure.hint.startswith("The self-test failed: known speech gives no text.")
    assert len(gpu.loads) == 1


def lost_apart(model, gpu, told, **extras):
    """Load without marking the graphics card of this process as lost."""
    return loaded(model, "auto", gpu, told, lost=Lost(), **extras)


def test_cuda_is_refused_when_the_self_test_fails(model, told):
    gpu = MadeUpGpu(faults={0: CudaUnavailable("the self-test failed")})
    with pytest.raises(CudaUnavailable, match="the self-test failed"):
        loaded(model, "cuda", gpu, told, lost=Lost())


def small(name, found=True):
    def find():
        if not found:
            raise ModelMissing(f"{name} is not here")
        return Path("/models") / name, Context.SHORT

    return Candidate(name, find)


def test_a_smaller_model_steps_in_before_the_processor(model, told):
    gpu = MadeUpGpu(faults={0: EXHAUSTED, 1: EXHAUSTED})
    recognizer = loaded(model, "auto", gpu, told, smaller=lambda: [small("tiny")])
    assert str(recognizer.rung) == "tiny on the graphics card"
    assert [(name, eight_bits) for name, eight_bits, _ in gpu.loads][-1] == ("tiny", False)
    assert len(told) == 1


def test_a_smaller_model_that_is_not_here_is_passed_over(model, told):
    gpu = MadeUpGpu(faults={0: EXHAUSTED, 1: EXHAUSTED})
    lost = Lost()
    recognizer = loaded(model, "auto", gpu, told, smaller=lambda: [small("tiny", found=False)], lost=lost)
    assert str(recognizer.rung) == "tiny.en on the processor"
    assert not lost.reason(GRAPHICS_CARD), "nothing is wrong with the card"


def test_captions_go_on_on_the_processor_also_where_cuda_was_demanded(model, told):
    gpu = MadeUpGpu(faults={"window": EXHAUSTED})
    recognizer = loaded(model, "cuda", gpu, told)
    heard = recognizer.recognize(Window(np.zeros(samples(1), np.float32), 0))
    assert isinstance(heard, Hypothesis)
    assert str(recognizer.rung) == "tiny.en on the processor"
    assert [failure.kind for failure in told] == ["OutOfMemory"]


def loaded_batch(model, device, gpus, told, **extras):
    extras = Extras("tiny.en", tell=told.append, find_gpus=lambda: gpus, lost=Lost(), **extras)
    return load_batch_recognizer(model.path, model.context, EngineSettings(device=device), extras)


@pytest.fixture
def second():
    return Window(np.zeros(samples(1), np.float32), 0, language="en")


@pytest.mark.parametrize("device", ["auto", "cuda"])
@pytest.mark.parametrize("cards", [1, 2])
def test_recordings_take_every_graphics_card(model, told, device, cards, second):
    gpus = [MadeUpGpu() for _ in range(cards)]
    recognizer = loaded_batch(model, device, gpus, told, clip=lambda: "clip")
    assert isinstance(recognizer, LadderBatchRecognizer)
    assert str(recognizer.rung) == f"tiny.en, {8 * cards} at a time on the graphics card"
    assert [gpu.loads for gpu in gpus] == [[(model.path.name, False, "clip")]] * cards
    assert recognizer.ahead == 16 * cards
    assert isinstance(recognizer.submit(second).result(timeout=20), Hypothesis)
    assert told == []
    recognizer.close()


def test_recordings_step_down_to_fewer_windows_and_then_to_the_processor(model, told, second):
    """Told once for each change, and what was asked is answered."""
    gpu = MadeUpGpu(faults={1: EXHAUSTED, "window": EXHAUSTED})
    recognizer = loaded_batch(model, "auto", [gpu], told)
    assert isinstance(recognizer.submit(second).result(timeout=60), Hypothesis)
    assert str(recognizer.rung) == "tiny.en on the processor"
    assert len(gpu.loads) == 3
    assert [failure.message for failure in told] == [
        f"the graphics card ran out of memory: recordings now go through {rung}"
        for rung in ("tiny.en, 2 at a time on the graphics card", "tiny.en on the processor")
    ]
    recognizer.close()


def test_recordings_end_in_a_sentence_where_a_demanded_graphics_card_fails(model, told, second):
    recognizer = loaded_batch(model, "cuda", [MadeUpGpu(faults={"window": EXHAUSTED})], told)
    with pytest.raises(CudaUnavailable, match="the graphics card ran out of memory"):
        recognizer.submit(second).result(timeout=20)
    recognizer.close()


@pytest.mark.parametrize("gpus", [NONE, [MadeUpGpu(room=())]])
def test_recordings_without_room_on_a_graphics_card_take_the_processor_or_are_refused(model, told, gpus, caplog):
    caplog.set_level("INFO")
    recognizer = loaded_batch(model, "auto", gpus, told)
    assert not isinstance(recognizer, LadderBatchRecognizer)
    assert "computing on the processor: " in caplog.text
    recognizer.close()
    with pytest.raises((CudaUnavailable, OutOfMemory)) as raised:
        loaded_batch(model, "cuda", gpus, told)
    assert raised.value.hint
    assert told == []


def test_without_a_graphics_card_there_are_none():
    assert find_gpus(None, Lost()) == NONE


@pytest.mark.parametrize(
    ("driver", "sentence", "mend"),
    [
        (None, "there is no NVIDIA driver", ""),
        (Driver("550.54.14"), "shows no graphics card", ""),
        (Driver(problem="the NVIDIA driver does not start: error 999"), "error 999", "Restart the computer"),
    ],
)
def test_an_obstacle_says_what_and_how_to_mend_it(driver, sentence, mend):
    obstacle = find_gpu(driver, Lost())
    assert sentence in obstacle.sentence
    assert obstacle.mend.startswith(mend)


def test_a_graphics_card_that_failed_is_not_looked_at_again():
    lost = Lost()
    lost.add(GRAPHICS_CARD, "NVIDIA L4 failed: CUDA error: unspecified launch failure", None)
    assert find_gpu(L4, lost) == Obstacle(
        "NVIDIA L4 failed: CUDA error: unspecified launch failure", "Start Undertext again to use it."
    )


def test_a_graphics_card_without_torch_is_told_how_to_get_it():
    if find_spec("torch") is None:
        assert "torch" in find_gpu(L4, Lost()).sentence
        assert "./run gpu" in find_gpu(L4, Lost()).mend
        return
    import torch

    if torch.version.cuda is None:
        obstacle = find_gpu(L4, Lost())
        assert obstacle.sentence == "this PyTorch was built without CUDA"
        assert "pytorch.org" in obstacle.mend


AUTO = """
import sys
from pathlib import Path
from engine.settings import EngineSettings
from engine.whisper.choice import load_recognizer
from engine.whisper.driver import find_driver
from engine.whisper.recognizer import Context
load_recognizer(Path(sys.argv[1]), Context.SHORT, EngineSettings(device="auto"))
driver = find_driver()
print("torch" in sys.modules, bool(driver and driver.cards))
"""


def test_auto_imports_no_torch_where_there_is_no_graphics_card(model):
    told = subprocess.run(
        [sys.executable, "-c", AUTO, str(model.path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout.split()
    assert told in (["False", "False"], ["True", "True"])


@pytest.mark.parametrize("name", ["tiny.en", "base", "live"])
def test_every_model_here_hears_the_known_speech(name):
    check_hearing(engine(name).recognizer, known_speech())
