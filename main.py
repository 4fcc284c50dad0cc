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
from typing import NoReturn, TextIO

from desktop import paths
from desktop.system.log import start_log
from desktop.terminal import INTERRUPTED
from desktop.version import VERSION
from engine.audio import decoder
from engine.errors import EngineError
from engine.installing import is_frozen
from engine.pack import trial
from engine.pack.installed import PACK

COMMANDS = (
    "caption", "transcribe", "devices", "models", "adapt", "sessions", "export", "correct", "delete", "gpu", "updates",
    "doctor",
)  # fmt: skip
WRONG = 2  # the exit code of bad input, as argparse has it
BROKEN = 1
NOBODY_READS = frozenset({errno.EPIPE, errno.EIO})  # the pipe's reader, or the terminal, has gone

_LOG = logging.getLogger("undertext")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _settle_output()
        if given[:1] == [decoder.ARGUMENT]:  # a frozen program has no Python to start the decoder with
            return decoder.main(given[1])
        if given[:1] == [trial.ARGUMENT]:
            return trial.main(given[1])
        if is_frozen():  # from source torch is a package among others
            PACK.lies_in(paths.gpu_pack)
        options = _parser(given).parse_args(given)
        if options.run is not _window:  # the window begins its log itself
            _start_log()
        code = int(options.run(options))
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


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    named = [name for name in given[:1] if name in COMMANDS]  # alone: the others take a quarter of a second to read
    parser = _Parser(prog="undertext", description=__doc__)
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    parser.set_defaults(run=_window)
    commands = parser.add_subparsers(metavar="COMMAND")
    for name in named or COMMANDS:
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
    """Let no letter end the program: other programs read UTF-8, and a terminal shows what it can.

    A program of Windows' desktop has neither output nor error stream: what it says there is lost, and nothing breaks.
    """
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream, errors in ((sys.stdout, "replace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=stream.encoding if stream.isatty() else "utf-8", errors=errors)


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123  # no path: it is a name


def _start_log() -> None:
    """Send what is logged to a file, and never to the terminal: captions without a log are better than none."""
    logging.raiseExceptions = False
    try:
        start_log(paths.logs())
    except OSError:
        logging.getLogger().addHandler(logging.NullHandler())


def _end(error: Exception) -> int:
    """End quietly when nobody reads any more, and with one sentence when the program is at fault."""
    if isinstance(error, OSError) and nobody_reads(error):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
        return BROKEN
    # Types and places only: the words of an error may quote what was said.
    _LOG.error("uncaught %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(place.filename)}:{place.lineno}"  # noqa: PTH119  # no path: it is a label
    _tell(f"something broke ({type(error).__name__} in {where}). Please report it, with the log in {paths.logs()}.")
    return BROKEN


def nobody_reads(error: OSError, platform: str = sys.platform) -> bool:
    """Whether the reader of a pipe has gone, or the terminal: Windows calls that a wrong argument, of no file."""
    is_of_windows = platform == "win32" and error.errno == errno.EINVAL and error.filename is None
    return error.errno in NOBODY_READS or is_of_windows


def _tell(sentence: str) -> None:
    sys.stderr.write(f"undertext: {sentence}\n")


if __name__ == "__main__":
    sys.exit(main())
