"""A program that gets ready as ours does, says so, and ends; `gpu_ours.ready_s` holds the clock."""

import sys
from pathlib import Path

import numpy as np

from engine.records import Window
from engine.settings import ENGLISH, EngineSettings
from engine.units import samples
from engine.whisper.cuda.device.host import HostDevice
from engine.whisper.cuda.kernels.operations import PLAIN
from engine.whisper.cuda.loading import TorchGpu, graphics_card
from engine.whisper.recognizer import Context
from tests.benchmarks.gpu_ours import READY, UPDATE_S


def main() -> None:
    """Load a model with all its checks, and hear once."""
    folder, context, *rehearse = sys.argv[1:]
    card = TorchGpu(HostDevice(memory_bytes=1 << 40), PLAIN) if rehearse else graphics_card()
    recognizer = card.load(Path(folder), Context.named(context), EngineSettings(), eight_bits=False, clip=None)
    recognizer.recognize(Window(np.zeros(samples(UPDATE_S), np.float32), 0, language=ENGLISH))
    print(READY, flush=True)


if __name__ == "__main__":
    main()
