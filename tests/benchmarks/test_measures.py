"""The measures, on examples small enough to be done by hand."""

import pytest

from tests.benchmarks import measures
from tests.benchmarks.measures import Pair, Spoken
from tests.benchmarks.replay import Update

# one word a second, each half a second long: "a" 0…0.5, "b" 1…1.5, "c" 2…2.5, "d" 3…3.5
SPOKEN = [Spoken(text, start, start + 0.5) for start, text in enumerate(["alpha", "bravo", "charlie", "delta"])]


def pairs_of(written):
    return measures.align([word.text for word in SPOKEN], written.split())


def update(before, after, at_s=0.0, offset=0):
    return Update(at_s, at_s, offset, tuple(before.split()), tuple(after.split()), 0)


def test_words_are_paired_with_as_few_errors_as_possible():
    found = pairs_of("alpha charlie delta echo")
    assert [(pair.spoken, pair.written, pair.correct) for pair in found] == [
        (0, 0, True),
        (1, None, False),
        (2, 1, True),
        (3, 2, True),
        (None, 3, False),
    ]


def test_case_and_marks_make_no_error():
    assert all(pair.correct for pair in pairs_of("Alpha, BRAVO charlie. delta!"))


def test_fillers_are_no_words():
    assert [pair.written for pair in pairs_of("um alpha bravo – charlie delta")] == [1, 2, 4, 5]


def test_nothing_written_deletes_everything():
    assert pairs_of("") == [Pair(index, None, correct=False) for index in range(4)]


def test_nothing_spoken_inserts_everything():
    assert measures.align([], ["echo"]) == [Pair(None, 0, correct=False)]


def test_errors_are_counted_on_normalised_texts():
    assert measures.word_errors("Forty-two, please!", "42 please") == (0, 2)
    assert measures.word_errors("alpha bravo charlie", "alpha brava") == (2, 3)


def test_errors_without_text_are_all_words_and_without_speech_all_that_was_written():
    assert measures.word_errors("alpha bravo", "") == (2, 2)
    assert measures.word_errors("", "thank you") == (2, 0)


def test_latency_runs_from_the_end_of_each_correct_word():
    # "bravo" is missing and "dalta" wrong: alpha 1.0 - 0.5, charlie 4.0 - 2.5
    assert measures.emission_latencies(SPOKEN, pairs_of("alpha charlie dalta"), [1.0, 4.0, 4.0]) == [0.5, 1.5]


def test_laal_of_an_ideal_writer_is_nothing():
    assert measures.laal([0, 1, 2, 3], 4, 4) == 0


def test_laal_is_the_mean_lag_behind_the_ideal_writer():
    # rate 1 word/s: (1 - 0) + (3 - 1) + (3 - 2) + (4 - 3), the last one at the end of the source, over 4
    assert measures.laal([1, 3, 3, 4], 4, 4) == pytest.approx(5 / 4)


def test_laal_counts_no_word_after_the_first_that_follows_the_end():
    assert measures.laal([1, 5, 9], 4, 4) == pytest.approx((1 + 5 - 1) / 2)


def test_laal_takes_the_longer_text_for_the_ideal_one():
    # 8 written, 4 spoken, 4 s: two words a second; the lags are 1, 0.5, 0, …, -2.5
    assert measures.laal([1] * 8, 4, 4) == pytest.approx(sum(1 - i / 2 for i in range(8)) / 8)


def test_laal_of_a_text_after_the_end_is_when_it_came():
    assert measures.laal([7, 8], 4, 4) == 7
    assert measures.laal([], 4, 4) is None


def test_yaal_goes_on_after_the_segment_and_stops_with_the_recording():
    # segment of 2 s, 2 words, rate 1: (1 - 0) + (3 - 1); the third word came when the recording had ended
    assert measures.yaal([1, 3, 9], 2, 2, rest_s=8) == pytest.approx((1 + 3 - 1 / 1.5) / 2)
    assert measures.yaal([9], 2, 2, rest_s=8) is None


def test_sentences_end_with_their_mark_or_with_a_pause():
    words = [
        Spoken("One", 0, 0.5),
        Spoken("two.", 0.6, 1),
        Spoken("Three", 1.1, 1.5),
        Spoken("four", 2.5, 3),
        Spoken("five", 3.1, 4),
    ]
    assert measures.sentences(words) == [(0, 1), (2, 2), (3, 4)]
    assert measures.sentences([]) == []


def test_long_yaal_counts_each_sentence_from_its_own_beginning():
    words = [Spoken("alpha", 0, 0.5), Spoken("bravo.", 0.5, 1), Spoken("charlie", 10, 10.5), Spoken("delta", 10.5, 11)]
    pairs = measures.align([word.text for word in words], "alpha bravo charlie oh delta".split())
    # first: rate 2/s: 1 - 0, 1.5 - 0.5. second: three words with the inserted one, rate 3/s: 1, 2 - 1/3, 2 - 2/3
    found = measures.long_yaal(words, pairs, [1, 1.5, 11, 12, 12], recording_s=20)
    assert found == pytest.approx([1, (1 + 2 - 1 / 3 + 2 - 2 / 3) / 3])


def test_an_utterance_is_final_with_its_last_word():
    words = [Spoken("alpha", 0, 0.5), Spoken("bravo", 0.5, 1), Spoken("charlie", 3, 3.5), Spoken("delta", 3.6, 4)]
    pairs = measures.align([word.text for word in words], "alpha bravo charlie dalta".split())
    assert measures.end_to_final(words, pairs, [1, 1.8, 4, 4.5]) == pytest.approx([0.8, 0.5])


def test_an_utterance_whose_end_was_never_written_is_left_out():
    assert measures.end_to_final(SPOKEN, pairs_of("alpha bravo"), [1, 2]) == []


def test_the_first_text_is_counted_from_the_first_word():
    updates = [update("", "", 0.2), update("", "alpha", 1.5)]
    assert measures.first_text(updates, [Spoken("alpha", 0.4, 0.9)]) == pytest.approx(1.1)
    assert measures.first_text([], SPOKEN) is None


def test_erasure_counts_everything_behind_the_first_change():
    updates = [update("", "the cat"), update("the cat", "the cut sat"), update("the cut sat", "the cat sat on")]
    assert measures.erased(updates) == 0 + 1 + 2


def test_erasure_counts_marks_unless_told_otherwise():
    updates = [update("the cat.", "the cat sat")]
    assert measures.erased(updates) == 1
    assert measures.erased(updates, measures.keys) == 0


def test_a_mark_that_comes_to_a_word_takes_nothing_back():
    assert measures.erased([update("the cat", "the cat, which sat")]) == 0


def test_a_word_that_is_taken_back_appeared_all_the_same():
    updates = [update("", "the cat"), update("the cat", "the cut sat"), update("the cut sat", "")]
    assert measures.appeared_words(updates) == 2 + 2 + 0


def test_a_word_is_unstable_where_the_next_display_has_another_or_none():
    updates = [update("the cut sat", "the cat sat on"), update("the cat sat on", "The cat"), update("a b", "a b c")]
    assert measures.unstable_words(updates) == 1 + 2 + 0


def test_cost_is_the_sum_of_all_turns():
    events = [
        {"type": "cost", "cpu_s": 0.1, "wall_s": 0.2},
        {"type": "stats"},
        {"type": "cost", "cpu_s": 1, "wall_s": 1},
    ]
    assert measures.cost(events) == pytest.approx({"cpu_s": 1.1, "wall_s": 1.2})


def test_lag_is_the_age_of_the_newest_sound():
    assert measures.lags([{"type": "cost", "at_s": 2.5, "audio_s": 2.0}]) == [(2.0, 0.5)]


def test_without_costs_the_engine_is_asked_for_its_lag():
    assert measures.lags([{"type": "stats", "at_s": 2.5, "audio_s": 2.0, "lag_s": 0.1}]) == [(2.0, 0.1)]


def test_a_deadline_is_missed_once_until_the_engine_has_caught_up():
    assert measures.deadline_misses([(1, 0.4), (2, 0.6), (3, 0.9), (4, 0.1), (5, 0.6)]) == 2
