"""Undertext: live captions under whatever this computer hears.

`undertext` opens the window; `undertext caption …` and its neighbours work in a terminal.
"""

import argparse
import errno
import io
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from desktop import paths
from desktop.system.log import start_log
from desktop.version import VERSION
from engine.audio import decoder
from engine.errors import EngineError
from engine.installing import is_frozen
from engine.pack import trial
from engine.pack.installed import PACK

COMMANDS = ("caption", "transcribe", "devices", "models", "adapt", "sessions", "export", "correct", "gpu", "doctor")
WRONG = 2  # the exit code of bad input, as argparse has it
BROKEN = 1
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
NOBODY_READS = frozenset({errno.EPIPE, errno.EIO})  # the pipe's reader, or the terminal, has gone

_LOG = logging.getLogger("undertext")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == [decoder.ARGUMENT]:  # a frozen program has no Python to start the decoder with
        return decoder.main(given[1])
    if given[:1] == [trial.ARGUMENT]:
        return trial.main(given[1])
    if is_frozen():  # from source torch is a package among others
        PACK.lies_in(paths.gpu_pack)
    try:
        _settle_output()
        options = _parser().parse_args(given)
        if options.run is not _window:  # the window begins its log itself
            _start_log()
        code = int(options.run(options))
        if sys.stdout is not None:
            sys.stdout.flush()
    except EngineError as error:
        _tell(error.sentence)
        return WRONG
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  # one of the three places: nobody shall have to read a traceback
        return _end(error)
    return code


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one sentence, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG, f"{self.prog}: {message}. See '{self.prog} --help'.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="undertext", description=__doc__)
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
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


def _settle_output() -> None:
    """Let no letter end the program: other programs read UTF-8, and a terminal shows what it can."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        encoding = sys.stdout.encoding if sys.stdout.isatty() else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="replace")


def _start_log() -> None:
    """Send what is logged to a file, and never to the terminal: captions without a log are better than none."""
    logging.raiseExceptions = False
    try:
        start_log(paths.logs())
    except OSError:
        logging.getLogger().addHandler(logging.NullHandler())


def _end(error: Exception) -> int:
    """End quietly when nobody reads any more, and with one sentence when the program is at fault."""
    if isinstance(error, OSError) and error.errno in NOBODY_READS:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
        return BROKEN
    # Types and places only: the words of an error may quote what was said.
    _LOG.error("uncaught %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(place.filename)}:{place.lineno}"  # noqa: PTH119  # no path: it is a label
    _tell(f"something broke ({type(error).__name__} in {where}). Please report it, with the log in {paths.logs()}.")
    return BROKEN


def _tell(sentence: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"undertext: {sentence}\n")


if __name__ == "__main__":
    sys.exit(main())
