"""A step is the same however it is computed; broken off, a run goes on as if it had not been."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.adapt.training import Mixed  # noqa: E402
from tests.engine.adapt.made_up import items, training  # noqa: E402

STEPS = 2


def trained(steps=STEPS, **options):
    """Return the weights that some steps leave behind, as one vector, and the figures of the steps."""
    run = training(**options)
    figures = [run.step(items(index), index / steps) for index in range(steps)]
    return weights(run), figures


def weights(run):
    return torch.cat([tensor.flatten() for name, tensor in run.state()[0].items() if name.startswith("weights/")])


def moved(found):
    """Return by how much a training has changed the weights."""
    return found - weights(training())


def apart(found, plain):
    """Return how far two trainings have gone apart, as a share of the way that the second went."""
    return float((found - plain).norm() / moved(plain).norm())


@pytest.fixture(scope="module")
def plain():
    found, figures = trained()
    assert all(not each.skipped and each.norm > 0 for each in figures)
    return found


@pytest.mark.parametrize(
    ("options", "bound"),
    [
        ({"at_once": 1}, 1e-3),
        ({"at_once": 3}, 1e-3),
        ({"frugal": True}, 1e-6),
        ({"frugal": True, "at_once": 1}, 1e-3),
        ({"mixed": Mixed.BFLOAT16}, 0.2),
        ({"mixed": Mixed.FLOAT16}, 0.05),
    ],
    ids=str,
)
def test_a_step_is_the_same_however_it_is_computed(plain, options, bound):
    found, _ = trained(**options)
    print(options, apart(found, plain))
    assert apart(found, plain) < bound
