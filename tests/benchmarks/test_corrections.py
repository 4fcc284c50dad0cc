from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.corrections import shared

WORDS = st.lists(st.sampled_from(["the", "sea", "is", "calm", "tonight", "full"]), max_size=12).map(" ".join)


@given(transcript=WORDS, heard=st.lists(WORDS, min_size=1, max_size=4))
def test_every_true_word_is_given_to_one_segment_in_order(transcript, heard):
    texts = shared(transcript, heard)
    assert len(texts) == len(heard)
    assert " ".join(texts).split() == transcript.split()


def test_a_word_goes_where_it_was_heard():
    heard = ["The see is calm to night.", "The tide is fool,", "the moon"]
    assert shared("The sea is calm to-night. The tide is full, the moon", heard) == [
        "The sea is calm to-night.",
        "The tide is full,",
        "the moon",
    ]
