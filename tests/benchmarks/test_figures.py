"""From an event log to a table."""

import json

import numpy as np
import pytest

from engine.units import samples as in_samples
from tests.benchmarks.figures import figures, measure, table
from tests.benchmarks.measures import Spoken
from tests.benchmarks.recordings import Recording

SPOKEN = [Spoken("alpha", 0.0, 0.5), Spoken("bravo", 0.5, 1.0)]


def caption(at_s, audio_s, committed, unstable=""):
    return {
        "type": "caption",
        "at_s": at_s,
        "audio_s": audio_s,
        "segment": 0,
        "committed": committed,
        "unstable": unstable,
    }


def measured(tmp_path, transcript, *events):
    log = tmp_path / "log.jsonl"
    listening = {"type": "state", "at_s": 0.0, "audio_s": 0.0, "state": "listening"}
    log.write_text("".join(json.dumps(event) + "\n" for event in (listening, *events)))
    recording = Recording("clip", "native", np.zeros(in_samples(1.0), np.float32), transcript)
    return measure("ours", recording, SPOKEN if transcript else [], log)


def test_the_figures_of_a_recording_are_those_of_its_log(tmp_path):
    events = (
        caption(0.7, 0.6, "", "alpha brave"),
        caption(1.3, 1.1, "alpha", " bravo"),
        caption(1.8, 1.5, "alpha bravo"),
        {"type": "cost", "at_s": 1.8, "audio_s": 1.5, "cpu_s": 0.3, "wall_s": 0.6, "memory_mb": 100},
    )
    found = figures([measured(tmp_path, "Alpha bravo.", *events)], offline_errors=1)
    assert found["WER live, %"] == 0
    assert found["WER offline, %"] == 50
    assert found["difference, points"] == -50
    assert found["first display p50, s"] == pytest.approx((0.2 + 0.3) / 2)
    assert found["commit p50, s"] == pytest.approx((0.8 + 0.8) / 2)
    assert found["end of speech → final p50, s"] == pytest.approx(0.8)
    assert found["time to first text, s (median)"] == pytest.approx(0.7)
    assert found["LAAL, s"] == pytest.approx(1.1)  # the first word came when the source of 1 s had ended
    assert found["LAAL with computing, s"] == pytest.approx(1.3)
    assert found["LongYAAL with computing, s"] == pytest.approx((1.3 + 1.8 - 0.5) / 2)
    assert found["displayed erasure"] == 0.5
    assert found["unstable partial words"] == 0.5
    assert found["committed words erased"] == 0
    assert found["CPU, ms per s of sound"] == pytest.approx(100)  # over 1 s and the tail of 2 s
    assert found["lag max, s"] == pytest.approx(0.3)


def test_words_without_speech_are_counted_by_the_minute(tmp_path):
    events = (caption(1, 1, "", "Thanks for"), caption(2, 2, "Thank you."))
    found = figures([measured(tmp_path, "", *events)], None)
    assert found["words per minute of non-speech"] == 40  # two in 3 s
    assert found["words that appeared per minute of it"] == 80
    assert found["WER live, %"] is None


def test_a_table_leaves_out_what_nobody_can_tell():
    text = table("clips", {"ours": {"a": 0.5, "b": None}, "theirs": {"a": None, "b": None}})
    assert text.splitlines() == ["| clips | ours | theirs |", "|---|---|---|", "| a | 0.50 | – |"]


def test_a_run_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    from tests.benchmarks.plot import draw

    run = measured(tmp_path, "alpha bravo", caption(0.7, 0.6, "", "alpha brave"), caption(1.3, 1.1, "alpha bravo"))
    draw(tmp_path / "run.png", "a run", SPOKEN, [run])
    assert (tmp_path / "run.png").stat().st_size > 10_000
