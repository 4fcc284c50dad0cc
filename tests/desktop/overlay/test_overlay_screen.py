"""The overlay under real window managers: what is seen, what is clicked, what stays above."""

import json
from pathlib import Path

import pytest

from tests.screen import screen, wait_for

pytestmark = [pytest.mark.long, pytest.mark.screen]
HERE = Path(__file__).parent
WHITE = "#ffffff"


class Overlay:
    """The program under test on a screen."""

    def __init__(self, child):
        self._child = child

    def ask(self, order):
        return json.loads(self._child.ask(order))

    def caption(self, text):
        """Show a text and return the middle of its first line on the screen."""
        (x, y, width, height), *_ = self.ask(f"caption {text}")
        left, top, *_ = self.ask("geometry")
        margin = 10
        return left + margin + x + width // 2, top + margin + y + height // 2


@pytest.fixture(scope="module", params=["openbox", "xfwm4"])
def shown(request):
    with screen(request.param) as display:
        yield display


@pytest.fixture
def overlay(shown, tmp_path):
    with shown.child(HERE / "overlay_program.py", tmp_path) as child:
        yield Overlay(child)


@pytest.fixture
def page(shown):
    with shown.child(HERE / "page_program.py") as child:
        wait_for(lambda: shown.colour(5, 5) == WHITE, "the page")
        yield child


def is_dark(shown, point):
    """Whether a line's background is seen a little left of and above the text's middle."""
    x, y = point
    picture = shown.picture()
    return sum(picture.pixelColor(x + step, y).lightness() < 100 for step in range(-40, 40)) > 20


def test_words_are_seen_where_they_should_be(shown, page, overlay):
    point = overlay.caption("These words are seen")
    wait_for(lambda: is_dark(shown, point), "the caption")
    picture = shown.picture()
    row = [picture.pixelColor(point[0] + step, point[1]).lightness() for step in range(-120, 120)]
    assert max(row) > 240  # letters
    assert min(row) < 60  # on their background, translucent over white


def test_a_click_passes_through_a_locked_overlay_and_not_through_an_open_one(shown, page, overlay):
    point = overlay.caption("Click here, and the page below hears it")
    wait_for(lambda: is_dark(shown, point), "the caption")
    overlay.ask("click-through on")
    clicks = count_clicks(shown, page, point)
    assert clicks == 1
    overlay.ask("click-through off")
    assert count_clicks(shown, page, point) == 0
    overlay.ask("click-through on")
    assert count_clicks(shown, page, point) == 1


def test_it_starts_locked_if_it_was_left_locked(shown, page, overlay, tmp_path):
    overlay.ask("click-through on")
    overlay.ask("quit")
    with shown.child(HERE / "overlay_program.py", tmp_path) as child:
        point = Overlay(child).caption("Locked from the start")
        wait_for(lambda: is_dark(shown, point), "the caption")
        assert count_clicks(shown, page, point) == 1


def count_clicks(shown, page, point):
    """Click at a point, then with the other button beside the overlay; count what came before the second."""
    x, y = point
    shown.mouse(f"mousemove {x} {y}", "click 1")
    shown.mouse("mousemove 20 20", "click 2")
    clicks = 0
    while "MiddleButton" not in (line := page.line()):
        clicks += line == "click LeftButton"
    return clicks


def test_it_stays_above_a_full_screen_window(shown, overlay):
    point = overlay.caption("Above everything")
    with shown.child(HERE / "page_program.py", "full") as page:
        wait_for(lambda: "painted" in page.line(), "the full-screen window")
        wait_for(lambda: shown.colour(5, 5) == WHITE, "the full-screen window")
        wait_for(lambda: is_dark(shown, point), "the caption above it")


def test_it_stays_above_a_window_that_is_raised(shown, page, overlay):
    point = overlay.caption("Above what comes to the front")
    wait_for(lambda: is_dark(shown, point), "the caption")
    with shown.child(HERE / "page_program.py") as other:
        wait_for(lambda: "painted" in other.line(), "another window")
        shown.mouse("mousemove 30 30", "click 1")
        wait_for(lambda: "click" in other.line(), "the click that raises it")
        for found in shown.run("xdotool", "search", "--onlyvisible", "--pid", str(other.pid)).split():
            shown.run("xdotool", "windowraise", found)
        wait_for(lambda: is_dark(shown, point), "the caption above it")


def test_it_stays_when_the_main_window_is_minimised(shown, page, overlay):
    point = overlay.caption("Still here")
    wait_for(lambda: is_dark(shown, point), "the caption")
    main = wait_for(lambda: shown.run("xdotool", "search", "--onlyvisible", "--name", "^Main window$"), "the window")
    shown.mouse("mousemove 100 80", "click 1")
    shown.run("xdotool", "windowminimize", main)
    wait_for(lambda: "Iconic" in shown.run("xprop", "-id", main, "WM_STATE"), "the window minimised")
    wait_for(lambda: shown.colour(50, 110) == WHITE, "the page seen where the window was")
    assert is_dark(shown, point)


def test_it_is_dragged_and_comes_back_to_that_place_after_a_restart(shown, page, overlay, tmp_path):
    x, y = point = overlay.caption("Drag me")
    wait_for(lambda: is_dark(shown, point), "the caption")
    left, top, width, height = overlay.ask("geometry")
    shown.mouse(
        f"mousemove {x} {y}",
        "mousedown 1",
        f"mousemove {x - 60} {y - 150}",
        f"mousemove {x - 100} {y - 200}",
        "mouseup 1",
    )
    moved = [left - 100, top - 200, width, height]
    wait_for(lambda: overlay.ask("geometry") == moved, "the new place")
    overlay.ask("quit")
    with shown.child(HERE / "overlay_program.py", tmp_path) as again:
        assert Overlay(again).ask("geometry") == moved


def test_dragging_its_edge_makes_it_wider(shown, page, overlay):
    point = overlay.caption("Make me wider")
    wait_for(lambda: is_dark(shown, point), "the caption")
    shown.mouse(f"mousemove {point[0]} {point[1]}")
    left, top, width, height = overlay.ask("geometry")
    right, middle = left + width - 3, top + height // 2
    shown.mouse(f"mousemove {right} {middle}", "mousedown 1")

    def follows():
        """Move on until the window manager has taken the window in hand; let go before, and it never does."""
        shown.mouse(f"mousemove {right + 30} {middle}", f"mousemove {right + 60} {middle}")
        return overlay.ask("geometry") == [left, top, width + 60, height]

    wait_for(follows, "the new width")
    shown.mouse("mouseup 1")
    assert overlay.ask("geometry") == [left, top, width + 60, height]


def test_the_place_between_and_beside_the_lines_belongs_to_the_window_below(shown, page, overlay):
    point = overlay.caption("Short")
    wait_for(lambda: is_dark(shown, point), "the caption")
    left, top, width, height = overlay.ask("geometry")
    assert count_clicks(shown, page, (left + width - 40, top + height // 2)) == 1
