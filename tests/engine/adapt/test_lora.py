"""What is trained beside the weights begins as nothing, and does the same when it is folded in."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.adapt.lora import LowRank, folded, narrow  # noqa: E402
from engine.adapt.network import decoders, named, trainable  # noqa: E402
from tests.engine.adapt.made_up import CPU, apart, items, trained, training, weights  # noqa: E402
from tests.engine.whisper.cuda.comparison import distance  # noqa: E402
from tests.engine.whisper.cuda.made_up import DIMS, checkpoint  # noqa: E402

RANK = 4


def read(network):
    make = torch.Generator().manual_seed(0)
    with torch.no_grad():
        return network([torch.randn(60, DIMS.width, generator=make)], [torch.arange(5)])


def narrowed(*, moved):
    network = trainable(checkpoint(), CPU)
    narrow(network, RANK)
    if moved:
        make = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for layer in network.modules():
                if isinstance(layer, LowRank):
                    layer.up.copy_(0.05 * torch.randn(layer.up.shape, generator=make))
    return network


def test_it_begins_as_the_model_it_was_made_of():
    assert distance(read(narrowed(moved=False)).hidden, read(trainable(checkpoint(), CPU)).hidden) < 1e-6


def test_folded_into_the_weights_it_says_and_sees_the_same():
    network = narrowed(moved=True)
    weights = folded(network)
    assert {name: tuple(each.shape) for name, each in weights.items()} == decoders(DIMS)
    plain = trainable(checkpoint(), CPU)
    assert distance(read(plain).hidden, read(network).hidden) > 0.01
    plain.load_state_dict({name.replace("/", "."): each for name, each in weights.items()})
    assert distance(read(plain).hidden, read(network).hidden) < 1e-5
    assert distance(read(plain).attention[0], read(network).attention[0]) < 1e-5


def test_only_the_narrow_matrices_are_trained():
    run = training(rank=RANK)
    assert {name.rpartition("/")[2] for name, each in named(run.student) if each.requires_grad} == {"up", "down"}
    before = {name: each.clone() for name, each in named(run.student) if not each.requires_grad}
    run.step(items(0))
    assert weights(run).any()
    assert all(torch.equal(each, before[name]) for name, each in named(run.student) if name in before)


@pytest.mark.parametrize("options", [{"at_once": 1}, {"frugal": True}], ids=str)
def test_a_narrow_step_is_the_same_however_it_is_computed(options):
    assert apart(trained(rank=RANK, **options), trained(rank=RANK), rank=RANK) < 1e-3


def test_without_anything_trained_a_networks_weights_are_its_own():
    network = trainable(checkpoint(), CPU)
    assert all(torch.equal(each, dict(named(network))[name]) for name, each in folded(network).items())
