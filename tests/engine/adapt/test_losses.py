"""How far a student is from the truth, measured in pieces, is what it is as a whole; so is its gradient."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch.nn import functional  # noqa: E402

from engine.adapt.losses import ROWS, SMOOTHING, Judge, divergence  # noqa: E402
from engine.adapt.network import Reading  # noqa: E402
from engine.adapt.teacher import Target  # noqa: E402

WIDTH, VOCABULARY, NO_SPEECH, END = 8, 50, 48, 49


def made(*shape, seed=0, spread=1.0):
    return spread * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


EMBEDDINGS = made(VOCABULARY, WIDTH, seed=7)
JUDGE = Judge(EMBEDDINGS, NO_SPEECH)


def plainly(hidden, truth):
    return functional.kl_div((hidden @ EMBEDDINGS.T).log_softmax(1), truth, log_target=True, reduction="batchmean")


@settings(deadline=None)
@given(places=st.integers(1, 3 * ROWS), spread=st.floats(0.1, 10), seed=st.integers(0, 99))
def test_in_pieces_it_is_the_divergence_and_its_gradient(places, spread, seed):
    truth = (made(places, WIDTH, seed=seed, spread=spread) @ EMBEDDINGS.T).log_softmax(1)
    here, there = (made(places, WIDTH, seed=seed + 1, spread=spread).requires_grad_() for _ in range(2))
    found, expected = divergence(here, EMBEDDINGS, lambda rows: truth[rows].clone()), plainly(there, truth)
    (3 * found).backward()
    (3 * expected).backward()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(here.grad, there.grad, rtol=1e-3, atol=1e-5)


def target(hidden=None, attention=None):
    """Return one with a prompt of two tokens, an opening of two, a text of two and its end."""
    return Target((40, 1, 41, 42, 2, 3, END), 2, 4, hidden, attention)


def looks(seed, positions=11):
    return made(2, 7, positions, seed=seed).log_softmax(2)


def reading(seed):
    return Reading(made(7, WIDTH, seed=seed).requires_grad_(), (looks(seed),))


def test_the_start_and_whatever_is_written_is_predicted():
    assert target().places == (2, 3, 4, 5)
    assert Target((41, 43, 2, END), 0, 1).places == (0, 1, 2)


def test_a_student_that_is_the_original_has_nothing_to_learn():
    found = reading(1)
    same = target(found.hidden[[2, 3, 4, 5]].detach(), found.attention[0][:, 3:-1].exp())
    loss = JUDGE.loss(found, [same])
    assert float(loss.words.detach()) == pytest.approx(0, abs=1e-5)
    assert float(loss.attention) == pytest.approx(0, abs=1e-5)


@given(st.integers(0, 99), st.integers(100, 199), st.floats(0, 0.9))
def test_attention_is_never_nearer_than_the_originals_own(seed, other, missing):
    """Also where a part of it lay beyond what the student is shown."""
    original = (1 - missing) * looks(other)[:, 3:-1].exp()
    loss = JUDGE.loss(reading(seed), [target(made(4, WIDTH), original)])
    assert float(loss.attention) >= -1e-5
    whole = JUDGE.loss(reading(seed), [target(made(4, WIDTH), original / (1 - missing))])
    assert float(loss.attention) == pytest.approx((1 - missing) * float(whole.attention), abs=1e-4)


def test_an_original_that_looked_elsewhere_says_nothing_of_where_to_look():
    loss = JUDGE.loss(reading(1), [target(made(4, WIDTH), torch.zeros(2, 3, 11))])
    assert float(loss.attention) == 0


def test_where_nobody_speaks_the_start_says_so_and_the_text_ends_at_once():
    silent = Target((40, 1, 41, 42, END), 2, 4)
    found = Reading(made(5, WIDTH, seed=3).requires_grad_(), (looks(3)[:, :5],))
    loss = JUDGE.loss(found, [silent])
    wanted = torch.full((2, VOCABULARY), SMOOTHING / VOCABULARY)
    wanted[0, NO_SPEECH] += 1 - SMOOTHING
    wanted[1, END] += 1 - SMOOTHING
    torch.testing.assert_close(loss.silence.detach(), plainly(found.hidden.detach()[2:4], wanted.log()))
    assert float(loss.words) == float(loss.attention) == 0
    loss.silence.backward()
    assert not found.hidden.grad[[0, 1, 4]].any()


def test_items_count_alike_however_long_they_are():
    apart = [JUDGE.loss(reading(seed), [target(made(4, WIDTH, seed=9), looks(9)[:, 3:-1].exp())]) for seed in (1, 2)]
    both = Reading(
        torch.cat([reading(seed).hidden for seed in (1, 2)]), tuple(reading(seed).attention[0] for seed in (1, 2))
    )
    found = JUDGE.loss(both, [target(made(4, WIDTH, seed=9), looks(9)[:, 3:-1].exp())] * 2)
    torch.testing.assert_close(found.words, apart[0].words + apart[1].words)
    torch.testing.assert_close(found.attention, apart[0].attention + apart[1].attention)


def test_of_a_told_text_every_token_is_learned_and_nothing_at_the_start():
    told = Target((40, 1, 41, 42, 2, 3, END), 2, 4, told=True)
    found = reading(5)
    loss = JUDGE.loss(found, [told])
    wanted = torch.full((3, VOCABULARY), SMOOTHING / VOCABULARY)
    wanted[[0, 1, 2], [2, 3, END]] += 1 - SMOOTHING
    torch.testing.assert_close(loss.words.detach(), plainly(found.hidden.detach()[3:6], wanted.log()))
    assert float(loss.silence) == float(loss.attention) == 0
    loss.words.backward()
    assert not found.hidden.grad[[0, 1, 2, 6]].any()
