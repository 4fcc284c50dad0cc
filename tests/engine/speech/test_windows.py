import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.records import Word
from engine.settings import WindowSettings
from engine.speech.windows import Span, WindowPlan
from engine.units import SAMPLE_RATE, samples


def plan(**settings):
    return WindowPlan(WindowSettings(**settings), samples(0.5))


def word(start_s, stop_s, text=" w"):
    return Word(text, samples(start_s), samples(stop_s), 1.0)


def test_an_update_is_due_after_a_step():
    windows = plan()
    windows.begin(samples(10))
    assert not windows.due(samples(10.4))
    assert windows.due(samples(10.5))
    windows.decoded = samples(10.5)
    assert not windows.due(samples(10.9))


def test_a_window_begins_with_the_speech():
    windows = plan()
    windows.begin(samples(10))
    assert windows.span(samples(12)) == Span(samples(10))


def test_old_words_leave_the_window_and_become_the_prompt():
    windows = plan(keep_s=3)
    windows.begin(0)
    windows.commit(tuple(word(i, i + 1, f" {i}") for i in range(8)))
    span = windows.span(samples(9))
    assert (span.start, span.prompt) == (samples(5), " 0 1 2 3 4")
    assert [w.text for w in span.prefix] == [" 5", " 6", " 7"]


@pytest.mark.parametrize(
    ("start_s", "span"),
    [
        (2.5, Span(0, (word(0, 1, " a"),), "")),
        (3.5, Span(samples(3.5), (), " a")),
        (11.5, Span(samples(11.5), (), "")),
    ],
    ids=["hears what was before", "remembers its text", "knows nothing of it"],
)
def test_the_longer_a_pause_the_less_the_next_utterance_knows(start_s, span):
    windows = plan(context_gap_s=2, prompt_gap_s=10)
    windows.begin(0)
    windows.commit((word(0, 1, " a"),))
    windows.begin(samples(start_s))
    assert windows.span(samples(start_s + 0.5)) == span


def test_windows_begin_in_a_pause_as_soon_as_that_makes_them_long_enough():
    windows = plan(least_s=3)
    windows.begin(0)
    windows.commit((word(0, 1, " a"), word(1, 2, " b")))
    windows.pause(samples(2.1))
    assert windows.span(samples(5)).start == 0
    assert windows.span(samples(5.1)) == Span(samples(2.1), (), " a b")


def test_what_is_forgotten_is_neither_seen_nor_heard_again():
    windows = plan()
    windows.begin(0)
    windows.commit((word(0, 1, " a"),))
    windows.clear(samples(1))
    assert windows.span(samples(3)) == Span(samples(1))


def test_the_prompt_is_bounded():
    windows = plan(keep_s=0, prompt_words=5)
    windows.begin(0)
    for i in range(400):
        windows.commit((word(i, i + 1, f" {i}"),))
    assert windows.span(samples(400)).prompt == " 394 395 396 397 398"
    assert len(windows.words) < 200


@given(st.lists(st.tuples(st.floats(0.05, 2), st.floats(0, 1.5)), min_size=1, max_size=60))
def test_a_window_is_never_longer_than_what_is_kept_and_what_is_new(spans):
    """Whatever is said, a window reaches back to a word's start, no further than `keep_s` and that word."""
    windows, now = plan(keep_s=3), 0.0
    windows.begin(0)
    for length_s, pause_s in spans:
        windows.commit((word(now, now + length_s),))
        now += length_s + pause_s
        span = windows.span(samples(now))
        assert span.start == span.prefix[0].start
        assert span.prefix[-1].stop - span.start <= samples(3) + SAMPLE_RATE * 2
