"""The time grid of the engine, and the exact steps between its units.

    samples     PCM at 16 kHz; the one truth of time is the sample index since the session began
    frames      log-mel columns, one every 10 ms
    positions   encoder outputs, one every 20 ms: what attention and `align` speak of

Seconds and milliseconds are derived, for people.
"""

SAMPLE_RATE = 16_000
HOP = 160  # samples a mel frame: 10 ms
FRAMES_PER_SECOND = SAMPLE_RATE // HOP
SAMPLES_PER_POSITION = 2 * HOP  # the encoder's second convolution has stride 2
WINDOW_S = 30  # what Whisper was trained on
WINDOW_FRAMES = WINDOW_S * FRAMES_PER_SECOND


def samples(seconds: float) -> int:
    """Return the number of samples nearest to a time in seconds."""
    return round(seconds * SAMPLE_RATE)


def seconds(samples: int) -> float:
    """Return a number of samples in seconds."""
    return samples / SAMPLE_RATE


def milliseconds(samples: int) -> int:
    """Return a number of samples in whole milliseconds, rounded half up (exact: one sample is 1/16 ms)."""
    return (samples * 1000 + SAMPLE_RATE // 2) // SAMPLE_RATE
