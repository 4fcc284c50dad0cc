from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QPlainTextEdit

from desktop.settings import TranscriptSettings
from desktop.windows.transcript_model import TranscriptModel
from desktop.windows.transcript_window import TranscriptWindow
from engine.errors import JournalCorrupt
from engine.records import Caption, Gap, Word
from engine.transcript.export import FORMATS
from engine.transcript.records import Header, Segment, Transcript
from engine.units import samples

WORD = (Word(" x", 0, 1, 1.0),)
TRANSCRIPT = Transcript(
    Header("20260101-000000", "", datetime(2026, 1, 1, tzinfo=UTC), "mic", "tiny.en"),
    segments=(Segment(0, 0, 900, "Hello there.", "en", final=True),),
)


def caption(segment, committed, unstable="", *, start_s=0.0):
    return Caption(segment, committed, unstable, False, WORD, samples(start_s), 0, "en")


@pytest.fixture
def window(qtbot):
    made = TranscriptWindow(lambda: TRANSCRIPT)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    return made


def rows(window):
    model = window.view.model()
    return [model.index(row).data() for row in range(model.rowCount())]


def fill(window, count):
    for segment in range(count):
        window.take_caption(caption(segment, f"sentence number {segment} about the sea", start_s=segment * 5))


def test_a_segment_is_one_row_that_grows_by_what_is_final(window):
    window.take_caption(caption(0, "Hello", " dear"))
    window.take_caption(caption(0, "Hello there.", ""))
    assert rows(window) == ["Hello there."]


def test_what_is_not_final_is_not_shown(window):
    window.take_caption(caption(0, "", "maybe"))
    assert rows(window) == []


def test_rows_tell_their_time_and_gaps_their_length(window):
    window.take_caption(caption(0, "One.", start_s=3725.4))
    window.take_gap(Gap(samples(3730), samples(3732.5), "the device was gone"))
    assert window._model.plain_text([0, 1]) == "1:02:05\tOne.\n1:02:10\t2.5 s without captions: the device was gone"


def test_a_new_session_begins_an_empty_page(window):
    fill(window, 3)
    window.begin()
    assert rows(window) == []


@given(st.lists(st.tuples(st.integers(0, 3), st.text("ab ", max_size=4), st.booleans()), max_size=25))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_list_is_what_was_committed(qapp, steps):
    model = TranscriptModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    said = {}
    for segment, more, is_gap in steps:
        if is_gap:
            model.take_gap(Gap(0, 1, "r"))
        else:
            said[segment] = said.get(segment, "") + more
            model.take_caption(caption(segment, said[segment]))
    shown = [model.entry(row) for row in range(model.rowCount())]
    assert sorted(entry.text for entry in shown if not entry.is_gap) == sorted(
        filter(None, map(str.strip, said.values()))
    )
    assert sum(entry.is_gap for entry in shown) == sum(is_gap for _, _, is_gap in steps)
    del tester


def test_the_newest_words_are_kept_in_sight(qtbot, window):
    fill(window, 60)
    bar = window.view.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())
    assert window.view.is_following


def test_a_reader_who_scrolled_up_is_left_alone_and_can_come_back(qtbot, window):
    fill(window, 60)
    bar = window.view.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())
    bar.setValue(100)
    top, before = bar.maximum(), bar.value()
    window.take_caption(caption(60, "and one more sentence"))
    qtbot.waitUntil(lambda: bar.maximum() > top)
    assert bar.value() == before
    assert window._to_end.isVisible()
    window._to_end.click()
    assert window.view.is_following


def test_a_row_that_needs_a_second_line_gets_it(qtbot, window):
    window.take_caption(caption(0, "short"))
    view, index = window.view, window.view.model().index(0)
    qtbot.waitUntil(lambda: view.visualRect(index).height() > 0)
    before = view.visualRect(index).height()
    window.take_caption(caption(0, "short " * 40))
    qtbot.waitUntil(lambda: view.visualRect(index).height() > before)


def test_finding_goes_from_one_to_the_next_and_round(window):
    fill(window, 12)
    window.find_bar._field.setText("NUMBER 1 ")
    assert window.find_bar.count_text == "1 of 1"
    window.find_bar._field.setText("number 1")
    assert window.find_bar.count_text == "1 of 3"
    assert window.view.currentIndex().row() == 1
    window.find_bar.step(1)
    assert window.view.currentIndex().row() == 10
    window.find_bar.step(1)
    window.find_bar.step(1)
    assert window.view.currentIndex().row() == 1
    window.find_bar.step(-1)
    assert window.view.currentIndex().row() == 11


def test_what_is_not_there_is_said(window):
    fill(window, 2)
    window.find_bar._field.setText("mountain (")
    assert window.find_bar.count_text == "not found"


def test_new_words_are_counted_while_seeking(window):
    fill(window, 1)
    window.find_bar._field.setText("sea")
    fill(window, 3)
    assert window.find_bar.count_text == "1 of 3"


def test_selected_rows_are_copied_with_their_times(window):
    fill(window, 3)
    window.view.go_to(1)
    QTest.keyClick(window.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "0:00:05\tsentence number 1 about the sea"


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_the_transcript_is_exported_from_its_journal(qtbot, window, tmp_path, kind):
    path = tmp_path / f"talk.{kind}"
    window.export(kind, path)
    qtbot.waitUntil(lambda: "Saved as" in window._banner.text)
    assert "Hello there." in path.read_text(encoding="utf-8")


def test_an_export_that_fails_is_told(qtbot, tmp_path):
    def fail():
        raise JournalCorrupt("the journal has no intact line", hint="Nothing can be saved of it.")

    window = TranscriptWindow(fail)
    qtbot.addWidget(window)
    window.export("txt", tmp_path / "talk.txt")
    qtbot.waitUntil(lambda: "no intact line" in window._banner.text)


def test_an_empty_page_offers_nothing(window):
    assert not window._copy.isEnabled()
    assert not window._export.isEnabled()
    window.take_caption(caption(0, "One."))
    assert window._export.isEnabled()


def final(segment, text):
    return Caption(segment, text, "", True, WORD, 0, 0, "en")


def corrected(qtbot, window, row, keys):
    """Return what a correction by keys tells: F2, all of it marked, the keys, Enter."""
    view = window.view
    view.go_to(row)
    said = []
    window.corrected.connect(lambda *what: said.append(what))
    QTest.keyClick(view, Qt.Key.Key_F2)
    (field,) = view.findChildren(QPlainTextEdit)
    QTest.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    for key in keys:
        QTest.keyClicks(field, key) if isinstance(key, str) else QTest.keyClick(field, key)
    QTest.keyClick(field, Qt.Key.Key_Return)
    return said


@pytest.mark.parametrize(
    ("keys", "text", "shown"),
    [
        (["He sails on Sunday."], "He sails on Sunday.", "He sails on Sunday."),
        ([Qt.Key.Key_Delete], "", "(nobody spoke)"),
        (["  two   blanks "], "two blanks", "two blanks"),
    ],
)
def test_a_final_row_is_corrected_by_its_reader(qtbot, window, keys, text, shown):
    window.take_caption(final(4, "He sales on Sunday."))
    assert corrected(qtbot, window, 0, keys) == [(4, text)]
    assert rows(window) == [shown]


def test_a_row_that_is_left_as_it_is_tells_nothing(qtbot, window):
    window.take_caption(final(4, "Hello."))
    assert corrected(qtbot, window, 0, []) == []


def test_a_row_that_still_grows_and_a_gap_are_not_corrected(window):
    window.take_caption(caption(0, "He sales"))
    window.take_gap(Gap(0, 16_000, "the device was gone"))
    model = window.view.model()
    assert not any(model.flags(model.index(row)) & Qt.ItemFlag.ItemIsEditable for row in range(2))


def test_the_sound_is_kept_only_when_somebody_says_so(qtbot, window):
    window.show_settings(TranscriptSettings())
    assert not window._keep_sound.isChecked()
    with qtbot.waitSignal(window.keep_sound_switched) as told:
        window._keep_sound.click()
    assert told.args == [True]
