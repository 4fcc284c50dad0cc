import numpy as np
import pytest

from engine.records import AudioBlock, Caption, Interruption, Level
from engine.run import Run
from engine.units import samples
from tests.talker import RATE, SCRIPT, pipeline, sound


def started(*, live):
    """Return a run over a new pipeline, and what it sends."""
    events = []
    captioning = pipeline()
    return Run(captioning, None, events.append, lambda *_: None, live=live), captioning, events


def test_what_a_device_hands_over_at_once_is_decoded_once():
    run, captioning, _ = started(live=True)
    run.take([AudioBlock(sound()[: samples(3.9)], RATE)])
    assert captioning.updates == 1


def test_a_file_is_captioned_alike_however_it_is_cut():
    whole, cut = started(live=False), started(live=False)
    whole[0].take([AudioBlock(sound(), RATE)])
    for block in np.split(sound(), 140):
        cut[0].take([AudioBlock(block, RATE)])
    assert whole[2] == cut[2]


def test_no_word_is_lost_to_a_device_that_hands_over_everything_at_once():
    run, _, events = started(live=True)
    run.take([AudioBlock(sound(), RATE)])
    run.finish()
    assert [word for event in events if isinstance(event, Caption) for word in event.words] == SCRIPT


def test_sound_that_waits_is_behind_and_sound_that_is_missing_is_not():
    run, _, _ = started(live=True)
    silence = np.zeros((samples(0.1), 1), np.float32)
    run.take([AudioBlock(silence, RATE) for _ in range(41)])
    assert run.stats.lag_s >= 4
    assert run.stats.lag_s == pytest.approx(4, abs=0.9)  # and what taking it took
    run.take([AudioBlock(silence, RATE), Interruption(3600.0, "asleep")])
    assert run.stats.lag_s < 3
    assert run.stats.audio_s == pytest.approx(3604.2)
    assert run.stats.level is Level.NORMAL


def test_the_processor_time_of_the_session_only_grows():
    run, _, _ = started(live=True)
    run.take([AudioBlock(sound(), RATE)])
    before = run.stats.cpu_s
    run.take([AudioBlock(sound(), RATE)])
    assert run.stats.cpu_s >= before > 0
