"""Which model listens, and for which language: a small button in the window's head, with a menu."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QLocale, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QPushButton

from desktop import texts
from desktop.settings import EngineChoice
from desktop.texts import tr
from engine.settings import AUTO
from engine.whisper.tokenizer import LANGUAGES

# Where Qt names a country's variant, or knows the language by another code (Whisper's jw is jv elsewhere).
_OWN_NAMES = {"en": "English", "es": "Español", "jw": "Basa Jawa", "ka": "ქართული", "zh": "中文"}


class ModelMenu(QPushButton):
    """Shows the model in use; its menu changes model and language.

    Signals:
        chosen: EngineChoice, by the user.

    Args:
        models: Names of the models on this machine; asked when the menu opens.

    Thread: GUI.
    """

    chosen = Signal(object)

    def __init__(self, models: Callable[[], Sequence[str]]) -> None:
        super().__init__(tr(texts.MODEL_NONE))
        self.setProperty("role", "chip")
        self.setAccessibleName(tr(texts.MODEL))
        self.setToolTip(tr(texts.MODEL_TIP))
        self._models = models
        self._choice = EngineChoice()
        self._loaded = ""
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill)
        self.setMenu(self._menu)

    def show_choice(self, choice: EngineChoice) -> None:
        """Show what is set."""
        self._choice = choice
        self._show()

    def show_model(self, name: str) -> None:
        """Show which model was loaded."""
        self._loaded = name
        self._show()

    def _show(self) -> None:
        parts = [self._loaded or tr(texts.MODEL_NONE)]
        if self._choice.language != AUTO:
            parts.append(language_name(self._choice.language))
        self.setText(" · ".join(parts))

    def _fill(self) -> None:
        self._menu.clear()
        self._add_group(self._menu, "model", {"": tr(texts.MODEL_BEST), **{name: name for name in self._models()}})
        self._menu.addSeparator()
        named = sorted(((language_name(code), code) for code in LANGUAGES), key=lambda item: item[0].casefold())
        languages = {AUTO: tr(texts.LANGUAGE_AUTO), **{code: name for name, code in named}}
        self._add_group(self._menu.addMenu(tr(texts.LANGUAGE)), "language", languages)

    def _add_group(self, menu: QMenu, setting: str, entries: dict[str, str]) -> None:
        """Add the values of a setting, of which one is chosen."""
        group = QActionGroup(menu)
        for value, name in entries.items():
            action = QAction(name, menu, checkable=True, checked=getattr(self._choice, setting) == value)
            action.triggered.connect(lambda _on=False, change={setting: value}: self._choose(change))
            group.addAction(action)
            menu.addAction(action)

    def _choose(self, change: dict[str, str]) -> None:
        choice = EngineChoice(
            **{"model": self._choice.model, "language": self._choice.language, **change},
            device=self._choice.device,
            unknown=self._choice.unknown,
        )
        if choice != self._choice:
            self.show_choice(choice)
            self.chosen.emit(choice)


def language_name(code: str) -> str:
    """Return what its speakers call a language."""
    if code in _OWN_NAMES:
        return _OWN_NAMES[code]
    name = QLocale(code).nativeLanguageName()
    return f"{name[:1].upper()}{name[1:]}"
