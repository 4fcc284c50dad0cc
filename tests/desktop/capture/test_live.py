"""A live source mends itself; here its host is scripted and the clock is ours."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.capture.hosts import Device, Kind, TapState
from desktop.capture.live import LiveSource
from engine.audio.ring import Ring
from engine.audio.sources import AudioSource
from engine.errors import DeviceLost, NoInputDevice
from engine.records import AudioBlock, Interruption, Notice

RATE = 1_000
BLOCK_S = 0.02
SPEAKER = Device("a", "Speaker", Kind.SYSTEM, default=True, rate=RATE, channels=2)
HEADPHONES = Device("b", "Headphones", Kind.SYSTEM, default=True, rate=RATE, channels=1)


class ScriptedTap:
    """Plays what the test says."""

    def __init__(self, device, now):
        self.device = device
        self.ring = Ring(RATE, device.channels)
        self.arrival = (0, now)
        self.state = TapState.RUNNING
        self.idle = False
        self.patience_s = 5.0
        self.closed = False

    def close(self):
        self.closed = True


class ScriptedHost:
    """Offers what the test says."""

    def __init__(self):
        self.now = 100.0
        self.device = SPEAKER
        self.taps = []
        self.refuses = False

    def target(self, now):
        return self.device

    def open(self, device, wake):
        if self.refuses:
            raise DeviceLost("busy")
        self.taps.append(ScriptedTap(device, self.now))
        return self.taps[-1]

    def trouble(self):
        return NoInputDevice("there is nothing", hint="Connect something.")

    def close(self):
        pass


class Scene:
    """A source, its host, and the clock."""

    def __init__(self):
        self.host = ScriptedHost()
        self.source = LiveSource(self.host, "sound", clock=lambda: self.host.now)
        self.source.open()
        self.items = []

    @property
    def tap(self):
        return self.host.taps[-1]

    def play(self, duration_s, *, attend=True):
        """Let sound come in real time."""
        for _ in range(round(duration_s / BLOCK_S)):
            self.host.now += BLOCK_S
            self.tap.ring.write(np.ones((round(BLOCK_S * RATE), self.tap.device.channels), np.float32))
            self.tap.arrival = (self.tap.ring.written, self.host.now)
            if attend:
                self.items += self.source.attend(self.host.now)

    def pass_time(self, duration_s, step_s=0.05):
        """Let nothing come."""
        end = self.host.now + duration_s
        while self.host.now < end - 1e-9:
            self.host.now = min(end, self.host.now + step_s)
            self.items += self.source.attend(self.host.now)

    def lose(self):
        """Take the device away."""
        self.tap.state = TapState.LOST
        self.host.device = None

    def notices(self):
        return [(item.healthy, item.detail) for item in self.items if isinstance(item, Notice)]

    def gaps(self):
        return [item.duration_s for item in self.items if isinstance(item, Interruption)]

    def sound_s(self):
        return sum(len(item.frames) / RATE for item in self.items if isinstance(item, AudioBlock))

    def media_s(self):
        return self.sound_s() + sum(self.gaps())


@pytest.fixture
def scene():
    return Scene()


def test_it_is_an_audio_source_that_never_ends(scene):
    assert isinstance(scene.source, AudioSource)
    assert scene.source.live
    assert not scene.source.exhausted
    assert scene.source.name == "Speaker"


def test_sound_comes_through_as_it_is(scene):
    scene.play(1.0)
    assert scene.sound_s() == pytest.approx(1.0)
    assert scene.notices() == scene.gaps() == []


def test_a_second_without_a_block_is_told_once_and_so_is_the_end_of_it(scene):
    scene.play(1.0)
    scene.pass_time(3.0)
    assert scene.notices() == [(False, "No sound comes from Speaker.")]
    scene.play(1.0)
    assert scene.notices()[1:] == [(True, "Sound comes from Speaker again.")]
    assert scene.gaps() == [pytest.approx(3.0, abs=0.15)]


def test_a_device_that_stays_silent_is_opened_anew(scene):
    scene.play(1.0)
    scene.pass_time(5.2)
    assert len(scene.host.taps) == 2
    assert scene.host.taps[0].closed


def test_a_lost_device_is_told_and_reopened_with_a_gap_of_the_right_length(scene):
    scene.play(1.0)
    scene.lose()
    scene.pass_time(7.0)
    scene.host.device = SPEAKER
    scene.pass_time(0.1)
    scene.play(1.0)
    assert scene.notices() == [
        (False, "Speaker is gone; waiting for it, or for another."),
        (True, "Sound comes from Speaker again."),
    ]
    assert scene.gaps() == [pytest.approx(7.1, abs=0.01)]


def test_the_last_words_of_a_lost_device_are_heard(scene):
    scene.play(0.5, attend=False)
    scene.lose()
    scene.pass_time(0.1)
    assert scene.sound_s() == pytest.approx(0.5)


def test_a_changed_default_is_followed(scene):
    scene.play(1.0)
    scene.host.device = HEADPHONES
    scene.pass_time(0.2)
    assert scene.host.taps[0].closed
    scene.play(1.0)
    assert scene.notices() == [(True, "Now listening to Headphones.")]
    assert scene.gaps() == [pytest.approx(0.2, abs=0.01)]
    assert scene.source.name == "Headphones"


def test_a_device_that_refuses_is_tried_again_and_not_all_the_time(scene):
    scene.play(1.0)
    scene.lose()
    scene.pass_time(0.1)
    scene.host.device, scene.host.refuses = SPEAKER, True
    scene.pass_time(1.0)
    scene.host.refuses = False
    scene.pass_time(0.4)
    assert len(scene.host.taps) == 2


def test_sound_that_was_not_read_in_time_is_an_interruption(scene):
    scene.play(3.0, attend=False)  # the ring holds one second
    scene.play(0.5)
    assert scene.gaps() == [pytest.approx(2.0 + BLOCK_S)]
    assert scene.media_s() == pytest.approx(3.5)


def test_where_nothing_playing_delivers_nothing_silence_is_paced_by_the_clock(scene):
    scene.play(1.0)
    scene.tap.idle = True
    scene.tap.patience_s = math.inf
    scene.pass_time(60.0)
    assert scene.notices() == scene.gaps() == []
    assert scene.media_s() == pytest.approx(61.0, abs=0.3)
    scene.play(1.0)
    assert scene.notices() == scene.gaps() == []
    assert scene.media_s() == pytest.approx(62.0, abs=0.01)


def test_silence_is_paced_even_before_the_first_sound(scene):
    scene.tap.idle = True
    scene.pass_time(2.0)
    assert 1.2 < scene.sound_s() <= 2.0
    assert not any(item.frames.any() for item in scene.items)


def test_a_quiet_device_may_be_opened_anew_without_a_word(scene):
    """As on Windows, where only that tells whether the default has changed."""
    scene.play(1.0)
    for _ in range(100):
        scene.tap.idle, scene.tap.patience_s = True, 2.0
        scene.pass_time(0.1)
    assert len(scene.host.taps) > 3
    scene.tap.idle = True
    scene.play(1.0)
    assert scene.notices() == scene.gaps() == []
    assert scene.media_s() == pytest.approx(12.0, abs=0.01)


@pytest.mark.parametrize("asleep_s", [10, 8 * 3600])
def test_sleep_and_resume_reopens_at_once_and_records_the_gap(scene, asleep_s):
    scene.play(1.0)
    scene.host.now += asleep_s
    scene.pass_time(0.1)
    assert len(scene.host.taps) == 2
    scene.play(1.0)
    assert scene.gaps() == [pytest.approx(asleep_s + 0.1, abs=0.15)]


def test_without_a_device_open_says_why_and_how_to_mend_it():
    host = ScriptedHost()
    host.device = None
    ticks = iter(range(10**6))
    source = LiveSource(host, "sound", clock=lambda: float(next(ticks)))
    with pytest.raises(NoInputDevice, match="there is nothing") as e:
        source.open()
    assert e.value.hint == "Connect something."


@settings(max_examples=30)
@given(
    acts=st.lists(
        st.tuples(
            st.sampled_from(["play", "quiet", "lose", "find", "switch", "idle", "look away"]), st.floats(0.05, 8)
        ),
        max_size=12,
    )
)
def test_whatever_happens_media_time_is_never_ahead_of_the_clock_and_ends_right(acts):
    scene = Scene()
    scene.play(0.5)
    for act, duration_s in acts:
        if act == "play" and not scene.tap.closed:
            scene.play(duration_s)
        elif act == "look away" and not scene.tap.closed:
            scene.play(duration_s, attend=False)
        elif act == "lose":
            scene.lose()
        elif act == "find":
            scene.host.device = SPEAKER
        elif act == "switch" and scene.host.device is not None:
            scene.host.device = HEADPHONES if scene.host.device is SPEAKER else SPEAKER
        elif act == "idle":
            scene.tap.idle = True
        scene.pass_time(duration_s if act == "quiet" else 0.05)
        assert scene.media_s() <= scene.host.now - 100.0 + 0.05
    scene.host.device = scene.host.device or SPEAKER
    scene.pass_time(1.0)
    scene.play(1.0)
    assert scene.media_s() == pytest.approx(scene.host.now - 100.0, abs=0.15)
