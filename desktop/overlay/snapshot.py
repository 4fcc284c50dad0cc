"""The overlay as a picture, painted without a screen: for a machine that has none, and for the README."""

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QColor, QGuiApplication, QImage, QLinearGradient, QPainter

from desktop.overlay.caption_lines import CaptionLines, LineRules
from desktop.overlay.caption_painter import CaptionPainter
from desktop.settings import OverlaySettings
from engine.records import Caption

_WIDTH, _HEIGHT, _RATIO = 1280, 400, 2
_SHARE = 0.68  # of the width: BBC subtitle guidelines
_ABOVE, _BELOW = QColor("#8fa9bd"), QColor("#33465c")  # a calm ground, so that one sees through the lines


def render_png(captions: Iterable[Caption], path: Path, settings: OverlaySettings | None = None) -> None:
    """Paint what the overlay shows after some captions.

    Args:
        captions: In order; what has rolled away by the last one is not seen.
        path: Of the PNG, which is replaced.
        settings: How the overlay looks.

    Raises:
        OSError: The file cannot be written.
    """
    application = QGuiApplication.instance() or QGuiApplication(["undertext", "-platform", "offscreen"])
    image = _paint(captions, settings or OverlaySettings())
    del application  # it had to live while fonts were used
    if not image.save(str(path), "PNG"):  # type: ignore[call-overload]
        raise OSError(f"{path} cannot be written")


def _paint(captions: Iterable[Caption], settings: OverlaySettings) -> QImage:
    text = CaptionPainter(settings)
    width = round(_WIDTH * _SHARE)
    lines = CaptionLines(text.measure, width - 2 * text.padding, LineRules(line_count=settings.line_count))
    for now, caption in enumerate(captions):
        lines.show(caption, float(now))
        while lines.due(float(now)):
            pass
    image = QImage(_WIDTH * _RATIO, _HEIGHT * _RATIO, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(_RATIO)
    height = settings.line_count * text.line_height
    with QPainter(image) as painter:
        _paint_ground(painter)
        painter.translate(QPoint((_WIDTH - width) // 2, _HEIGHT - height - 48))
        text.paint(painter, text.looks(lines.visible, width), QRect(0, 0, width, height))
    return image


def _paint_ground(painter: QPainter) -> None:
    ground = QLinearGradient(0, 0, 0, _HEIGHT)
    ground.setColorAt(0, _ABOVE)
    ground.setColorAt(1, _BELOW)
    painter.fillRect(QRect(0, 0, _WIDTH, _HEIGHT), ground)
