"""A step is the same however it is computed; broken off, a run goes on as if it had not been."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from engine.adapt.records import Item, Told  # noqa: E402
from engine.adapt.training import Mixed, Options  # noqa: E402
from tests.engine.adapt.made_up import NEVER, POSITIONS, apart, item, items, trained, training, weights  # noqa: E402


@pytest.fixture(scope="module")
def plain():
    return trained()


# Adam divides by the size of a gradient: where one is as small as its rounding, so is what becomes of it.
@pytest.mark.parametrize(
    ("options", "bound"),
    [
        ({"at_once": 1}, 1e-3),
        ({"at_once": 3}, 1e-3),
        ({"frugal": True}, 1e-6),
        ({"frugal": True, "at_once": 1}, 1e-3),
        ({"mixed": Mixed.BFLOAT16}, 0.2),
        ({"mixed": Mixed.FLOAT16}, 0.05),
        ({"mixed": Mixed.FLOAT16, "frugal": True, "at_once": 1}, 0.05),
    ],
    ids=str,
)
def test_a_step_is_the_same_however_it_is_computed(plain, options, bound):
    assert apart(trained(**options), plain) < bound


@pytest.mark.parametrize("mixed", Mixed)
def test_a_run_that_was_broken_off_goes_on_bit_for_bit(mixed):
    before, after = training(mixed=mixed), training(mixed=mixed)
    before.step(items(0), 0.0)
    tensors, numbers = before.state()
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    unbroken = before.step(items(1), 0.5)
    after.restore(tensors, numbers)
    assert after.step(items(1), 0.5) == unbroken
    assert torch.equal(weights(after), weights(before))


def test_what_it_is_taught_becomes_likelier():
    run = training(warm_up=1, rate=1e-4)
    figures = [run.step(items(0)) for _ in range(12)]
    far = [each.words + each.silence + each.attention for each in figures]
    assert far[-1] < far[0] / 2, far


def test_what_stays_stays():
    run = training()
    before = {name: each.clone() for name, each in run.student.named_parameters() if not each.requires_grad}
    run.step(items(0))
    assert len(before) == 2
    assert all(torch.equal(each, run.student.get_parameter(name)) for name, each in before.items())


@pytest.mark.parametrize("mixed", Mixed)
def test_a_gradient_that_is_no_number_changes_nothing(mixed):
    run = training(mixed=mixed)
    before = weights(run).clone()
    broken = item(0, spoken=False)
    broken.heard[:] = float("nan")
    assert run.step([broken]).skipped
    assert torch.equal(weights(run), before)
    assert not run.step(items(0)).skipped


def test_a_step_of_which_nothing_can_be_learned_leaves_the_weights_alone():
    run = training(ends=NEVER)
    before = weights(run).clone()
    figures = run.step([item(seed) for seed in range(2)])
    assert (figures.dropped, figures.words, figures.skipped) == (2, 0.0, False)
    assert torch.equal(weights(run), before)


@given(st.integers(0, 1000), st.floats(0, 1), st.floats(0, 1))
def test_the_rate_climbs_then_falls_to_nothing(step, early, late):
    options = Options(rate=1.0, warm_up=20)
    early, late = sorted((early, late))
    assert options.rate_at(step, early) >= options.rate_at(step, late) >= options.rate_at(step, 1.0) == 0
    assert options.rate_at(step, early) <= options.rate_at(step + 1, early) <= 1


@pytest.mark.parametrize(("rank", "rate"), [(0, 1e-4), (8, 3e-3)])
def test_what_a_person_told_becomes_likelier(rank, rate):
    sound = item(7).clean
    told = Item(sound, sound, POSITIONS, sound[:0], told=(Told("So do I.", 0, len(sound)),))
    run = training(rank=rank, rate=rate, warm_up=1)
    losses = [run.step([told]).words for _ in range(6)]
    assert losses[-1] < losses[0] - 0.5  # nats a token
