"""The network that is trained computes what Hugging Face's does, whatever else stands beside an item."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from engine.adapt.network import named, stays, trainable  # noqa: E402
from engine.whisper.cuda.model.dims import shapes  # noqa: E402
from engine.whisper.cuda.model.weights import read_checkpoint  # noqa: E402
from tests.engine.whisper.cuda.comparison import CPU, Said, distance, folder, spectrum, theirs  # noqa: E402
from tests.engine.whisper.cuda.published import POSITIONS, SHAPES, SMALL, checkpoint_of, random_model  # noqa: E402
from tests.reference import whisper  # noqa: E402

NEAR = 1e-5


def said(network, reading, texts):
    """Return what a reading says of each item."""
    logits = (reading.hidden @ network.decoder.embeddings.weight.T).split([len(text) for text in texts])
    return [Said(item[None], look.exp()[None]) for item, look in zip(logits, reading.attention, strict=True)]


def expected(reference, aligned, spectrum, text):
    """Return the reference's word, its encoder cut to the positions that it is shown."""
    encoder, shown = reference.model.encoder, spectrum.shape[1] // 2
    places = encoder.embed_positions
    reference.config.max_source_positions, whole = shown, reference.config.max_source_positions
    encoder.embed_positions = torch.nn.Embedding.from_pretrained(places.weight[:shown])
    try:
        states = encoder(spectrum[None]).last_hidden_state
    finally:
        encoder.embed_positions, reference.config.max_source_positions = places, whole
    return theirs(reference, aligned, text[None], states)


def far(network, reference, spectra, texts):
    """Return how far a network is from the reference, at worst."""
    with torch.no_grad():
        found = said(network, network(spectra, texts), texts)
        truth = [
            expected(reference, network.dims.alignment_heads, spectrum, text)
            for spectrum, text in zip(spectra, texts, strict=True)
        ]
    return max(
        distance(getattr(ours, what), getattr(their, what))
        for ours, their in zip(found, truth, strict=True)
        for what in ("logits", "attention")
    )


def random_items(shape, sizes, seed=0):
    make = torch.Generator().manual_seed(seed)
    spectra = [torch.randn(shape[0], 2 * positions, generator=make) for positions, _ in sizes]
    return spectra, [torch.randint(0, shape[4], (tokens,), generator=make) for _, tokens in sizes]


@pytest.mark.parametrize("name", ["tiny.en", "base", "large-v3"])
def test_it_computes_what_the_reference_does(name):
    shape = SHAPES[name]
    reference = random_model(shape, layers=2)
    spectra, texts = random_items(shape, [(POSITIONS, 7)])
    assert far(trainable(checkpoint_of(reference), CPU), reference, spectra, texts) < NEAR


@settings(max_examples=12, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(1, POSITIONS), st.integers(1, 9)), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
def test_an_item_is_what_it_would_be_alone(sizes, seed):
    reference = random_model(SMALL, seed)
    spectra, texts = random_items(SMALL, sizes, seed)
    assert far(trainable(checkpoint_of(reference), CPU), reference, spectra, texts) < NEAR


@pytest.mark.model
def test_the_real_one_computes_what_the_reference_does():
    network = trainable(read_checkpoint(folder("float16 tiny.en")), CPU)
    text = torch.tensor([50257, 50362, 843, 523, 616, 5891, 3399])
    mel = spectrum("float16 tiny.en", "native/jfk.flac")[0]
    assert far(network, whisper(folder("float16 tiny.en")), [mel], [text]) < NEAR


def test_its_parameters_are_the_tensors_of_a_checkpoint():
    network = trainable(checkpoint_of(random_model(SMALL)), CPU)
    found = {name: tuple(parameter.shape) for name, parameter in named(network)}
    assert found == shapes(network.dims)
    assert {name for name, parameter in named(network) if not parameter.requires_grad} == set(filter(stays, found))


def test_the_encoder_and_the_embeddings_stay():
    assert all(map(stays, ("encoder/conv1/weight", "encoder/layer_0/ffn/linear_0/weight", "decoder/embeddings/weight")))
    assert not any(map(stays, ("decoder/layer_0/attention/linear_0/weight", "decoder/layer_norm/gamma")))


def test_the_bias_of_the_keys_has_no_gradient():
    network = trainable(checkpoint_of(random_model(SMALL)), CPU)
    spectra, texts = random_items(SMALL, [(30, 5)])
    network(spectra, texts).hidden.square().sum().backward()
    width = network.dims.width
    own = network.decoder.layer_0.self_attention.linear_0.bias.grad
    assert not own[width : 2 * width].any()
    assert own[:width].any()
    assert not network.decoder.layer_0.attention.linear_1.bias.grad[:width].any()


def test_what_is_computed_again_is_the_same():
    network = trainable(checkpoint_of(random_model(SMALL)), CPU)
    spectra, texts = random_items(SMALL, [(30, 5), (17, 3)])
    gradients = []
    for network.frugal in (False, True):
        network.zero_grad()
        reading = network(spectra, texts)
        (reading.hidden.square().sum() + sum(look.square().sum() for look in reading.attention)).backward()
        gradients.append([each.grad.clone() for each in network.parameters() if each.requires_grad])
    assert all(torch.equal(plain, again) for plain, again in zip(*gradients, strict=True))
