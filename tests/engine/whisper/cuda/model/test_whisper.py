"""The encoder and decoder compute what Hugging Face's do, in every published shape."""

from concurrent.futures import ThreadPoolExecutor

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.whisper.cuda.model.whisper import Whisper  # noqa: E402
from tests.engine.whisper.cuda.comparison import CPU, LAYERS, compared_at_random, distance  # noqa: E402
from tests.engine.whisper.cuda.published import POSITIONS, SHAPES, SMALL, checkpoint_of, random_model  # noqa: E402

pytestmark = pytest.mark.long


def cut():
    """Return the published shapes by their names; those that are one when their layers are cut, once."""
    names = {}
    for name, (mels, width, _, _, vocabulary) in SHAPES.items():
        names.setdefault((mels, width, LAYERS, LAYERS, vocabulary), []).append(name)
    return [pytest.param(shape, id=", ".join(found)) for shape, found in names.items()]


@pytest.mark.parametrize("shape", cut())
def test_every_published_shape_computes_what_the_reference_does_with_2_layers_a_side(shape):
    found = compared_at_random(shape, torch.float32)
    assert max(found.values()) < 1e-5, found


@pytest.mark.parametrize("seed", range(8))
def test_small_models_of_any_weights_compute_what_the_reference_does(seed):
    found = compared_at_random(SMALL, torch.float32, seed)
    assert max(found.values()) < 1e-5, found


# bfloat16 has 8 bits. The reference itself, all in bfloat16, ends as far away: 1.4 % on tiny.en, 2.6 % on base. Most of
# it comes of biases, norms, places and sums that are rounded: with only the factors of products in bfloat16 it is less
# than 1 % (`test_real_weights.py`). The engine computes in float16, whatever its file holds.
@pytest.mark.parametrize(
    ("name", "dtype", "bound"),
    [("tiny.en", torch.float16, 5e-3), ("large-v3-turbo", torch.float16, 5e-3), ("tiny.en", torch.bfloat16, 3e-2)],
)
def test_half_precision_stays_near_the_reference(name, dtype, bound):
    found = compared_at_random(SHAPES[name], dtype)
    assert max(found.values()) < bound, found


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_no_further_from_the_truth_than_the_references_own(dtype):
    """What a dtype costs is its own affair; what we add to it must be nothing."""
    reference = random_model(SHAPES["tiny.en"])
    mel = torch.randn(2, 80, 2 * POSITIONS, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = reference.model.encoder(mel).last_hidden_state
        model = Whisper(checkpoint_of(reference), CPU, dtype)
        found = distance(model.encode(mel.to(dtype)), expected)
        theirs = distance(reference.to(dtype).model.encoder(mel.to(dtype)).last_hidden_state, expected)
    assert found < 1.1 * theirs, (found, theirs)


def test_models_in_several_threads_leave_torchs_choice_of_attention_as_it_was():
    model = Whisper(checkpoint_of(random_model(SMALL)), CPU, torch.float32)
    mel = torch.randn(1, SMALL[0], 20)
    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(model.encode, mel) for _ in range(600)]:
            each.result()
    assert torch.backends.cuda.math_sdp_enabled()
