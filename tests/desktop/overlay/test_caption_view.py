import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QWidget

from desktop.overlay.caption_view import CaptionView
from desktop.settings import OverlaySettings
from engine.records import Caption


class Paints(QObject):
    """The regions that a widget painted."""

    def __init__(self, widget):
        super().__init__(widget)
        self.rects = []
        widget.installEventFilter(self)

    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            self.rects.append(event.rect())
        return False


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def view(qtbot):
    window = QWidget()
    window.resize(600, 200)
    qtbot.addWidget(window)
    clock = Clock()
    view = CaptionView(OverlaySettings(hold_s=1.0), window, clock=clock)
    view.clock = clock
    view.held = window  # Python's only reference to it
    view.resize(600, 200)
    with qtbot.waitExposed(window):
        window.show()
    return view


def say(view, committed, unstable="", *, final=False, segment=0):
    view.show_caption(Caption(segment, committed, unstable, final, (), 0, 0, "en"))


def texts(view):
    return [line.text for line in view.shown]


def test_only_the_line_that_changed_is_painted(qtbot, view):
    paints = Paints(view)
    say(view, "a first line that is long enough to wrap and", " then")
    qtbot.waitUntil(lambda: bool(paints.rects))
    paints.rects.clear()
    say(view, "a first line that is long enough to wrap and", " then some")
    qtbot.waitUntil(lambda: bool(paints.rects))
    assert paints.rects == [view.boxes[1]]


def test_the_same_caption_again_paints_nothing(qtbot, view):
    say(view, "one")
    paints = Paints(view)
    qtbot.waitUntil(lambda: bool(paints.rects))
    paints.rects.clear()
    say(view, "one")
    say(view, "one two")
    qtbot.waitUntil(lambda: bool(paints.rects))
    assert len(paints.rects) == 1


def test_finished_words_go_when_their_time_has_come(qtbot, view):
    say(view, "one", final=True)
    view.clock.now += 1.0
    view._next.start(0)  # the clock is ours, so the timer is told
    qtbot.waitUntil(lambda: texts(view) == [])


def test_no_timer_runs_while_nothing_will_change(view):
    say(view, "one")
    assert not view._next.isActive()
    say(view, "one", final=True)
    assert view._next.isActive()


def test_a_hint_stands_only_while_there_are_no_words(view):
    view.show_hint("here")
    assert texts(view) == ["here"]
    say(view, "one")
    assert texts(view) == ["one"]
    view.reset()
    assert texts(view) == ["here"]
    view.show_hint("")
    assert texts(view) == []


def test_a_narrower_window_wraps_anew_and_keeps_the_words(view):
    say(view, "some words that fill a line")
    view.resize(200, 200)
    assert "".join(texts(view)).replace(" ", "").startswith("somewords")
    assert len(view.shown) == 2


def test_larger_letters_need_higher_lines(view):
    before = view.line_height
    view.restyle(OverlaySettings(font_pt=48))
    assert view.line_height > 1.8 * before
