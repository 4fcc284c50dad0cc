"""Weights in fewer bits stand for what they were, and a model of them computes nearly the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.whisper.cuda.decoding.rules import Rules  # noqa: E402
from engine.whisper.cuda.decoding.search import Order, Search  # noqa: E402
from engine.whisper.cuda.model.dims import Precision  # noqa: E402
from engine.whisper.cuda.model.layers import Linear  # noqa: E402
from engine.whisper.cuda.model.precision import Fp8Linear, fp8, int8, precise  # noqa: E402
from engine.whisper.cuda.model.weights import read_checkpoint  # noqa: E402
from engine.whisper.cuda.model.whisper import Whisper  # noqa: E402
from engine.whisper.model_bin import read_index  # noqa: E402
from tests.engine.whisper.cuda.comparison import (  # noqa: E402
    CLIPS,
    CPU,
    compared_at_random,
    distance,
    folder,
    spectrum,
    states_of,
)
from tests.engine.whisper.cuda.published import SMALL, checkpoint_of, random_model  # noqa: E402
from tests.whispers import DEVICE, SMALL_MARKS  # noqa: E402

seeds = st.integers(0, 2**32)
# How far the encoder and the logits may go from float32: what was seen (int8 0.6 %, FP8 3.4 %), and half more.
BOUNDS = {Precision.INT8: 1e-2, Precision.FP8: 5e-2}


def random_layer(seed, outputs=48, inputs=32, strength=3):
    make = torch.Generator().manual_seed(seed)
    rows = (
        torch.randn(outputs, 1, generator=make).exp() ** strength
    )  # 3: some rows are a thousand times as strong as others
    weight = torch.randn(outputs, inputs, generator=make) * rows
    weight[0] = 0
    return Linear(weight, torch.randn(outputs, generator=make)), make


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_int8_is_off_by_half_a_step_of_each_row(seed):
    layer, _ = random_layer(seed)
    small = int8(layer)
    assert (small.weight.dtype, small.scales.dtype, small.scales.shape) == (torch.int8, torch.float32, (48,))
    off = (small.widened(torch.float32) - layer.weight).abs()
    assert (off <= 0.5001 * small.scales[:, None]).all()
    assert (small.weight.abs().amax(1)[1:] == 127).all()


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_fp8_is_off_by_a_sixteenth_of_each_weight_or_by_nothing_much(seed):
    layer, _ = random_layer(seed)
    small = fp8(layer)
    off = (small.weight.float() * small.scales[:, None] - layer.weight).abs()
    # 3 bits behind the point; below 2⁻⁶ steps of 2⁻⁹.
    assert (off <= 1.001 * torch.maximum(layer.weight.abs() / 16, small.scales[:, None] * 2**-10)).all()


@settings(max_examples=50, deadline=None)
@given(seeds, st.sampled_from([torch.float32, torch.float16, torch.bfloat16]), st.integers(1, 40))
def test_what_stands_for_the_chips_product_is_what_torch_calls_it(seed, dtype, n):
    layer, make = random_layer(seed, strength=1)  # float16 ends at 65,504
    x = torch.randn(2, n, 32, generator=make).to(dtype)
    small = fp8(Linear(layer.weight.to(dtype), layer.bias.to(dtype)))
    found = small(x)
    assert (found.dtype, found.shape) == (dtype, (2, n, 48))
    rows = x.flatten(0, 1).float()
    scales = (rows.abs().amax(1, keepdim=True) / 448).clamp(min=1e-12)
    eight_bits = (rows / scales).to(torch.float8_e4m3fn)
    theirs = torch._scaled_mm(
        eight_bits, small.weight.t(), scales, small.scales[None], out_dtype=torch.bfloat16
    )  # fmt: skip
    expected = (theirs.to(dtype) + small.bias).to(dtype)
    # Two ways to add up may round to two neighbours.
    torch.testing.assert_close(found.flatten(0, 1).float(), expected.float(), rtol=2**-7, atol=2**-7)


def test_a_row_of_zeros_stays_zero():
    nothing = Linear(torch.zeros(16, 16), torch.ones(16))
    for small in (int8(nothing), fp8(nothing)):
        assert torch.equal(small(torch.zeros(1, 3, 16)), torch.ones(1, 3, 16))
        assert torch.equal(small(torch.randn(1, 3, 16)), torch.ones(1, 3, 16))


@pytest.mark.parametrize("precision", Precision)
def test_each_rung_takes_the_layers_it_should(precision):
    seen = {}
    make = precise(precision)

    def note(name, layer):
        seen[name] = (make(name, layer) if make else layer, layer.weight.dtype)
        return seen[name][0]

    Whisper(checkpoint_of(random_model(SMALL)), CPU, torch.bfloat16, precise=note)
    for name, (layer, _) in seen.items():
        small = precision is Precision.INT8 or (precision is Precision.FP8 and name.startswith("encoder/"))
        assert (layer.scales is not None) is small
        assert isinstance(layer, Fp8Linear) is (small and precision is Precision.FP8)
    assert "decoder/embeddings" in seen
    assert not any("conv" in name for name in seen)


def widened(_name, layer):
    """Return a layer of what its int8 weights stand for."""
    return Linear(int8(layer).widened(torch.float32), layer.bias)


@pytest.mark.parametrize("seed", range(3))
def test_a_model_in_int8_computes_what_its_widened_weights_would(seed):
    """Prompt and step by step, embeddings and logits: only the weights differ from the published ones."""
    reference = random_model(SMALL, seed)
    small = Whisper(checkpoint_of(reference), CPU, torch.float32, precise=precise(Precision.INT8))

    wide = Whisper(checkpoint_of(reference), CPU, torch.float32, precise=widened)
    make = torch.Generator().manual_seed(seed)
    mel, tokens = torch.randn(1, 80, 120, generator=make), torch.randint(0, 300, (1, 6), generator=make)
    with torch.inference_mode():
        said = [everything(model, mel, tokens) for model in (small, wide)]
    for found, expected in zip(*said, strict=True):
        assert distance(found, expected) < 1e-5


def everything(model, mel, tokens):
    """Return encoder states, logits of the tokens read at once, and of the last taken by itself."""
    states = model.encode(mel)
    cache, memory = model.cache(1), model.memory(1, states.shape[1])
    model.remember(states, memory)
    memory.lengths.fill_(states.shape[1])
    hidden, _ = model.read(tokens, torch.zeros(1, dtype=torch.int64), cache, memory)
    last, _ = model.step(tokens[:, -1], torch.tensor([tokens.shape[1] - 1]), cache, memory)
    return states, model.logits(hidden), model.logits(last)


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_search_writes_with_int8_what_it_writes_with_the_widened_weights(seed, beams):
    written = [searched(make, seed, beams) for make in (lambda _name, layer: int8(layer), widened)]
    assert written[0] == written[1]
    assert len(written[0]) > 2


def searched(make, seed, beams):
    """Return what a small model writes of noise."""
    torch.manual_seed(seed)
    reference = random_model((80, 128, 1, 2, SMALL_MARKS.untimed + 41), seed)
    with torch.no_grad():  # rows of one strength have one scale, and the likeliest is the same without it
        reference.proj_out.weight *= torch.rand(SMALL_MARKS.untimed + 41, 1) + 0.5
    model = Whisper(checkpoint_of(reference), CPU, torch.float32, precise=make)
    memory = model.memory(1, 60)
    search = Search(model, DEVICE, Rules(SMALL_MARKS, model.dims.vocabulary, CPU), memory, beams=beams)
    model.remember(torch.randn(1, 60, 128, generator=torch.Generator().manual_seed(seed)), memory)
    memory.lengths.fill_(60)
    search.tell(Order([41, 49], 0, 20), 0)
    search.enter(memory)
    search.finish()
    tokens, lengths, _ = search.chosen()
    return tokens[0, : int(lengths[0])].tolist()


@pytest.mark.parametrize("precision", BOUNDS)
def test_a_random_model_in_fewer_bits_stays_near_the_reference(precision):
    found = compared_at_random((80, 384, 4, 4, 3000), torch.float32, precise=precise(precision))
    assert max(found["encoder"], found["logits"]) < BOUNDS[precision], found


@pytest.mark.model
@pytest.mark.parametrize(("precision", "bound"), [(Precision.INT8, 4e-2), (Precision.FP8, 0.12)])  # 2 and 7 %
def test_a_real_model_in_fewer_bits_stays_near_the_reference(precision, bound):
    name = "float16 tiny.en"
    model = Whisper(read_checkpoint(folder(name)), CPU, torch.float32, precise=precise(precision))
    with torch.inference_mode():
        found = distance(model.encode(spectrum(name, CLIPS[0])), states_of(name, CLIPS[0]))
    assert 1e-3 < found < bound


@pytest.mark.model
def test_a_model_that_is_int8_already_keeps_its_integers():
    checkpoint = read_checkpoint(folder("live"))
    with (folder("live") / "model.bin").open("rb") as file:
        stored = {variable.name: variable for variable in read_index(file).variables}
        for name in ("decoder/embeddings", "encoder/layer_0/ffn/linear_0", "decoder/layer_3/attention/linear_1"):
            variable = stored[f"{name}/weight"]
            file.seek(variable.offset)
            expected = torch.frombuffer(bytearray(file.read(variable.bytes)), dtype=torch.int8)
            found = int8(Linear(checkpoint.tensor(f"{name}/weight").half())).weight.flatten()
            assert torch.equal(found, expected)
