"""Takes made by hand."""

import numpy as np

from engine.recordings.listening import Take
from engine.speech.vad import FRAME
from engine.units import samples


def take(*spans_s, speech=1.0):
    """Return a take of these spans of a recording, in seconds; each sample is its own number there."""
    spans = tuple((samples(start) // FRAME * FRAME, samples(stop) // FRAME * FRAME) for start, stop in spans_s)
    sound = np.concatenate([np.arange(start, stop, dtype=np.float32) for start, stop in spans])
    frames = (spans[-1][1] - spans[0][0]) // FRAME
    heard = np.full(frames, speech, np.float32) if np.isscalar(speech) else np.resize(speech, frames)
    return Take(0, spans, sound, heard.astype(np.float32))
