"""The encoder and decoder compute what Hugging Face's do with real weights, of real clips."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from tests.engine.whisper.cuda.comparison import (  # noqa: E402
    CLIPS,
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


@pytest.mark.parametrize(("name", "dtype"), [("live", torch.float16), ("float16 tiny.en", torch.bfloat16)], ids=str)
def test_real_models_in_half_precision_stay_near_the_reference(name, dtype):
    bound = {torch.float16: 3e-3, torch.bfloat16: 4e-2}[dtype]
    with torch.inference_mode():
        found = real(name, dtype).encode(spectrum(name, CLIPS[0]).to(dtype))
    assert distance(found, states_of(name, CLIPS[0])) < bound


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
