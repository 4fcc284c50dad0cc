"""Where the user writes names and terms: one a line, in a small window over the main one."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut, QTextCursor
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from desktop import texts
from desktop.texts import tr
from desktop.windows.widgets import Button, Paragraph
from engine.errors import SettingsError
from engine.vocabulary import check_terms, terms_of

_SIZE = QSize(400, 420)


class VocabularyDialog(QDialog):
    """The names and terms, to be changed; Ctrl+Enter saves, Escape leaves them as they were.

    Signals:
        saved: tuple of str.

    Args:
        terms: As they are now.
        parent: The window it belongs to.

    Thread: GUI.
    """

    saved = Signal(object)

    def __init__(self, terms: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr(texts.VOCABULARY))
        self._explained = Paragraph(tr(texts.VOCABULARY_HELP), "dim")
        self._field = QPlainTextEdit("\n".join(terms))
        self._field.setAccessibleName(tr(texts.VOCABULARY))
        self._field.setAccessibleDescription(tr(texts.VOCABULARY_HELP))
        self._field.setPlaceholderText(tr(texts.VOCABULARY_EXAMPLE))
        self._field.setTabChangesFocus(True)
        self._fault = Paragraph(role="alert")
        self._cancel = Button(tr(texts.CANCEL))
        self._save = Button(tr(texts.SAVE), "primary")
        self._save.setDefault(True)
        self._lay_out()
        self._field.textChanged.connect(self._on_text_changed)
        self._cancel.clicked.connect(self.reject)
        self._save.clicked.connect(self._on_save)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self, self._on_save)
        self._on_text_changed()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        buttons.addWidget(self._cancel)
        buttons.addWidget(self._save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 20)
        layout.setSpacing(12)
        for widget, stretch in ((self._explained, 0), (self._field, 1), (self._fault, 0)):
            layout.addWidget(widget, stretch)
        layout.addLayout(buttons)
        self.resize(_SIZE)
        self._field.moveCursor(QTextCursor.MoveOperation.End)
        self._field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_text_changed(self) -> None:
        """Say at once what cannot be saved."""
        try:
            check_terms(terms_of(self._field.toPlainText()))
        except SettingsError as error:
            self._fault.write(f"{error.sentence[:1].upper()}{error.sentence[1:]}")
        else:
            self._fault.write("")
        self._save.setEnabled(not self._fault.text())

    def _on_save(self) -> None:
        if self._save.isEnabled():
            self.saved.emit(terms_of(self._field.toPlainText()))
            self.accept()
