"""How far our encoder and decoder are from Hugging Face's: with random weights in any shape, and with real ones."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.models.catalog import CATALOG  # noqa: E402
from engine.models.places import places  # noqa: E402
from engine.units import WINDOW_S, samples  # noqa: E402
from engine.whisper.cuda.model.weights import read_checkpoint  # noqa: E402
from engine.whisper.cuda.model.whisper import Whisper  # noqa: E402
from engine.whisper.features import log_mel  # noqa: E402
from engine.whisper.tokenizer import Tokenizer  # noqa: E402
from tests.benchmarks.recordings import load  # noqa: E402
from tests.engine.whisper.cuda.published import POSITIONS, checkpoint_of, random_model  # noqa: E402
from tests.material import engine, recording  # noqa: E402
from tests.reference import whisper  # noqa: E402

CPU = torch.device("cpu")
LAYERS = 2  # of each side that a random model keeps, so that it takes a second
REAL = ("float16 tiny.en", "base", "live")
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


def compared_at_random(shape, dtype, seed=0, layers=LAYERS, **precise):
    reference = random_model(shape, seed, layers=layers)
    model = Whisper(checkpoint_of(reference), CPU, dtype, **precise)
    make = torch.Generator().manual_seed(seed)
    mel = torch.randn(2, shape[0], 2 * POSITIONS, generator=make)
    tokens = torch.randint(0, shape[4], (4, 7), generator=make)
    tokens[1::2, :3] = tokens[::2, :3]
    heard = torch.tensor([POSITIONS, 37], dtype=torch.int32)
    return compared(reference, model, mel, tokens, heard, prompt=3, beams=2)


@cache
def folder(name):
    if name == "float16 tiny.en":
        found = next((place.directory for place in places(CATALOG["tiny.en"], ())), None)
        if found is None:
            pytest.skip("the package with tiny.en is not installed")
        return found
    return engine(name).installed.path


@cache
def real(name, dtype):
    return Whisper(read_checkpoint(folder(name)), CPU, dtype)


@cache
def spectrum(name, clip):
    """Return the log-mel [1, mels, frames] of a clip: 6 s, or 30 for a model that costs little to show as much."""
    padded = np.zeros(samples(WINDOW_S if name == "float16 tiny.en" else 6), np.float32)
    sound = load(recording(clip))[: len(padded)]
    padded[: len(sound)] = sound
    return torch.from_numpy(log_mel(padded))[None]


def opening(name):
    """Return the tokens before the text."""
    words = Tokenizer(folder(name))
    return [words.start, *([words.language("en"), words.transcribe] if name == "base" else []), words.untimed]


def greedy(name, dtype, clip, most=36):
    """Return opening, text and end as ours writes them, always the likeliest token."""
    model, tokens, end = real(name, dtype), opening(name), Tokenizer(folder(name)).end
    with torch.inference_mode():
        states = model.encode(spectrum(name, clip).to(dtype))
        cache, memory = model.cache(1), model.memory(1, states.shape[1])
        model.remember(states, memory)
        memory.lengths.fill_(states.shape[1])
        hidden, _ = model.read(torch.tensor([tokens]), torch.zeros(1, dtype=torch.int64), cache, memory)
        hidden = hidden[:, -1]
        while len(tokens) < most and tokens[-1] != end:
            tokens.append(int(model.logits(hidden).argmax()))
            hidden, _ = model.step(torch.tensor(tokens[-1:]), torch.tensor([len(tokens) - 1]), cache, memory)
    return tokens


@cache
def states_of(name, clip):
    mel = spectrum(name, clip)
    with torch.inference_mode():
        return whisper(folder(name), mel.shape[2] // 2).model.encoder(mel).last_hidden_state


def references_choice(name, clip, tokens):
    """Return what the reference finds likeliest after each token from the last of the opening on."""
    model = whisper(folder(name), spectrum(name, clip).shape[2] // 2)
    with torch.inference_mode():
        found = model.model.decoder(input_ids=torch.tensor([tokens[:-1]]), encoder_hidden_states=states_of(name, clip))
        return model.proj_out(found.last_hidden_state)[0, len(opening(name)) - 1 :].argmax(-1).tolist()
