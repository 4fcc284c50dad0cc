"""`undertext devices`: what can be captured on this machine."""

import argparse

from rich import box
from rich.console import Console
from rich.table import Table

from desktop.capture.devices import Device, Kind, list_devices
from engine.errors import NoInputDevice

NAME = "devices"
HELP = "List the microphones and outputs that can be captured."

SOURCES = {Kind.MICROPHONE: "mic", Kind.SYSTEM: "system"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Take no arguments."""
    parser.description = HELP


def run(args: argparse.Namespace) -> int:  # noqa: ARG001 - every command has this signature
    """Print the devices; 1 when there is none."""
    console = Console(soft_wrap=True)
    try:
        found = list_devices()
    except NoInputDevice as e:
        console.print(e.sentence, highlight=False)
        return 1
    console.print(_table(found))
    console.print(
        "Caption one with `undertext caption SOURCE`; `mic` and `system` follow the default.", highlight=False
    )
    return 0


def _table(devices: list[Device]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("SOURCE", "NAME", "FORMAT", ""):
        table.add_column(heading, overflow="fold")
    for device in devices:
        source = f"{SOURCES[device.kind]}:{device.id}"
        table.add_row(
            source, device.name, f"{device.rate} Hz, {device.channels} ch", "default" if device.default else ""
        )
    return table
