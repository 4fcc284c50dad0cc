import jiwer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.known_speech import known_speech
from engine.adapt.library import Clip
from engine.adapt.measure import CUTS_S, Row, agrees, judged, loops, own_table, plain_words, table, word_errors
from engine.units import samples
from tests import material

WORDS = st.lists(st.sampled_from(["a", "b", "c", "It's", "Don't,", "well-known"]), max_size=8).map(" ".join)
SIX_S = np.zeros(samples(6.1), np.float32)


@given(said=WORDS.filter(bool), written=WORDS)
def test_word_errors_are_those_of_jiwer(said, written):
    sides = [" ".join(plain_words(text)) for text in (said, written)]
    found = jiwer.process_words(*sides)
    errors = found.substitutions + found.deletions + found.insertions
    assert word_errors(said, written) == (errors, len(sides[0].split()))


@given(text=WORDS)
def test_what_is_said_has_no_errors_against_itself(text):
    assert word_errors(text, text.upper() + " .")[0] == 0


@given(words=st.lists(st.sampled_from([" A", " b.", " c"]), max_size=8), cut=st.integers(0, 8), last=st.text())
def test_a_beginning_agrees_whatever_its_last_word(words, cut, last):
    assert agrees([*words[:cut], last], words)


def test_a_beginning_that_was_heard_otherwise_does_not_agree():
    assert not agrees([" he", " was", " here"], [" she", " was", " here"])
    assert not agrees([" one", " two", " three", " four"], [" one", " two"])


def test_a_text_in_circles_is_a_loop():
    assert loops([" and"] * 12)
    assert not loops(" it is what it is".split())


def test_a_row_counts_words_loops_phantoms_and_cuts():
    texts = iter([["One", " two", " three"], ["One"], ["Two", " and"], ["One", " two"], ["so"] * 9])
    clips = [Clip(SIX_S, "one, two: four!", "", "en"), Clip(SIX_S, "", "", "")]
    row = judged(Row("before", "30 s"), lambda _sound, _language: next(texts), clips)
    assert (row.errors, row.words, row.error_rate) == (1, 3, pytest.approx(33.3, abs=0.1))
    assert row.agreed == [True, False, True]
    assert (row.loops, row.phantoms, len(row.window_ms)) == (1, 9, 5)


def test_clips_are_cut_off_where_more_is_said():
    heard = []
    judged(
        Row("", ""),
        lambda sound, _language: heard.append(len(sound)) or [],
        [Clip(SIX_S[: samples(4.6)], "x", "", "en")],
    )
    assert heard == [samples(4.6), *map(samples, CUTS_S[:2])]


def test_nothing_said_has_no_error_rate():
    assert Row("", "").error_rate is None


def test_a_real_model_is_measured_padded_and_shown_little():
    folder, speech = material.engine("live").installed.path, known_speech()
    rows = list(table(folder, folder, [Clip(speech.samples, speech.text, "", "en")]))
    assert [row.context for row in rows] == ["30 s", "+1 s", "30 s", "+0 s", "+0.5 s", "+1 s", "+2 s"]
    assert [row.errors for row in rows if row.context != "+0 s"] == [0] * 6
    assert rows[0].words == len(plain_words(speech.text))
    assert not any(row.loops for row in rows if row.context != "+0 s")
    assert all(len(row.window_ms) == 1 + len(row.agreed) for row in rows)
    own = list(own_table(folder, folder, [Clip(speech.samples, speech.text, "", "en")]))
    assert [(row.model, row.context) for row in own] == [
        (model, f"{context}, your corrections") for model in ("before", "after") for context in ("30 s", "+1 s")
    ]
    assert [row.errors for row in own] == [0] * 4
