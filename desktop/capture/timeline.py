"""Where sound belongs in time: what is missing from a stream, by the clock.

Samples are counted, and a count knows nothing of those that never came: a device that was away, a server that
dropped some without a word. So the clock has the last word. A block can be late (the computer was busy) but not
early, hence the least lateness seen tells how the clock and the count stand to each other, and lateness that stays is
sound that is missing.
"""

import math

TOLERANCE_S = 0.1  # lateness above the least that may be jitter
LEAST_GAP_S = 0.005  # what is shorter is jitter, or a rounding error
SETTLE_S = 0.4  # after a stall the missing sound may still come, in one rush
DRIFT = 300e-6  # a device's clock runs slower than ours by at most this


class Timeline:
    """The media time of a live stream: sound that was handed on, and the gaps that were told.

    Attributes:
        media_s: Seconds of sound and gaps so far; the caller adds to it.
    """

    def __init__(self) -> None:
        self.media_s = 0.0
        self._origin: float | None = None  # the clock at media time 0
        self.reopened()

    def reopened(self) -> None:
        """Take the next arrival as the first of a new stream."""
        self._fresh = True
        self._least: float = 0.0
        self._seen: float = 0.0
        self._late_since: float | None = None
        self._late_by: float = math.inf

    def due(self, now: float) -> float:
        """Return how far the clock is ahead of media time, in seconds; 0 before it has begun."""
        return 0.0 if self._origin is None else now - self._origin - self.media_s

    def begin(self, now: float) -> None:
        """Let media time begin at a moment, unless it has begun."""
        if self._origin is None:
            self._origin = now

    def missing(self, sound_s: float, at: float) -> float:
        """Return the seconds that are missing before sound that just came.

        Args:
            sound_s: How much sound has come since the last that `media_s` counts.
            at: When the last of it came.
        """
        self.begin(at - sound_s)
        late = self.due(at) - sound_s
        if self._fresh:
            self._fresh = False
            gap = late if late >= LEAST_GAP_S else 0.0
            self._least = late - gap
            self._seen = at
            return gap
        return self._lasting(late, at)

    def _lasting(self, late: float, at: float) -> float:
        self._least += DRIFT * (at - self._seen)
        self._seen = at
        if late <= self._least + TOLERANCE_S:
            self._least = min(self._least, late)
            self._late_since, self._late_by = None, math.inf
            return 0.0
        if self._late_since is None:
            self._late_since = at
        self._late_by = min(self._late_by, late)
        if at - self._late_since < SETTLE_S:
            return 0.0
        gap = self._late_by - self._least
        self._late_since, self._late_by = None, math.inf
        return gap
