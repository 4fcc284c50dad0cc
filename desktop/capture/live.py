"""Sound as it happens, from a source that mends itself.

A `LiveSource` keeps one tap of its host open. It follows the default device, opens anew what was lost or fell silent,
fills the silence of systems that deliver nothing while nothing plays, and tells what is missing by the clock, so that
media time stays right. All of this happens inside `read`, in the reader's thread; nothing here waits for a device.
"""

import threading
from collections.abc import Sequence

import numpy as np

from desktop.capture.hosts import Clock, Device, Host, Tap, TapState, boot_clock
from desktop.capture.timeline import Timeline
from engine.errors import CaptureError, NoInputDevice
from engine.records import AudioBlock, Interruption, Notice, SourceItem

OPEN_S = 3.0  # for a server to answer and a device to start
TICK_S = 0.05  # between looks at the host while nothing comes
STALL_S = 1.0  # without a block: a stall
SETUP_S = 2.0  # for a tap to begin to run
RETRY_S = 0.3  # between attempts to open a device
IDLE_S = 0.25  # without a block, where that means silence, before silence is filled in
IDLE_LAG_S = 0.15  # the filled silence ends this long before now: what just came is never overtaken

GONE = "{} is gone; waiting for it, or for another."
STALLED = "No sound comes from {}."
BACK = "Sound comes from {} again."
FOLLOWED = "Now listening to {}."


class LiveSource:
    """A device, or whichever device is the default, as an `AudioSource`.

    Args:
        host: Says what to capture, and opens it.
        name: What to call it until a device is known.
        clock: Seconds; the one that the host stamps blocks with.
    """

    live = True

    def __init__(self, host: Host, name: str, *, clock: Clock = boot_clock) -> None:
        self.name = name
        self._host = host
        self._clock = clock
        self._wake = threading.Event()
        self._tap: Tap | None = None
        self._begin()

    def open(self) -> None:
        """Find the device and wait until it runs.

        Raises:
            CaptureError: There is none (the hint says what is missing), or it cannot be opened.
        """
        self._begin()
        deadline = self._clock() + OPEN_S
        while self._tap is None or self._tap.state is not TapState.RUNNING:
            self._keep_open(self._clock())
            trouble = None if self._tap else self._refusal or self._host.trouble()
            if self._clock() > deadline:
                trouble = trouble or NoInputDevice(
                    f"{self.name} did not start within {OPEN_S:g} s", hint="Restart the sound server, or the computer."
                )
            if trouble is not None:
                self.close()
                raise trouble
            self._wait(TICK_S)

    def read(self, timeout_s: float) -> Sequence[SourceItem]:
        """Return what arrived, what is missing, and what there is to say, in order."""
        deadline = self._clock() + timeout_s
        while True:
            now = self._clock()
            self._wait(min(TICK_S, max(0.0, deadline - now)))
            items = self.attend(self._clock())
            if items or self._clock() >= deadline:
                return items

    @property
    def exhausted(self) -> bool:
        """Never: a device has no end."""
        return False

    def close(self) -> None:
        """Close the device and leave the sound system."""
        self._drop()
        self._host.close()

    def attend(self, now: float) -> list[SourceItem]:
        """Take what came, and mend what needs mending: one step of `read`, which does not wait."""
        lost = self._tap is not None and self._tap.state is TapState.LOST  # asked before the last of it is taken
        items = self._take()
        if self._tap is None:
            items += self._complain(GONE) if now - self._since > STALL_S else []
        else:
            items += self._lose(self._tap, now) if lost else self._look_after(self._tap, now)
        self._keep_open(now)
        return items

    def _begin(self) -> None:
        self._timeline = Timeline()
        self._device: Device | None = None  # that was opened last
        self._taken = 0  # frames of this tap
        self._since = self._clock()  # when the tap was opened, or the last one left
        self._retry_at = 0.0
        self._refusal: CaptureError | None = None  # why the device could not be opened
        self._filling = False  # with silence, because nothing plays
        self._trouble = ""  # what was last complained of
        self._reason = ""  # why sound is missing, should some be
        self._greeting = ""  # what to say with the first block of a new device

    def _wait(self, timeout_s: float) -> None:
        self._wake.wait(timeout_s)
        self._wake.clear()

    def _take(self) -> list[SourceItem]:
        """Return the sound that has come, and what is missing before it."""
        tap = self._tap
        if tap is None:
            return []
        arrived, at = tap.arrival
        if arrived <= self._taken:
            return []
        rate = tap.device.rate
        items = self._news()
        gap_s = self._timeline.missing((arrived - self._taken) / rate, at)
        items += self._silence(gap_s) if self._filling else self._interruption(gap_s, self._reason)
        missed, frames = tap.ring.take()
        items += self._interruption(missed / rate, "the captions fell behind")
        items.append(AudioBlock(frames, rate))
        self._timeline.media_s += len(frames) / rate
        self._taken += missed + len(frames)
        self._filling, self._reason = False, "sound was lost"
        return items

    def _news(self) -> list[SourceItem]:
        """Return what to say now that sound comes."""
        said, self._greeting = self._greeting, ""
        if self._trouble:
            said = said or BACK.format(self.name)
        self._trouble = ""
        return [Notice(healthy=True, detail=said)] if said else []

    def _interruption(self, duration_s: float, reason: str) -> list[SourceItem]:
        if duration_s <= 0:
            return []
        self._timeline.media_s += duration_s
        return [Interruption(duration_s, reason)]

    def _silence(self, duration_s: float) -> list[SourceItem]:
        """Return silence in place of what a system does not deliver while nothing plays."""
        device = self._tap.device if self._tap else None
        frames = round(duration_s * device.rate) if device else 0
        if device is None or frames <= 0:
            return []
        self._timeline.media_s += frames / device.rate
        return [AudioBlock(np.zeros((frames, device.channels), np.float32), device.rate)]

    def _look_after(self, tap: Tap, now: float) -> list[SourceItem]:
        """Judge a tap by how long nothing has come from it."""
        quiet_s = now - max(tap.arrival[1], self._since)
        items: list[SourceItem] = []
        if tap.state is TapState.OPENING:
            if quiet_s > SETUP_S:
                items = self._complain(STALLED)
                self._leave(now, "the device did not start")
        elif tap.idle and quiet_s > IDLE_S:
            items = self._fill(now)
        elif quiet_s > STALL_S:
            items = self._complain(STALLED)
        if quiet_s > tap.patience_s:
            self._leave(now, "sound stalled")
        return items

    def _fill(self, now: float) -> list[SourceItem]:
        if not self._filling:
            self._filling = True
            self._timeline.begin(now)
            self._timeline.reopened()
        return self._silence(self._timeline.due(now) - IDLE_LAG_S)

    def _lose(self, tap: Tap, now: float) -> list[SourceItem]:
        self._filling = False
        self._leave(now, f"{tap.device.name} was gone")
        return self._complain(GONE)

    def _complain(self, sentence: str) -> list[SourceItem]:
        """Return what to say now that no sound comes, once for each trouble."""
        if self._trouble == sentence:
            return []
        self._trouble = sentence
        return [Notice(healthy=False, detail=sentence.format(self.name))]

    def _keep_open(self, now: float) -> None:
        """Open what the host says is to be captured, and leave what is not any more."""
        target = self._host.target(now)
        if target is None or now < self._retry_at:
            return
        if self._tap is not None:
            if self._tap.device.id == target.id:
                return
            self._filling = False
            self._leave(now, "the default device changed")
        try:
            self._tap = self._host.open(target, self._wake)
        except CaptureError as e:
            self._refusal, self._retry_at = e, now + RETRY_S
            return
        self._settle_into(target, now)

    def _settle_into(self, device: Device, now: float) -> None:
        if self._device is not None and self._device.id != device.id:
            self._greeting = FOLLOWED.format(device.name)
        self._device, self.name = device, device.name
        self._taken, self._since = 0, now
        self._retry_at = now + RETRY_S
        self._timeline.reopened()

    def _leave(self, now: float, reason: str) -> None:
        self._since, self._reason = now, reason
        self._drop()

    def _drop(self) -> None:
        if self._tap is not None:
            self._tap.close()
            self._tap = None
