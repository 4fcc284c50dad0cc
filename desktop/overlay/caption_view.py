"""Captions as they stand, in a widget: takes captions in, paints what changed, clears in time.

Nothing runs while nothing changes: the only timer is set for the next roll or clear.
"""

import math
import time
from collections.abc import Callable
from itertools import zip_longest

from PySide6.QtCore import QRect, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from desktop.overlay.caption_lines import CaptionLines, Line, LineRules
from desktop.overlay.caption_painter import CaptionPainter, LineLook
from desktop.settings import OverlaySettings
from engine.records import Caption


class CaptionView(QWidget):
    """A few lines of caption on a transparent widget.

    Signals:
        boxes_changed: The backgrounds of the lines are elsewhere than before.

    Args:
        settings: Font, size, lines and hold.
        parent: The window.
        clock: Seconds, monotonic.

    Thread: GUI.
    """

    boxes_changed = Signal()

    def __init__(
        self, settings: OverlaySettings, parent: QWidget, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._settings = settings
        self._clock = clock
        self._painter = CaptionPainter(settings)
        self._lines = CaptionLines(self._painter.measure, 1.0, _rules(settings))
        self._looks: list[LineLook] = []
        self._hint = ""
        self._next = QTimer(self, singleShot=True)
        self._next.timeout.connect(self._on_next)

    @property
    def line_height(self) -> int:
        """Of every line, in pixels."""
        return self._painter.line_height

    @property
    def shown(self) -> tuple[Line, ...]:
        """The lines that are painted."""
        return tuple(look.line for look in self._looks)

    @property
    def boxes(self) -> list[QRect]:
        """The background of each line that is painted."""
        return [look.box for look in self._looks]

    def show_caption(self, caption: Caption) -> None:
        """Show a caption as it stands."""
        self._lines.show(caption, self._clock())
        self._refresh()

    def finish(self) -> None:
        """End what is unfinished: nothing will follow, and what stands goes after its hold."""
        self._lines.finish(self._clock())
        self._refresh()

    def reset(self) -> None:
        """Clear at once: a new session begins."""
        self._lines.reset()
        self._refresh()

    def show_hint(self, hint: str) -> None:
        """Show a sentence while there are no captions; an empty one shows nothing."""
        self._hint = hint
        self._refresh()

    def restyle(self, settings: OverlaySettings) -> None:
        """Take font, size, opacity and rules; what stands is laid out anew."""
        self._settings = settings
        self._painter = CaptionPainter(settings)
        self._rewrap()
        self.update()

    def _rewrap(self) -> None:
        width = self.width() - 2 * self._painter.padding
        self._lines.rewrap(self._painter.measure, width, _rules(self._settings))
        self._refresh()

    def _refresh(self) -> None:
        """Show what stands now: repaint what differs, and set the timer for the next change."""
        lines = self._lines.visible or ((Line(-1, committed=self._hint),) if self._hint else ())
        before, self._looks = self._looks, self._painter.looks(lines, self.width())
        for was, now in zip_longest(before, self._looks):
            if was != now:
                self.update(was.box if was else QRect())
                self.update(now.box if now else QRect())
        if [look.box for look in before] != self.boxes:
            self.boxes_changed.emit()
        wait_s = self._lines.next_change_s(self._clock())
        if wait_s is None:
            self._next.stop()
        else:
            self._next.start(math.ceil(wait_s * 1000))

    def _on_next(self) -> None:
        self._lines.due(self._clock())
        self._refresh()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the lines that changed."""
        with QPainter(self) as painter:
            self._painter.paint(painter, self._looks, event.rect())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Wrap anew."""
        super().resizeEvent(event)
        self._rewrap()


def _rules(settings: OverlaySettings) -> LineRules:
    return LineRules(line_count=settings.line_count, hold_s=settings.hold_s)
