"""The mel of any sequence of windows is Whisper's; samples go up once and frames are computed once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.records import Window  # noqa: E402
from engine.units import HOP, SAMPLES_PER_POSITION  # noqa: E402
from engine.whisper.cuda.device.host import HostDevice  # noqa: E402
from engine.whisper.cuda.proof.recording import RecordingDevice  # noqa: E402
from engine.whisper.cuda.sound.way import Sound  # noqa: E402
from engine.whisper.features import N_FFT, log_mel  # noqa: E402
from tests.fake_gpu import fake_gpu  # noqa: E402

CAPACITY = 8000
LONGEST = CAPACITY // SAMPLES_PER_POSITION
SOUND = np.random.default_rng(0).normal(0, 0.1, 40_000).astype(np.float32)
SOUND *= np.linspace(0.01, 1, len(SOUND), dtype=np.float32)  # the loudest frame is not always the same
OTHER = np.random.default_rng(1).normal(0, 0.3, len(SOUND)).astype(np.float32)

starts = st.integers(0, len(SOUND) - 1)
positions = st.integers(2, LONGEST)


def expected(samples, shown, n_mels=80):
    padded = np.zeros(shown * SAMPLES_PER_POSITION, np.float32)
    heard = samples[: len(padded)]
    padded[: len(heard)] = heard
    return log_mel(padded, n_mels)


def agrees(sound, samples, start, shown, n_mels=80):
    found = sound.hear(Window(samples, start), shown).numpy()
    # As close as float32 comes to it: see test_mel.
    np.testing.assert_allclose(found, expected(samples, shown, n_mels), rtol=1e-4, atol=3e-4)


@st.composite
def sequences(draw):
    """Windows one after another: longer, moved on, moved back, elsewhere, empty, of another session, too long."""
    start, stop = draw(starts), 0
    windows = []
    for _ in range(draw(st.integers(1, 7))):
        move = draw(st.sampled_from(["grow", "on", "positions", "back", "jump", "again"]))
        if move == "grow":
            stop = max(start, stop) + draw(st.integers(0, 3000))
        elif move == "on":
            start += draw(st.integers(0, 2000))
        elif move == "positions":
            start += SAMPLES_PER_POSITION * draw(st.integers(0, 10))
        elif move == "back":
            start -= draw(st.sampled_from([1, HOP, 1000, 1600, 3200]))
        elif move == "jump":
            start = draw(starts)
        start = min(max(start, 0), len(SOUND))
        stop = min(max(start, stop if move != "jump" else start + draw(st.integers(0, 9000))), len(SOUND))
        source = draw(st.sampled_from([SOUND, SOUND, SOUND, OTHER]))
        windows.append((source[start:stop], start, draw(st.sampled_from([2, 7, 20, LONGEST]))))
    return windows


@settings(max_examples=60, deadline=None)
@given(sequences(), st.sampled_from([80, 128]))
def test_any_windows_in_any_order(windows, n_mels):
    sound = Sound(HostDevice(), n_mels, CAPACITY)
    for samples, start, shown in windows:
        agrees(sound, samples, start, shown, n_mels)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, CAPACITY + 500), positions, starts)
def test_any_length_shown_in_any_length(length, shown, start):
    samples = np.roll(SOUND, -start)[:length]
    agrees(Sound(HostDevice(), 80, CAPACITY), samples, start, shown)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 5000), st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(1, 2000))
def test_samples_go_up_once_and_frames_are_computed_once(begun, moves, step):
    """A window grows step by step, and its start moves on by positions, as the pipeline's do."""
    sound = Sound(HostDevice(), 80, CAPACITY)
    start, stop, centers = begun, begun, set()
    for move in moves:
        stop += step
        behind = max(0, stop - start - CAPACITY)  # what would not fit
        start += (-(-behind // SAMPLES_PER_POSITION) + move) * SAMPLES_PER_POSITION
        start = start if start <= stop - step else start - move * SAMPLES_PER_POSITION
        agrees(sound, SOUND[start:stop], start, LONGEST)
        centers |= set(range(start + 2 * HOP, stop - N_FFT // 2 + 1, HOP))
        assert sound.uploaded == stop - begun
        assert sound.computed == len(centers)


def test_the_same_window_again_costs_nothing():
    sound = Sound(HostDevice(), 80, CAPACITY)
    for _ in range(3):
        agrees(sound, SOUND[500:4500], 500, 20)
        assert (sound.uploaded, sound.computed) == (4000, 22)


def test_a_window_between_the_hops_has_frames_of_its_own():
    sound = Sound(HostDevice(), 80, CAPACITY)
    agrees(sound, SOUND[:4000], 0, 20)
    before = sound.computed
    agrees(sound, SOUND[100:4000], 100, 20)
    assert (sound.uploaded, sound.computed - before) == (4000, 22)


def test_sound_of_another_session_at_the_same_place_is_not_taken_for_the_old():
    sound = Sound(HostDevice(), 80, CAPACITY)
    agrees(sound, SOUND[:4000], 0, 20)
    agrees(sound, OTHER[:4000], 0, 20)
    assert sound.uploaded == 8000


def test_nothing_but_silence_is_whispers_silence():
    agrees(Sound(HostDevice(), 80, CAPACITY), np.zeros(0, np.float32), 0, 20)
    agrees(Sound(HostDevice(), 80, CAPACITY), np.zeros(3000, np.float32), 7, 20)


def test_the_mel_lies_where_it_was_said_to_lie_in_the_dtype_of_the_model():
    sound = Sound(HostDevice(torch.float16), 80, CAPACITY)
    promised = sound.prepare(10)
    found = sound.hear(Window(SOUND[:3000], 0), 10)
    assert found is promised
    assert found.dtype == torch.float16
    np.testing.assert_allclose(found.float().numpy(), expected(SOUND[:3000], 10), atol=1e-3)


@pytest.mark.parametrize("shown", [0, 1, LONGEST + 1])
def test_a_length_that_cannot_be_shown_is_refused(shown):
    with pytest.raises(ValueError, match=f"{shown} positions"):
        Sound(HostDevice(), 80, CAPACITY).prepare(shown)


@settings(max_examples=6, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 3), st.booleans()), min_size=1, max_size=30))
def test_the_live_path_is_in_order_and_waits_once(steps):
    """Over rings that are used again many times: with one late read an update, and with reads left out now and then."""
    with RecordingDevice() as device:
        sound = Sound(device, 80, CAPACITY)
        sound.prepare(LONGEST)
        start = stop = 0
        for step, move, reads in steps:
            stop += step
            start = max(start + move * SAMPLES_PER_POSITION, stop - CAPACITY)
            window = Window(np.resize(SOUND, stop)[min(start, stop) :], min(start, stop))
            with device.update("update", waits=int(reads)):
                mel = sound.hear(window, LONGEST)
                if reads:
                    device.fetch(mel).get()
    assert device.faults() == []


@pytest.mark.parametrize("step", [0, 300, 1500])  # numbers alone; many updates in a ring of sound; few of them
def test_many_updates_without_a_read_use_no_memory_too_soon(step):
    with RecordingDevice() as device:
        sound = Sound(device, 80, CAPACITY)
        sound.prepare(5)
        for n in range(20):
            sound.hear(Window(SOUND[n * step : n * step + 1600], n * step), 5)
    assert device.faults() == []


def test_on_a_gpu_everything_stays_there():
    with fake_gpu() as device:
        sound = Sound(device, 128, CAPACITY)
        for n in range(3):
            mel = sound.hear(Window(SOUND[: 3000 + 400 * n], 0), 20)
    assert (tuple(mel.shape), mel.dtype, mel.device.type) == ((128, 40), torch.float16, "cuda")
