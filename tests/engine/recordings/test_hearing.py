"""What is believed of a take, and when it is heard again: a script answers the windows that are asked for."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.recordings.hearing import hear
from engine.records import Doubt, Hypothesis, Word
from engine.units import samples
from tests.engine.recordings.takes import take

MANY = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"


def said(text, window, language="en"):
    """Return words that fill a window evenly."""
    words = text.split()
    step = len(window.samples) // max(1, len(words))
    found = tuple(Word(f" {word}", i * step, (i + 1) * step, 0.9) for i, word in enumerate(words))
    return Hypothesis(found, language, 0.9, -0.2, 0.0)


def dialogue(asked, *answers):
    """Answer each window with a text, or a function of the window; return what is believed, and the windows."""
    windows = [next(asked)]
    for answer in answers:
        hypothesis = answer(windows[-1]) if callable(answer) else said(answer, windows[-1])
        try:
            windows.append(asked.send(hypothesis))
        except StopIteration as end:
            return end.value, windows
    raise AssertionError("it asked for more")


def text(heard):
    return "".join(word.text for word in heard.words).strip()


def test_what_is_heard_clearly_is_believed_at_once():
    heard, windows = dialogue(hear(take((10, 15)), "en"), "one two three four five")
    assert (text(heard), heard.language, len(windows)) == ("one two three four five", "en", 1)
    assert heard.words[0].start == pytest.approx(samples(10), abs=600)
    assert heard.words[-1].stop == pytest.approx(samples(15), abs=600)


def test_a_loop_is_heard_again_in_halves():
    loop = "and so " * 30
    heard, windows = dialogue(hear(take((0, 9)), "auto"), loop, "this was said first", "and this was said then")
    assert text(heard) == "this was said first and this was said then"
    assert [window.language for window in windows] == ["auto", "en", "en"]
    sound = np.concatenate([windows[1].samples, windows[2].samples])
    np.testing.assert_array_equal(sound, windows[0].samples)


def test_the_halves_are_cut_where_nobody_speaks():
    speech = np.ones(900)
    speech[400:410] = 0.0
    _, windows = dialogue(hear(take((0, 28), speech=speech), "en"), "and so " * 30, MANY, MANY)
    assert 400 * 512 <= len(windows[1].samples) <= 410 * 512


def test_a_loop_that_stays_a_loop_ends():
    heard, windows = dialogue(hear(take((0, 30)), "en"), *["over and over " * 40] * 20)
    assert len(windows) == 1 + 2 + 4
    assert any(withheld.reason is Doubt.LOOP for withheld in heard.withheld)


def up_to(stop_s, text="it has begun and it goes on"):
    """Return words that fill the first seconds of a window."""
    words = text.split()
    marks = [samples(stop_s) * i // len(words) for i in range(len(words) + 1)]
    return tuple(Word(f" {word}", *span, 0.9) for word, span in zip(words, pairwise(marks), strict=True))


def test_speech_after_the_last_word_is_heard_by_itself():
    heard, windows = dialogue(
        hear(take((0, 10), (20, 30)), "en"),
        lambda window: Hypothesis(up_to(8), "en", 0.9, -0.2, 0.0),
        "to the very end of what she had wanted to say",
    )
    assert text(heard) == "it has begun and it goes on to the very end of what she had wanted to say"
    np.testing.assert_array_equal(windows[1].samples, windows[0].samples[samples(8) :])
    assert heard.words[7].start == pytest.approx(samples(8), abs=600)


def test_a_tail_in_which_nothing_is_said_ends_it():
    first = Hypothesis(up_to(4), "en", 0.9, -0.2, 0.0)
    heard, windows = dialogue(hear(take((0, 10)), "en"), lambda window: first, "")
    assert (text(heard), len(windows)) == ("it has begun and it goes on", 2)


def passed_over(last):
    """Return a take of three sentences, and a hypothesis in which the second is a part of the word before it."""
    speech = np.ones(375)
    speech[120:130] = speech[245:255] = 0.0
    first, third = up_to(4, f"all of this is {last}"), up_to(4, "and so is this one")
    stretched = Word(first[-1].text, first[-1].start, samples(8), 0.9)
    later = [Word(one.text, one.start + samples(8), one.stop + samples(8), 0.9) for one in third]
    return take((0, 12), speech=speech), Hypothesis((*first[:-1], stretched, *later), "en", 0.9, -0.2, 0.0)


@pytest.mark.parametrize(
    ("last", "answer", "expected"),
    [
        ("heard.", "but she is quiet", "all of this is heard. but she is quiet and so is this one"),
        ("And", "but she is quiet.", "all of this is but she is quiet. And and so is this one"),
        ("heard.", "heard but she is quiet", "all of this is heard but she is quiet and so is this one"),
        ("heard.", "is heard. but she is quiet and", "all of this is heard. but she is quiet and so is this one"),
        ("heard.", "quiet", "all of this is heard. and so is this one"),
        ("heard.", "heard", "all of this is heard. and so is this one"),
        ("heard.", "", "all of this is heard. and so is this one"),
    ],
)
def test_what_was_passed_over_is_heard_by_itself_and_nothing_twice(last, answer, expected):
    whole, hypothesis = passed_over(last)
    heard, windows = dialogue(hear(whole, "en"), lambda _: hypothesis, answer)
    assert text(heard) == expected
    assert len(windows) == 2
    assert all(before.stop <= after.start for before, after in pairwise(heard.words))


def test_the_times_of_a_translation_tell_of_no_gap():
    whole, hypothesis = passed_over("heard.")
    heard, windows = dialogue(hear(whole, "de", timed=False), lambda _: hypothesis)
    assert (text(heard), len(windows)) == ("all of this is heard. and so is this one", 1)


def test_a_gap_reaches_from_pause_to_pause():
    whole, hypothesis = passed_over("heard.")
    _, windows = dialogue(hear(whole, "en"), lambda _: hypothesis, "but she is quiet")
    first, last = windows[1].samples[0] // 512, windows[1].samples[-1] // 512
    assert 120 <= first <= 130
    assert 245 <= last <= 255


def test_a_word_is_followed_into_every_span_that_it_was_given():
    speech = np.ones(750)
    speech[156:312] = speech[500:625] = 0.0
    whole = take((0, 5), (10, 16), (20, 24), speech=speech)
    words = (*up_to(4, "this was said and")[:-1], Word(" then.", samples(3), samples(13), 0.9))
    later = [Word(one.text, one.start + samples(13), one.stop + samples(13), 0.9) for one in up_to(2, "it went on")]
    first = Hypothesis((*words, *later), "en", 0.9, -0.2, 0.0)
    heard, windows = dialogue(hear(whole, "en"), lambda _: first, MANY)
    assert text(heard) == f"this was said then. {MANY} it went on"
    assert len(windows[1].samples) > samples(8)


def test_a_take_that_is_all_gap_is_heard_in_halves():
    stretched = Hypothesis((Word(" Well.", 0, samples(12), 0.9),), "en", 0.9, -0.2, 0.0)
    heard, windows = dialogue(hear(take((0, 12)), "en"), lambda _: stretched, "one two three four five six", MANY)
    assert text(heard) == f"one two three four five six {MANY}"
    assert len(windows[1].samples) + len(windows[2].samples) == len(windows[0].samples)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=12).map(sorted),
    st.sampled_from([((0, 30),), ((0, 9), (11, 14), (20, 34)), ((5, 6), (8, 24))]),
    st.lists(st.lists(st.sampled_from(["one.", "two", "three", "four"]), max_size=5), min_size=90, max_size=90),
)
def test_gaps_end_and_leave_words_in_order_whatever_is_found_in_them(places, spans, answers):
    whole = take(*spans)
    marks = [round(place * len(whole.sound)) for place in places]
    words = tuple(Word(f" w{number}", *span, 0.9) for number, span in enumerate(pairwise(marks)))
    asked = hear(whole, "en")
    next(asked)
    with pytest.raises(StopIteration) as end:
        window = asked.send(Hypothesis(words, "en", 0.9, -0.2, 0.0))
        for answer in answers:
            window = asked.send(said(" ".join(answer), window))
    heard = end.value.value.words
    assert all(before.stop <= after.start for before, after in pairwise(heard))
    assert all(whole.whole[0] <= word.start <= word.stop <= whole.whole[1] for word in heard)


def test_words_over_silence_are_withheld():
    heard, _ = dialogue(hear(take((0, 5), speech=0.01), "en"), "Thank you.")
    assert (heard.words, [withheld.text for withheld in heard.withheld]) == ((), ["Thank you."])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.5, 8), st.floats(1, 20)), min_size=1, max_size=5),
    st.lists(st.floats(0, 1), min_size=2, max_size=20).map(sorted),
)
def test_words_lie_in_the_sound_in_order_whatever_was_left_out(turns, places):
    spans, at = [], 0.0
    for length, silence in turns:
        spans.append((at, at + length))
        at += length + silence
    whole = take(*spans)
    marks = [round(place * len(whole.sound)) for place in places]
    words = [whole.placed(Word("x", start, stop, 0.5)) for start, stop in pairwise(marks)]
    for word in words:
        assert any(start <= word.start <= word.stop <= stop for start, stop in whole.spans)
    assert all(before.stop <= after.start for before, after in pairwise(words))
