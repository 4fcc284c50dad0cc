"""`undertext doctor`: what works on this machine, and how to mend what does not."""

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from rich.console import Console
from rich.table import Table
from rich.text import Text

from desktop import paths
from desktop.capture.devices import Kind, list_devices
from desktop.terminal import gpu_checkup
from desktop.wiring import Engine
from engine.errors import EngineError
from engine.records import Failure
from engine.speech.vad import silero_path
from engine.whisper.driver import find_driver
from engine.whisper.graphics_card import Obstacle, find_gpu

NAME = "doctor"
HELP = "check sound, model, screen and GPU, and say how to mend what is wrong"
LEAST_FREE_MB = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        fine: Nothing needs mending.
        found: One line.
        mend: What to do; empty when it is fine.
    """

    fine: bool
    found: str
    mend: str = ""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--gpu", action="store_true", help="check the graphics card's results and time it, a minute")


def run(options: argparse.Namespace) -> int:
    """Check everything; return 0 when captions would work, else 1."""
    if options.gpu:
        return gpu_checkup.run()
    console = Console(highlight=False)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    findings = [(name, _checked(check)) for name, check in CHECKS.items()]
    for name, finding in findings:
        mark = Text("✓", "green") if finding.fine else Text("✗", "red")
        table.add_row(mark, name, Text(finding.found))
        if finding.mend:
            table.add_row("", "", Text(finding.mend, "bold"))
    console.print(table)
    return 0 if all(finding.fine for _, finding in findings) else 1


def _checked(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except EngineError as error:
        return Finding(fine=False, found=str(error), mend=error.hint)


def system_sound() -> Finding:
    """Whether what the computer plays can be heard."""
    return _device(Kind.SYSTEM, "Nothing that plays sound was found.")


def microphone() -> Finding:
    """Whether there is a microphone."""
    return _device(Kind.MICROPHONE, "No microphone was found.")


def _device(kind: Kind, nothing: str) -> Finding:
    found = [device for device in list_devices() if device.kind is kind]
    if not found:
        return Finding(fine=False, found=nothing, mend="Plug one in or switch it on, then run this again.")
    chosen = next((device for device in found if device.default), found[0])
    return Finding(fine=True, found=f"{chosen.name}, {chosen.rate} Hz, {chosen.channels} channels")


@cache
def _engine() -> tuple[Engine, list[Failure]]:
    """Return the engine that captions would have, and what it tells while it is loaded."""
    told: list[Failure] = []
    return Engine(tell=told.append), told


def model() -> Finding:
    """Whether a model is here, whole, and can be loaded."""
    engine, _ = _engine()
    installed = engine.installed
    context = engine.recognizer.context.name
    return Finding(
        fine=True, found=f"{installed.name} ({context} context, {installed.trust.value}) in {installed.path}"
    )


def speech_detector() -> Finding:
    """Whether speech can be told from silence."""
    return Finding(fine=True, found=silero_path().name)


def screen() -> Finding:
    """Whether windows can be shown."""
    if sys.platform != "linux":
        return Finding(fine=True, found="there is one")
    if display := os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return Finding(fine=True, found=f"display {display}")
    return Finding(
        fine=False,
        found="neither DISPLAY nor WAYLAND_DISPLAY is set",
        mend="Start Undertext in a graphical session; 'undertext caption' works without one.",
    )


def gpu() -> Finding:
    """Whether the graphics card is used; none is needed."""
    driver = find_driver()
    found = find_gpu(driver)
    about = gpu_checkup.about(driver)  # now that Python finds the torch of a pack
    if isinstance(found, Obstacle):
        broken = driver is not None and bool(driver.problem)
        return Finding(not broken, f"{about}not used: {found.sentence}", found.mend)
    engine, told = _engine()
    free = f"{found.free_bytes() / 2**30:.1f} GB free"
    if engine.is_on_gpu:
        return Finding(fine=True, found=f"{about}{free}, used")
    why = told[-1].hint if told else "the model needs more memory than is free"
    return Finding(fine=not told, found=f"{about}{free}, not used: {why}")


def disk() -> Finding:
    """Whether transcripts can be kept."""
    folder = paths.transcripts()
    free_mb = shutil.disk_usage(folder).free // 2**20
    if free_mb < LEAST_FREE_MB:
        return Finding(fine=False, found=f"{free_mb} MB free in {folder}", mend="Free some space.")
    return Finding(fine=True, found=f"{folder}, {free_mb // 1024} GB free")


CHECKS: dict[str, Callable[[], Finding]] = {
    "system sound": system_sound,
    "microphone": microphone,
    "model": model,
    "speech detector": speech_detector,
    "screen": screen,
    "GPU": gpu,
    "transcripts": disk,
}
