"""Undertext: live captions under whatever this computer hears.

`undertext` opens the window; `undertext caption …` and its neighbours work in a terminal.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from engine.errors import EngineError

COMMANDS = ("caption", "devices", "models", "sessions", "export", "doctor")
WRONG = 2  # the exit code of bad input, as argparse has it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except EngineError as error:
        sys.stderr.write(f"undertext: {error.sentence}\n")
        return WRONG
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: there is nobody to tell
        return WRONG


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="undertext", description=__doc__)
    parser.set_defaults(run=_window)
    commands = parser.add_subparsers(metavar="COMMAND")
    for name in COMMANDS:
        command = import_module(f"desktop.terminal.{name}")
        sub = commands.add_parser(name, help=command.HELP, description=command.HELP)
        command.configure(sub)
        sub.set_defaults(run=command.run)
    return parser


def _window(_options: argparse.Namespace) -> int:
    """Open the window, or show on a machine without a screen what it would show."""
    from desktop.app import run  # noqa: PLC0415  # Qt is for the window only

    return run()


if __name__ == "__main__":
    sys.exit(main())
