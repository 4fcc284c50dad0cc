"""The small widgets that Qt lacks: switch, level meter, banner; and labels and buttons with a role in the style."""

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QResizeEvent
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from desktop import texts
from desktop.texts import tr
from desktop.windows.theme import icon

_ICON = QSize(20, 20)
_SEGMENTS = 32
_FLOOR_DB = -60.0  # quieter than any room


def label(text: str = "", role: str = "") -> QLabel:
    """Return a label that the style sheet knows by its role."""
    made = QLabel(text)
    made.setProperty("role", role)
    return made


def line() -> QFrame:
    """Return a thin line between two groups."""
    made = QFrame()
    made.setProperty("role", "line")
    return made


class Button(QPushButton):
    """A button that the style sheet knows by its role; its picture has the colour of its text, in every theme.

    Thread: GUI.
    """

    def __init__(self, text: str, role: str = "", picture: str = "") -> None:
        super().__init__(text)
        self.setProperty("role", role)
        self.setAccessibleName(text)
        self.setIconSize(_ICON)
        self._picture = picture
        self._tint()

    def show_picture(self, name: str) -> None:
        """Show another line icon of `assets/icons`."""
        self._picture = name
        self._tint()

    def _tint(self) -> None:
        if self._picture:
            is_primary = self.property("role") == "primary"
            role = QPalette.ColorRole.HighlightedText if is_primary else QPalette.ColorRole.ButtonText
            self.setIcon(icon(self._picture, self.palette().color(QPalette.ColorGroup.Active, role)))

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._tint()


class Paragraph(QLabel):
    """Text of several lines that a window grows for: Qt's layouts forget how high wrapped text is.

    Thread: GUI.
    """

    def __init__(self, text: str = "", role: str = "") -> None:
        super().__init__(text)
        self.setProperty("role", role)
        self.setWordWrap(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )

    def write(self, text: str) -> None:
        """Show a text."""
        self.setText(text)
        self.setVisible(bool(text))
        self._grow()

    def _grow(self) -> None:
        self.setMinimumHeight(max(0, self.heightForWidth(self.width())))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for the height of the new width."""
        super().resizeEvent(event)
        self._grow()


class Switch(QCheckBox):
    """A row with its name on the left and a switch on the right; the whole row is clicked.

    Thread: GUI.
    """

    _TRACK = QSize(38, 22)

    def __init__(self, text: str, tip: str = "") -> None:
        super().__init__(text)
        self.setToolTip(tip)
        self.setAccessibleName(text)
        self.setAccessibleDescription(tip)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """As high as a comfortable row."""
        text = self.fontMetrics().horizontalAdvance(self.text())
        return QSize(text + self._TRACK.width() + 24, max(32, self.fontMetrics().height() + 12))

    def hitButton(self, pos: object) -> bool:  # noqa: ARG002, N802
        """Take clicks anywhere on the row."""
        return True

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        """Paint the name and the switch."""
        track = QRectF(0, 0, self._TRACK.width(), self._TRACK.height())
        track.moveCenter(QPointF(self.width() - self._TRACK.width() / 2 - 2, self.height() / 2))
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, self.text())
            self._paint_track(painter, track)

    def _paint_track(self, painter: QPainter, track: QRectF) -> None:
        colours = self.palette()
        role = QPalette.ColorRole.Highlight if self.isChecked() else QPalette.ColorRole.Mid
        radius = track.height() / 2
        if self.hasFocus():
            painter.setPen(QPen(colours.color(QPalette.ColorRole.Link), 2))
            painter.drawRoundedRect(track.adjusted(-2, -2, 2, 2), radius + 2, radius + 2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.color(role))
        painter.drawRoundedRect(track, radius, radius)
        painter.setBrush(QColor("#221a03") if self.isChecked() else QColor("#ffffff"))
        x = track.right() - radius if self.isChecked() else track.left() + radius
        painter.drawEllipse(QPointF(x, track.center().y()), radius - 4, radius - 4)


class LevelMeter(QWidget):
    """How loud it is, as a row of segments from -60 to 0 dB; repainted only when one of them changes.

    Thread: GUI.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lit = 0
        self.setFixedHeight(12)
        self.setAccessibleName(tr(texts.LEVEL))
        self.setToolTip(tr(texts.LEVEL))

    @property
    def lit(self) -> int:
        """How many segments shine."""
        return self._lit

    def show_level(self, level_db: float) -> None:
        """Show a level in dB below full scale."""
        lit = round(_SEGMENTS * min(max(1 - level_db / _FLOOR_DB, 0.0), 1.0))
        if lit != self._lit:
            self._lit = lit
            self.setAccessibleDescription(f"{level_db:.0f} dB")
            self.update()

    def _role(self, index: int) -> QPalette.ColorRole:
        if index >= self._lit:
            return QPalette.ColorRole.Mid
        is_loud = index >= _SEGMENTS * 5 / 6
        return QPalette.ColorRole.Highlight if is_loud else QPalette.ColorRole.Light

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        """Paint the segments; the loudest end is the accent."""
        step = self.width() / _SEGMENTS
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            for index in range(_SEGMENTS):
                painter.setBrush(self.palette().color(self._role(index)))
                painter.drawRoundedRect(QRectF(index * step, 0, step - 3, self.height()), 2, 2)


class Banner(QFrame):
    """What went wrong and what to do, above everything else in a window; never modal.

    Signals:
        dismissed: The user has read it.

    Thread: GUI.
    """

    dismissed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "banner")
        self._title, self._body = Paragraph(role="heading"), Paragraph()
        self._close = Button("", "quiet", "close")
        self._close.setAccessibleName(tr(texts.DISMISS))
        self._close.setToolTip(tr(texts.DISMISS))
        self._close.clicked.connect(self._on_dismissed)
        self._lay_out()
        self.hide()

    @property
    def text(self) -> str:
        """What it says."""
        return f"{self._title.text()} {self._body.text()}".strip()

    def tell(self, title: str, body: str) -> None:
        """Show a message; it takes the place of the one before."""
        self._title.write(title)
        self._body.write(body)
        self.show()

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(self._title)
        words.addWidget(self._body)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 12, 8, 12)
        layout.addLayout(words, 1)
        layout.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)

    def _on_dismissed(self) -> None:
        self.hide()
        self.dismissed.emit()
