"""How loud it is."""

import math

import numpy as np

from engine.records import Samples

SILENCE_DB = -120.0


def level_db(heard: Samples) -> float:
    """Return the loudness of samples (root mean square) in dB below full scale; -120 for silence."""
    power = float(np.mean(np.square(heard))) if len(heard) else 0.0
    return max(SILENCE_DB, 10 * math.log10(power)) if power else SILENCE_DB
