"""Speech of which it is known what is said: the beginning of the demo, for the self-test of a graphics card."""

from contextlib import closing

import numpy as np

from desktop.assets import DEMO_CLIP
from engine.audio.resample import Resampler
from engine.audio.sources import FileSource
from engine.records import AudioBlock
from engine.units import samples
from engine.whisper.selftest import Clip

_TEXT = "Hello. You are reading live captions, made on your own computer."
_LENGTH_S = 5.6  # the next sentence begins later


def known_speech() -> Clip:
    """Return it, decoded."""
    source = FileSource(DEMO_CLIP)
    source.open()
    blocks: list[AudioBlock] = []
    with closing(source):
        while not source.exhausted and sum(len(block.frames) / block.sample_rate for block in blocks) < _LENGTH_S + 0.5:
            blocks += [item for item in source.read(1.0) if isinstance(item, AudioBlock)]
    resampler = Resampler(blocks[0].sample_rate)
    sound = np.concatenate([resampler.feed(block).reshape(-1) for block in blocks])
    return Clip(sound[: samples(_LENGTH_S)], _TEXT)
