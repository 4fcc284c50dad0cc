"""`undertext devices`: what can be captured on this machine."""

import argparse
import sys

from desktop.capture.devices import Device, Kind, list_devices
from desktop.terminal.rows import print_rows
from engine.errors import NoInputDevice

NAME = "devices"
HELP = "list the microphones and outputs that can be captured"

SOURCES = {Kind.MICROPHONE: "mic", Kind.SYSTEM: "system"}
_COLUMNS = ("source", "name", "format", "default")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare no arguments."""


def run(_options: argparse.Namespace) -> int:
    """Print the devices; 1 when there is none."""
    try:
        found = list_devices()
    except NoInputDevice as error:
        print(error.sentence)
        return 1
    print_rows(_COLUMNS, map(_row, found))
    if sys.stdout.isatty():
        print("'undertext caption SOURCE' captions one; 'mic' and 'system' follow the default.")
    return 0


def _row(device: Device) -> tuple[str, ...]:
    source = f"{SOURCES[device.kind]}:{device.id}"
    return source, device.name, f"{device.rate} Hz, {device.channels} ch", "yes" if device.default else ""
