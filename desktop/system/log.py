"""The program's log: a file that turns over at 1 MiB, for its owner only. Ids, lengths and times; never words."""

import logging
import os
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

_BYTES, _BACKUPS = 1 << 20, 2
_FORM = "%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"


def start_log(folder: Path) -> None:
    """Send what is logged from INFO on to `undertext.log` in a folder."""
    handler = _PrivateFile(folder / "undertext.log", maxBytes=_BYTES, backupCount=_BACKUPS, encoding="utf-8")
    handler.setFormatter(logging.Formatter(_FORM))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)


class _PrivateFile(RotatingFileHandler):
    def rotate(self, source: str, dest: str) -> None:
        """Turn over; Windows does not while another Undertext writes there too, and the file goes on as it is."""
        with suppress(PermissionError):
            super().rotate(source, dest)

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        return os.fdopen(os.open(self.baseFilename, flags, 0o600), "a", encoding=self.encoding)
