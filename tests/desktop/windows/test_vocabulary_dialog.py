import pytest
from PySide6.QtCore import Qt

from desktop.windows.vocabulary_dialog import VocabularyDialog

ENTER = [Qt.Key.Key_Return, Qt.Key.Key_Enter]


@pytest.fixture
def dialog(qtbot):
    made = VocabularyDialog(("Aoife", "Anna Berg"))
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    return made


def write(dialog, text):
    dialog._field.setPlainText(text)


def test_it_shows_what_is_set_and_takes_the_keyboard(dialog):
    assert dialog._field.toPlainText() == "Aoife\nAnna Berg"
    assert dialog.focusWidget() is dialog._field
    assert all(each.accessibleName() for each in (dialog._field, dialog._save, dialog._cancel))


@pytest.mark.parametrize("key", ENTER)
def test_control_and_enter_save_each_term_once(dialog, qtbot, key):
    write(dialog, " ComfyUI \n\nAoife\nComfyUI")
    with qtbot.waitSignal(dialog.saved) as told:
        qtbot.keyClick(dialog._field, key, Qt.KeyboardModifier.ControlModifier)
    assert told.args == [("ComfyUI", "Aoife")]
    assert not dialog.isVisible()


@pytest.mark.parametrize("key", ENTER)
def test_enter_alone_begins_a_line(dialog, qtbot, key):
    with qtbot.assertNotEmitted(dialog.saved):
        qtbot.keyClick(dialog._field, key)
    assert dialog._field.toPlainText().count("\n") == 2


def test_escape_changes_nothing(dialog, qtbot):
    write(dialog, "ComfyUI")
    with qtbot.assertNotEmitted(dialog.saved):
        qtbot.keyClick(dialog._field, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_tab_goes_on_to_the_buttons(dialog, qtbot):
    qtbot.keyClick(dialog._field, Qt.Key.Key_Tab)
    assert dialog.focusWidget() is dialog._cancel


def test_what_cannot_be_used_is_told_and_not_saved(dialog, qtbot):
    write(dialog, "x" * 100)
    assert "100 characters" in dialog._fault.text()
    with qtbot.assertNotEmitted(dialog.saved):
        qtbot.keyClick(dialog._field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    write(dialog, "x")
    assert dialog._save.isEnabled()
    assert not dialog._fault.text()
