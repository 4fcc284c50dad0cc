from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.records import Word
from engine.settings import SegmentSettings
from engine.speech.segments import Segments
from engine.units import samples

UPDATES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.booleans()), min_size=1, max_size=25)
TEXTS = (" so", " it", " ends.", " 日", "well,")


def publish(updates):
    """Let words come as the numbers say; return the captions and all committed words."""
    segments = Segments(SegmentSettings(sentence_s=2, longest_s=5))
    said, captions = [], []
    for committed, unstable, closing in updates:
        words = [
            Word(TEXTS[(len(said) + i) % len(TEXTS)], samples(len(said) + i), samples(len(said) + i + 1), 1.0)
            for i in range(committed + unstable)
        ]
        said += words[:committed]
        captions += segments.publish(
            words[:committed], () if closing else words[committed:], closing=closing, heard=0, language="en"
        )
    return captions, said


@given(UPDATES)
def test_every_committed_word_is_announced_once_and_in_order(updates):
    captions, said = publish(updates)
    assert [word for caption in captions for word in caption.words] == said


@given(UPDATES)
def test_committed_text_only_grows(updates):
    captions, _ = publish(updates)
    text = {}
    for caption in captions:
        assert caption.committed.startswith(text.get(caption.segment, ""))
        text[caption.segment] = caption.committed


@given(UPDATES)
def test_segments_follow_each_other_and_nothing_follows_a_final(updates):
    captions, _ = publish(updates)
    for before, after in pairwise(captions):
        assert after.segment == before.segment + before.final


@given(UPDATES)
def test_nothing_is_said_twice(updates):
    captions, _ = publish(updates)
    for before, after in pairwise(captions):
        assert after.words or (after.segment, after.committed, after.unstable, after.final) != (
            before.segment,
            before.committed,
            before.unstable,
            before.final,
        )


def test_a_long_segment_ends_with_its_sentence():
    captions, _ = publish([(3, 0, False)])
    assert [(c.committed, c.final) for c in captions] == [("so it ends.", True)]


def test_text_that_vanishes_is_taken_from_the_screen():
    captions, _ = publish([(0, 2, False), (0, 0, True)])
    assert (captions[-1].committed, captions[-1].unstable, captions[-1].final) == ("", "", True)


def test_a_late_full_stop_joins_its_sentence_and_begins_no_other():
    segments = Segments(SegmentSettings())

    def said(committed, unstable="", *, closing=False):
        words = [[Word(text, 0, 1, 1.0)] if text else [] for text in (committed, unstable)]
        (caption,) = segments.publish(*words, closing=closing, heard=0, language="en")
        return caption.committed + caption.unstable

    assert said(" computer") == "computer"
    assert said(".", closing=True) == "computer."
    assert said("", ". That") == "That"
    assert said(".", " It is") == "It is"
