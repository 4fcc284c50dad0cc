"""An event log, played again."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.replay import read_log, replay

WORDS = st.lists(st.sampled_from(["alpha", "bravo", "charlie"]), max_size=4)


def caption(at_s, committed, unstable="", segment=0):
    return {
        "type": "caption",
        "at_s": at_s,
        "audio_s": at_s - 0.1,
        "segment": segment,
        "committed": committed,
        "unstable": unstable,
    }


def test_times_are_counted_from_the_moment_the_sound_began(tmp_path):
    log = tmp_path / "log.jsonl"
    events = [
        {"type": "state", "at_s": 0.5, "audio_s": 0, "state": "loading"},
        {"type": "state", "at_s": 2.0, "audio_s": 0, "state": "listening"},
        caption(3.5, "alpha"),
    ]
    log.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert [event["at_s"] for event in read_log(log)] == [-1.5, 0, 1.5]


def test_a_word_is_shown_first_and_committed_later():
    seen = replay([caption(1, "", "alpha"), caption(2, "alpha", " bravo"), caption(3, "alpha bravo")])
    assert seen.words == ["alpha", "bravo"]
    assert seen.shown_at_s == [1, 2]
    assert seen.committed_at_s == [2, 3]
    assert seen.committed_audio_s == [1.9, 2.9]


def test_a_word_counts_as_shown_though_one_before_it_was_still_to_change():
    seen = replay([caption(1, "", "a brave charlie"), caption(2, "alpha bravo charlie")])
    assert seen.shown_at_s == [2, 2, 1]


def test_words_go_on_from_segment_to_segment():
    seen = replay([caption(1, "alpha"), caption(2, "", "bravo", segment=1), caption(3, "bravo", segment=1)])
    assert seen.words == ["alpha", "bravo"]
    assert seen.shown_at_s == [1, 2]
    assert [update.offset + len(update.after) for update in seen.updates] == [1, 2, 2]


def test_what_moves_into_the_next_segment_at_once_was_never_away():
    seen = replay([caption(1, "alpha", " bravo"), caption(2, "alpha"), caption(2.001, "", "bravo", segment=1)])
    assert seen.updates[-1].before == seen.updates[-1].after == ("alpha", "bravo")


def test_committed_words_that_change_are_told():
    assert replay([caption(1, "alpha bravo"), caption(2, "alpha beta charlie")]).committed_erased == 1
    assert replay([caption(1, "alpha bravo"), caption(2, "alpha bravo, charlie")]).committed_erased == 0


@given(st.lists(st.tuples(WORDS, WORDS), max_size=12))
def test_text_that_only_grows_is_never_erased_and_never_shown_late(steps):
    committed, events = [], []
    for at_s, (new, unstable) in enumerate(steps):
        committed = committed + new
        events.append(caption(at_s, " ".join(committed), " " + " ".join(unstable)))
    seen = replay(events)
    assert seen.committed_erased == 0
    assert seen.words == committed
    assert len(seen.shown_at_s) == len(seen.committed_at_s) == len(committed)
    assert all(shown <= final for shown, final in zip(seen.shown_at_s, seen.committed_at_s, strict=True))
