"""The encoder and decoder compute what Hugging Face's do: in every published shape, and with real weights."""

from dataclasses import dataclass

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.whisper.cuda.model import Whisper  # noqa: E402
from tests.engine.whisper.cuda.published import POSITIONS, SHAPES, SMALL, checkpoint_of, random_model  # noqa: E402

CPU = torch.device("cpu")
LONG = 3  # layers of each side that a wide model keeps, so that it takes a second
CLIPS = ("native/jfk.flac", "ljspeech/LJ001-0001.wav", "read_pm/pm_LJ001-0049.flac", "speechocean/011560100.wav")


def distance(found, expected):
    """Return ‖found − expected‖ / ‖expected‖."""
    return float((found.double() - expected.double()).norm() / expected.double().norm())


@dataclass
class Said:
    """What a decoder says of sequences, teacher-forced: logits [b, n, v] and attention [b, heads, n, positions]."""

    logits: torch.Tensor
    attention: torch.Tensor


def theirs(model, aligned, tokens, states) -> Said:
    """Ask the reference of tokens [b, n] over states [b, positions, width]."""
    found = model.model.decoder(input_ids=tokens, encoder_hidden_states=states, output_attentions=True)
    attention = torch.stack([found.cross_attentions[layer][:, head] for layer, head in aligned], 1)
    return Said(model.proj_out(found.last_hidden_state), attention)


def ours(model: Whisper, tokens, states, heard, *, prompt, beams) -> Said:
    """Ask ours of tokens [k × beams, n] over states [k, positions, width], of which `heard` [k] count.

    The first `prompt` tokens, which the beams of a window share, are read at once and into its first row alone; the
    others come one by one, and each row finds the prompt where its `rows` say.
    """
    b, n = tokens.shape
    cache, memory = model.cache(b), model.memory(len(states), states.shape[1])
    model.remember(states, memory)
    memory.lengths.copy_(heard)
    hidden, attention = model.read(
        tokens[::beams, :prompt], torch.zeros(b // beams, dtype=torch.int64), cache, memory, beams=beams, watch=True
    )
    logits = [model.logits(hidden).repeat_interleave(beams, 0)]
    attention = [attention.repeat_interleave(beams, 0)]
    rows = torch.arange(b, dtype=torch.int32)[:, None].repeat(1, model.dims.tokens)
    rows[:, :prompt] -= rows[:, :prompt] % beams
    for place in range(prompt, n):
        places = torch.full((b,), place)
        hidden, watched = model.step(tokens[:, place], places, cache, memory, rows=rows, watch=True)
        logits.append(model.logits(hidden)[:, None])
        attention.append(watched[:, :, None])
    return Said(torch.cat(logits, 1), torch.cat(attention, 2))


def compared(reference, model, mel, tokens, heard, *, prompt, beams) -> dict[str, float]:
    """Return how far ours is from the reference: encoder, logits and attention of the alignment heads."""
    with torch.inference_mode():
        expected = reference.model.encoder(mel).last_hidden_state
        found = model.encode(mel.to(model.dtype))
        said = ours(model, tokens, found, heard, prompt=prompt, beams=beams)
        aligned = model.dims.alignment_heads
        worst = {"encoder": distance(found, expected), "logits": 0.0, "attention": 0.0}
        for window, positions in enumerate(heard.tolist()):
            rows = slice(window * beams, (window + 1) * beams)
            states = expected[window, None, :positions].expand(beams, -1, -1)
            truth = theirs(reference, aligned, tokens[rows], states)
            attention = said.attention[rows]
            assert not attention[..., positions:].any()
            worst["logits"] = max(worst["logits"], distance(said.logits[rows], truth.logits))
            worst["attention"] = max(worst["attention"], distance(attention[..., :positions], truth.attention))
        return worst


def compared_at_random(shape, dtype, seed=0, layers=LONG, **precise):
    reference = random_model(shape, seed, layers=layers)
    model = Whisper(checkpoint_of(reference), CPU, dtype, **precise)
    make = torch.Generator().manual_seed(seed)
    mel = torch.randn(2, shape[0], 2 * POSITIONS, generator=make)
    tokens = torch.randint(0, shape[4], (4, 7), generator=make)
    tokens[1::2, :3] = tokens[::2, :3]
    heard = torch.tensor([POSITIONS, 37], dtype=torch.int32)
    return compared(reference, model, mel, tokens, heard, prompt=3, beams=2)


@pytest.mark.parametrize("name", SHAPES)
def test_every_published_shape_computes_what_the_reference_does_with_at_most_3_layers_a_side(name):
    found = compared_at_random(SHAPES[name], torch.float32)
    assert max(found.values()) < 1e-5, found


@pytest.mark.parametrize("seed", range(8))
def test_small_models_of_any_weights_compute_what_the_reference_does(seed):
    found = compared_at_random(SMALL, torch.float32, seed)
    assert max(found.values()) < 1e-5, found


# bfloat16 has 8 bits: rounding the weights alone takes real models 0.6 to 0.85 % away, and that is not ours to mend.
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float16, 5e-3), (torch.bfloat16, 3e-2)], ids=str)
@pytest.mark.parametrize("name", ["tiny.en", "base", "large-v3-turbo"])
def test_half_precision_stays_near_the_reference(name, dtype, bound):
    found = compared_at_random(SHAPES[name], dtype, layers=2)
    assert max(found.values()) < bound, found
