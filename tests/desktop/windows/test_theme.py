import re

import pytest
from PySide6.QtGui import QColor

from desktop.windows.theme import DARK, LIGHT, icon, style_sheet
from tests.desktop.colours import contrast


@pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [
        ("text", "window", 7), ("text", "card", 7), ("text", "field", 7), ("text", "hover", 7), ("text", "banner", 7),
        ("dim", "window", 4.5), ("dim", "card", 4.5), ("dim", "field", 4.5), ("onAccent", "accent", 7),
        ("focus", "window", 3),
    ],
)  # fmt: skip
def test_text_can_be_read(colours, ink, ground, least):
    assert contrast(QColor(colours[ink]), QColor(colours[ground])) >= least


@pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])
def test_the_style_sheet_has_no_colour_left_open(colours):
    assert not re.search(r"@\w", style_sheet(colours))


def test_an_icon_takes_the_colour_it_is_given(qapp):
    image = icon("stop", QColor("#ff0000")).pixmap(24, 24).toImage()
    assert image.pixelColor(12, 12) == QColor("#ff0000")
