"""The network that is trained computes what Hugging Face's does, whatever else stands beside an item."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from engine.adapt.network import FROZEN, decoders, named, trainable  # noqa: E402
from engine.whisper.cuda.model.weights import read_checkpoint  # noqa: E402
from tests.engine.whisper.cuda.comparison import CPU, Said, distance, folder, spectrum, theirs  # noqa: E402
from tests.engine.whisper.cuda.published import POSITIONS, SHAPES, SMALL, checkpoint_of, random_model  # noqa: E402
from tests.reference import whisper  # noqa: E402

NEAR = 1e-5


def said(network, reading, texts):
    """Return what a reading says of each item."""
    logits = (reading.hidden @ network.decoder.embeddings.weight.T).split([len(text) for text in texts])
    return [Said(item[None], look.exp()[None]) for item, look in zip(logits, reading.attention, strict=True)]


def far(network, reference, states, texts):
    """Return how far a network is from the reference, at worst."""
    with torch.no_grad():
        found = said(network, network(states, texts), texts)
        truth = [
            theirs(reference, network.dims.alignment_heads, text[None], heard[None])
            for heard, text in zip(states, texts, strict=True)
        ]
    return max(
        distance(getattr(ours, what), getattr(their, what))
        for ours, their in zip(found, truth, strict=True)
        for what in ("logits", "attention")
    )


def random_items(shape, sizes, seed=0):
    make = torch.Generator().manual_seed(seed)
    states = [torch.randn(positions, shape[1], generator=make) for positions, _ in sizes]
    return states, [torch.randint(0, shape[4], (tokens,), generator=make) for _, tokens in sizes]


@pytest.mark.parametrize("name", ["tiny.en", "base", "large-v3"])
def test_it_computes_what_the_reference_does(name):
    shape = SHAPES[name]
    reference = random_model(shape, layers=2)
    states, texts = random_items(shape, [(POSITIONS, 7)])
    assert far(trainable(checkpoint_of(reference), CPU), reference, states, texts) < NEAR


@settings(max_examples=12, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(1, POSITIONS), st.integers(1, 9)), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
def test_an_item_is_what_it_would_be_alone(sizes, seed):
    reference = random_model(SMALL, seed)
    states, texts = random_items(SMALL, sizes, seed)
    assert far(trainable(checkpoint_of(reference), CPU), reference, states, texts) < NEAR


@pytest.mark.model
def test_the_real_one_computes_what_the_reference_does():
    network = trainable(read_checkpoint(folder("float16 tiny.en")), CPU)
    text = torch.tensor([50257, 50362, 843, 523, 616, 5891, 3399])
    reference = whisper(folder("float16 tiny.en"))
    with torch.no_grad():
        states = reference.model.encoder(spectrum("float16 tiny.en", "native/jfk.flac")).last_hidden_state[0]
    assert far(network, reference, [states], [text]) < NEAR


def test_its_parameters_are_the_tensors_of_a_checkpoint():
    network = trainable(checkpoint_of(random_model(SMALL)), CPU)
    found = {name: tuple(parameter.shape) for name, parameter in named(network)}
    assert found == decoders(network.dims)
    assert {name for name, parameter in named(network) if not parameter.requires_grad} == set(FROZEN)


def test_the_bias_of_the_keys_has_no_gradient():
    network = trainable(checkpoint_of(random_model(SMALL)), CPU)
    states, texts = random_items(SMALL, [(30, 5)])
    network(states, texts).hidden.square().sum().backward()
    width = network.dims.width
    own = network.decoder.layer_0.self_attention.linear_0.bias.grad
    assert not own[width : 2 * width].any()
    assert own[:width].any()
    assert not network.decoder.layer_0.attention.linear_1.bias.grad[:width].any()


def test_what_is_computed_again_is_the_same():
    network = trainable(checkpoint_of(random_model(SMALL)), CPU)
    states, texts = random_items(SMALL, [(30, 5), (17, 3)])
    gradients = []
    for network.frugal in (False, True):
        network.zero_grad()
        reading = network(states, texts)
        (reading.hidden.square().sum() + sum(look.square().sum() for look in reading.attention)).backward()
        gradients.append([each.grad.clone() for each in network.parameters() if each.requires_grad])
    assert all(torch.equal(plain, again) for plain, again in zip(*gradients, strict=True))
