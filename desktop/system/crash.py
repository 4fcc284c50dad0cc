"""Uncaught errors of every kind → the log, and one dialog that blocks nothing.

Covered: exceptions in slots and elsewhere in the GUI thread, in other threads, in destructors; native crashes (a trace
in the log's folder); Qt's own warnings. The log holds types and places, never the words of an error that is not
ours: they may quote what was said.
"""

import faulthandler
import logging
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from PySide6.QtCore import QMessageLogContext, QObject, Qt, QtMsgType, Signal, qInstallMessageHandler
from PySide6.QtWidgets import QMessageBox

from desktop import texts
from desktop.texts import tr
from engine.errors import EngineError

if TYPE_CHECKING:
    from threading import ExceptHookArgs

_LOG = logging.getLogger(__name__)
_QT_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


class CrashHooks(QObject):
    """Catches what nobody caught, from its creation to `remove`.

    Signals:
        caught: str, str: the error's class and where it happened.

    Args:
        folder: Of the log.

    Thread: created in the GUI thread; catches in all.
    """

    caught = Signal(str, str)

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._dialog: QMessageBox | None = None
        self._native: TextIO = (folder / "native-crash.log").open("a", encoding="utf-8")
        faulthandler.enable(self._native)
        self._before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception
        sys.unraisablehook = self._on_unraisable
        qInstallMessageHandler(_log_qt)
        # A message box may be made in the GUI thread only, and an error happens anywhere.
        self.caught.connect(self._show, Qt.ConnectionType.QueuedConnection)

    @property
    def dialog(self) -> QMessageBox | None:
        """The dialog that is open, if one is."""
        return self._dialog

    def remove(self) -> None:
        """Put back what was there before."""
        sys.excepthook, threading.excepthook, sys.unraisablehook = self._before
        qInstallMessageHandler(None)
        faulthandler.disable()
        self._native.close()

    def _on_exception(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt | SystemExit):
            return
        _LOG.error("uncaught %s\n%s", _name(error), _frames(trace))
        self.caught.emit(kind.__name__, _place(trace))

    def _on_thread_exception(self, args: "ExceptHookArgs") -> None:
        if args.exc_value is not None:
            self._on_exception(args.exc_type, args.exc_value, args.exc_traceback)

    def _on_unraisable(self, args: "sys.UnraisableHookArgs") -> None:
        if args.exc_value is not None:
            _LOG.error("unraisable %s\n%s", _name(args.exc_value), _frames(args.exc_traceback))

    def _show(self, kind: str, place: str) -> None:
        """Tell once; while the dialog is open, more errors go to the log only."""
        if self._dialog is not None:
            return
        body = tr(texts.CRASH_BODY, kind=kind, place=place, log=self._folder)
        self._dialog = QMessageBox(QMessageBox.Icon.Warning, tr(texts.APP_NAME), tr(texts.CRASH_TITLE))
        self._dialog.setInformativeText(body)
        self._dialog.setModal(False)
        self._dialog.finished.connect(self._on_finished)
        self._dialog.show()

    def _on_finished(self) -> None:
        if self._dialog is not None:
            self._dialog.deleteLater()
            self._dialog = None


def _name(error: BaseException) -> str:
    is_ours = isinstance(error, EngineError)
    return f"{type(error).__name__}: {error}" if is_ours else type(error).__name__


def _frames(trace: TracebackType | None) -> str:
    return "".join(traceback.format_tb(trace)).rstrip()


def _place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"


def _log_qt(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    _LOG.log(_QT_LEVELS.get(kind, logging.WARNING), "Qt %s: %s", context.category or "", message)
