import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from desktop.overlay.caption_lines import Line
from desktop.overlay.caption_painter import BACKGROUND, COMMITTED_COLOUR, UNSTABLE_COLOUR, CaptionPainter
from desktop.settings import OverlaySettings
from tests.desktop.colours import contrast

WIDTH = 700
NASTY = [
    "שלום עולם, hello", "مرحبا بالعالم", "👩\u200d👧🏽 🇸🇪 ❤\ufe0f", "e\u0301\u0301\u0301", "a\u202eb", "日本語。",
    "ไทย", "\ufffd", "x" * 2000, "ㅤ", "<b>&amp;</b>", "﷽", "Z̸̡͈͗a̶l̴g̵o̷",
]  # fmt: skip


def over_white(colour, opacity):
    return QColor.fromRgbF(*(c * opacity + 1 - opacity for c in (colour.redF(), colour.greenF(), colour.blueF())))


def painted(lines, settings=None, ground=Qt.GlobalColor.transparent):
    painter_of_captions = CaptionPainter(settings or OverlaySettings())
    image = QImage(WIDTH, 4 * painter_of_captions.line_height, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(ground)
    painter = QPainter(image)
    painter_of_captions.paint(painter, painter_of_captions.looks(lines, WIDTH), image.rect())
    painter.end()
    return image


def columns(image, row):
    return [x for x in range(image.width()) if image.pixelColor(x, row).alpha() > 100]


@pytest.mark.parametrize("colour", [COMMITTED_COLOUR, UNSTABLE_COLOUR])
@pytest.mark.parametrize("opacity", [0.8, 0.84, 1.0])
def test_text_has_seven_to_one_even_over_white(colour, opacity):
    assert contrast(colour, over_white(BACKGROUND, opacity)) >= 7


def test_there_is_no_gap_between_lines(qapp):
    image = painted([Line(0, "one and two"), Line(1, "three")])
    height = CaptionPainter(OverlaySettings()).line_height
    assert all(image.pixelColor(30, y).alpha() > 100 for y in range(2, 2 * height - 2))
    assert image.pixelColor(30, 2 * height + 1).alpha() == 0


def test_the_background_reaches_half_an_em_beyond_the_text(qapp):
    painter = CaptionPainter(OverlaySettings())
    box = painter.looks([Line(0, "some words")], WIDTH)[0].box
    assert box.width() == pytest.approx(painter.measure("some words") + 2 * painter.padding, abs=1)
    assert painter.padding == pytest.approx(24 * 96 / 72 / 2, abs=2)


def test_a_line_from_right_to_left_ends_at_the_right_edge(qapp):
    image = painted([Line(0, "שלום", rtl=True)])
    assert columns(image, 20)[-1] >= WIDTH - 3
    assert columns(image, 20)[0] > WIDTH // 2


def test_committed_and_unstable_words_differ_by_more_than_colour(qapp):
    settled, moving = painted([Line(0, "words words")]), painted([Line(0, "", "words words")])
    pixels = [(x, y) for x in range(WIDTH) for y in range(60)]
    ink = [sum(image.pixelColor(x, y).lightness() > 120 for x, y in pixels) for image in (settled, moving)]
    assert ink[1] > ink[0]  # the dots below


def test_words_stay_where_they_are_when_they_settle(qapp):
    painter = CaptionPainter(OverlaySettings())
    (moving,), (settled,) = (painter.looks([line], WIDTH) for line in (Line(0, "one", " two"), Line(0, "one two")))
    assert moving.box == settled.box


@pytest.mark.parametrize("text", NASTY)
def test_any_script_is_painted(qapp, text):
    image = painted([Line(0, text), Line(1, "", text)], ground=Qt.GlobalColor.white)
    assert image.pixelColor(8, 20).lightness() < 120


def test_a_line_that_stays_is_not_drawn_again(qapp, monkeypatch):
    painter_of_captions = CaptionPainter(OverlaySettings())
    image = QImage(WIDTH, 200, QImage.Format.Format_ARGB32_Premultiplied)
    laid = []
    layout = painter_of_captions._layout
    monkeypatch.setattr(
        painter_of_captions, "_layout", lambda line, width: laid.append(line.number) or layout(line, width)
    )
    for text in ("a", "a b", "a b c"):
        painter = QPainter(image)
        looks = painter_of_captions.looks([Line(0, "stays"), Line(1, text)], WIDTH)
        painter_of_captions.paint(painter, looks, QRect(0, 0, WIDTH, 200))
        painter.end()
    assert laid == [0, 1, 1, 1]
