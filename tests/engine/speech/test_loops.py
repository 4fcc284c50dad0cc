import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.speech.loops import LONG_PHRASE, repeated

JUMBLE = "the man the man of the man the man the man of man the man of the the man of the man man the man of the man"


def kept(text, said=0):
    words = text.split()
    gone = repeated(words, said)
    return " ".join(word for index, word in enumerate(words) if index not in gone)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "no no no no no",
        "a very very long day",
        "one two one two one two",
        "was it not him that it was to be to be to be",
        "we will fight for freedom we will fight for justice we will fight for peace we will fight for love",
        "1000000000 hmmm aaah hahahaha",
    ],
)
def test_people_repeat_themselves_a_little(said):
    assert kept(said) == said


@pytest.mark.parametrize(
    ("looped", "once"),
    [
        ("go on on on on on on", "go on"),
        ("and i see the man i see the man i see the man i see the man i see", "and i see the man"),
        ("i see the man i see a man i see the man i see the man and left", "i see the man and left"),
        ("aaaaaaa he said hahahahahahahaha", "he said"),
    ],
)
def test_a_loop_is_cut_after_its_first_round(looped, once):
    assert kept(looped) == once


@given(
    st.lists(st.sampled_from("abcdefghij"), max_size=5),
    st.lists(st.sampled_from("klmnopqrstuvw"), min_size=1, unique=True),
    st.integers(6, 9),
    st.lists(st.sampled_from("xyz"), max_size=5, unique=True),
)
def test_any_phrase_that_loops_stands_once(before, phrase, rounds, after):
    before = [f"{index}{word}" for index, word in enumerate(before)]
    assert kept(" ".join(before + phrase * rounds + after)) == " ".join(before + phrase + after)


@given(st.integers(LONG_PHRASE, 14))
def test_a_long_phrase_is_a_loop_the_third_time(size):
    phrase = " ".join(f"w{index}" for index in range(size))
    assert kept(f"{phrase} {phrase}") == f"{phrase} {phrase}"
    assert kept(f"{phrase} {phrase} {phrase}") == phrase


def test_a_jumble_without_a_period_is_cut_where_it_says_nothing_new():
    assert kept(f"then at last we saw who came up there {JUMBLE} {JUMBLE}").startswith(
        "then at last we saw who came up"
    )
    assert len(kept(f"then at last we saw who came up there {JUMBLE} {JUMBLE}").split()) < 16


@given(st.lists(st.sampled_from(["so", "and", "go"]), max_size=30), st.integers(0, 30))
def test_what_is_final_is_never_judged(words, said):
    assert all(index >= said for index in repeated(words, said))


def test_rounds_that_are_final_count():
    assert kept("and so and so and so and so then", said=6) == "and so and so and so then"
