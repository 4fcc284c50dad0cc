"""The look of the windows: two sets of colours, light and dark, poured into one style sheet and one palette.

Widgets that paint themselves take their colours from the palette, so that everything follows the system's choice,
also when it changes at sunset.
"""

import re
from collections.abc import Mapping

from PySide6.QtCore import QByteArray, QObject, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from desktop.assets import ASSETS

DARK: Mapping[str, str] = {
    "window": "#12161f", "card": "#1a202d", "field": "#242c3c", "hover": "#2d3649", "border": "#2f394d",
    "text": "#e9edf5", "dim": "#9aa6bb", "faint": "#66728a", "focus": "#8fb4ff",
    "accent": "#ffc53d", "accentHover": "#ffd166", "onAccent": "#221a03",
    "banner": "#3a2422", "bannerBorder": "#6e3a34", "alert": "#ff8a7a", "good": "#4cc38a",
}  # fmt: skip
LIGHT: Mapping[str, str] = {
    "window": "#f4f6fa", "card": "#ffffff", "field": "#f1f3f8", "hover": "#e6eaf2", "border": "#d9dfe9",
    "text": "#1a2130", "dim": "#59657a", "faint": "#98a2b5", "focus": "#2f6bed",
    "accent": "#ffc53d", "accentHover": "#f7b91f", "onAccent": "#221a03",
    "banner": "#fdeeec", "bannerBorder": "#f3c6c0", "alert": "#b3261e", "good": "#1f8a57",
}  # fmt: skip
_ROLES = {
    QPalette.ColorRole.Window: "window", QPalette.ColorRole.WindowText: "text",
    QPalette.ColorRole.Base: "card", QPalette.ColorRole.Text: "text",
    QPalette.ColorRole.Button: "field", QPalette.ColorRole.ButtonText: "text",
    QPalette.ColorRole.PlaceholderText: "faint", QPalette.ColorRole.Mid: "border",
    QPalette.ColorRole.Highlight: "accent", QPalette.ColorRole.HighlightedText: "onAccent",
    QPalette.ColorRole.Accent: "accent", QPalette.ColorRole.Link: "focus", QPalette.ColorRole.Dark: "dim",
    QPalette.ColorRole.ToolTipBase: "card", QPalette.ColorRole.ToolTipText: "text",
    QPalette.ColorRole.AlternateBase: "hover", QPalette.ColorRole.Light: "good",
}  # fmt: skip
_ICON_SIZE = 48  # twice the largest that is shown, for dense screens


class Theme(QObject):
    """Dresses the application, now and whenever the system turns light or dark.

    Attributes:
        colours: Those in use, by name.

    Thread: GUI.
    """

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self._was_dark = app.palette().window().color().lightness() < 128  # where the system tells no scheme
        app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        scheme = self._app.styleHints().colorScheme()
        is_dark = self._was_dark if scheme == Qt.ColorScheme.Unknown else scheme == Qt.ColorScheme.Dark
        self.colours = DARK if is_dark else LIGHT
        self._app.setPalette(palette(self.colours))
        self._app.setStyleSheet(style_sheet(self.colours))


def style_sheet(colours: Mapping[str, str]) -> str:
    """Return the style sheet in a set of colours."""
    sheet = (ASSETS / "styles" / "undertext.qss").read_text(encoding="utf-8")
    places = {**colours, "icons": (ASSETS / "icons").as_posix()}
    return re.sub(r"@(\w+)", lambda name: places[name[1]], sheet)


def palette(colours: Mapping[str, str]) -> QPalette:
    """Return the palette in a set of colours."""
    result = QPalette()
    for role, name in _ROLES.items():
        result.setColor(role, QColor(colours[name]))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, role, QColor(colours["faint"]))
    return result


def icon(name: str, colour: QColor) -> QIcon:
    """Return a line icon of `assets/icons` in a colour."""
    svg = (ASSETS / "icons" / f"{name}.svg").read_text(encoding="utf-8").replace("currentColor", colour.name())
    pixmap = QPixmap(_ICON_SIZE, _ICON_SIZE)
    pixmap.fill(Qt.GlobalColor.transparent)
    with QPainter(pixmap) as painter:
        QSvgRenderer(QByteArray(svg.encode())).render(painter)
    return QIcon(pixmap)


def app_icon() -> QIcon:
    """Return the program's own icon."""
    return QIcon(str(ASSETS / "icon.svg"))
