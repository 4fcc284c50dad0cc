from hypothesis import given
from hypothesis import strategies as st

from engine.records import Word
from engine.settings import WindowSettings
from engine.speech.windows import WindowPlan
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
    windows.decoded(samples(10.5))
    assert not windows.due(samples(10.9))


def test_a_window_begins_with_the_speech():
    windows = plan()
    windows.begin(samples(10))
    assert windows.start(samples(12)) == samples(10)


def test_old_words_leave_the_window_and_become_the_prompt():
    windows = plan(keep_s=3)
    windows.begin(0)
    windows.commit(tuple(word(i, i + 1, f" {i}") for i in range(8)))
    assert windows.start(samples(9)) == samples(5)
    assert windows.prompt == " 0 1 2 3 4"
    assert [w.text for w in windows.words] == [" 5", " 6", " 7"]


def test_a_short_pause_keeps_the_context_and_a_long_one_drops_it():
    windows = plan(context_gap_s=2)
    windows.begin(0)
    windows.commit((word(0, 1, " a"),))
    windows.begin(samples(2.5))
    assert windows.start(samples(3)) == 0
    windows.begin(samples(3.5))
    assert windows.start(samples(4)) == samples(3.5)
    assert (windows.words, windows.prompt) == ([], " a")


def test_the_prompt_is_bounded():
    windows = plan(keep_s=0, prompt_words=5)
    windows.begin(0)
    windows.commit(tuple(word(i, i + 1, f" {i}") for i in range(20)))
    windows.start(samples(20))
    assert windows.prompt == " 14 15 16 17 18"


@given(st.lists(st.tuples(st.floats(0.05, 2), st.floats(0, 1.5)), min_size=1, max_size=60))
def test_a_window_is_never_longer_than_what_is_kept_and_what_is_new(spans):
    """Whatever is said, a window reaches back to a word's start, no further than `keep_s` and that word."""
    windows, now = plan(keep_s=3), 0.0
    windows.begin(0)
    for length_s, pause_s in spans:
        windows.commit((word(now, now + length_s),))
        now += length_s + pause_s
        start = windows.start(samples(now))
        assert start == windows.words[0].start
        assert windows.words[-1].stop - start <= samples(3) + SAMPLE_RATE * 2
