"""The encoder and decoder compute what Hugging Face's do with real weights, of real clips."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from torch.nn import functional  # noqa: E402

from engine.whisper.cuda.model.layers import Linear  # noqa: E402
from engine.whisper.cuda.model.weights import read_checkpoint  # noqa: E402
from engine.whisper.cuda.model.whisper import Whisper  # noqa: E402
from tests.engine.whisper.cuda.comparison import (  # noqa: E402
    CLIPS,
    CPU,
    REAL,
    compared,
    distance,
    folder,
    greedy,
    opening,
    real,
    references_choice,
    spectrum,
    states_of,
)
from tests.reference import whisper  # noqa: E402

pytestmark = pytest.mark.model


@pytest.mark.parametrize("name", REAL)
def test_real_models_compute_what_the_reference_does(name):
    mel = spectrum(name, CLIPS[0])
    positions = mel.shape[2] // 2
    words = torch.tensor([[*opening(name), 314, 2068, 257, 287]])
    found = compared(
        whisper(folder(name), positions),
        real(name, torch.float32),
        mel,
        words,
        torch.tensor([positions], dtype=torch.int32),
        prompt=len(opening(name)),
        beams=1,
    )
    assert max(found.values()) < 1e-5, found


class Bfloat16(Linear):
    """Rounds both factors of its products to bfloat16; sums, and what is between the products, stay float32."""

    def __call__(self, x):
        return functional.linear(x.bfloat16().float(), self.weight.bfloat16().float(), self.bias)


@pytest.mark.parametrize("name", REAL)
def test_real_models_in_float16_stay_near_the_reference(name):
    with torch.inference_mode():
        found = real(name, torch.float16).encode(spectrum(name, CLIPS[0]).to(torch.float16))
    assert distance(found, states_of(name, CLIPS[0])) < 3e-3


@pytest.mark.parametrize("name", REAL)
def test_real_models_with_products_in_bfloat16_stay_near_the_reference(name):
    precise = lambda _, layer: Bfloat16(layer.weight, layer.bias)  # noqa: E731
    with torch.inference_mode():
        model = Whisper(read_checkpoint(folder(name)), CPU, torch.float32, precise=precise)
        found = model.encode(spectrum(name, CLIPS[0]))
    assert distance(found, states_of(name, CLIPS[0])) < 1e-2


@pytest.mark.parametrize(
    ("name", "dtype", "clips"),
    [
        ("float16 tiny.en", torch.float32, CLIPS[:1] + CLIPS[3:]),
        ("float16 tiny.en", torch.float16, CLIPS[:1]),
        ("live", torch.float32, CLIPS[1:3]),
        ("live", torch.float16, CLIPS[:1]),
        ("base", torch.float32, CLIPS[:1]),
    ],
)
def test_real_models_write_what_the_reference_would(name, dtype, clips):
    for clip in clips:
        tokens = greedy(name, dtype, clip)
        assert len(tokens) > 8
        assert tokens[len(opening(name)) :] == references_choice(name, clip, tokens)
