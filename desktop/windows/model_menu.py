"""Which model listens, for which language and names: a small button in the window's head, with a menu."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QLocale, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QPushButton

from desktop import texts
from desktop.settings import EngineChoice
from desktop.texts import tr
from desktop.windows.vocabulary_dialog import VocabularyDialog
from engine.settings import AUTO, CPU, CUDA, ENGLISH, TRANSCRIBE, TRANSLATE
from engine.whisper.tokenizer import LANGUAGES

# Where Qt names a country's variant, or knows the language by another code (Whisper's jw is jv elsewhere).
_OWN_NAMES = {"en": "English", "es": "Español", "jw": "Basa Jawa", "ka": "ქართული", "zh": "中文"}


class ModelMenu(QPushButton):
    """Shows the model in use; its menu changes model, language, translation and the user's names and terms.

    Signals:
        chosen: EngineChoice, by the user.

    Args:
        models: Names of the models on this machine, and whether each can translate; asked when the menu opens.
        has_gpu: Whether there is a graphics card to choose; asked then as well.

    Thread: GUI.
    """

    chosen = Signal(object)

    def __init__(self, models: Callable[[], Mapping[str, bool]], has_gpu: Callable[[], bool] = lambda: False) -> None:
        super().__init__(tr(texts.MODEL_NONE))
        self.setProperty("role", "chip")
        self.setAccessibleName(tr(texts.MODEL))
        self.setToolTip(tr(texts.MODEL_TIP))
        self._models = models
        self._has_gpu = has_gpu
        self._choice = EngineChoice()
        self._loaded = ""
        self._heard = ""
        self._menu = QMenu(self, toolTipsVisible=True)
        self._menu.aboutToShow.connect(self._fill)
        self.setMenu(self._menu)

    def show_choice(self, choice: EngineChoice) -> None:
        """Show what is set."""
        self._choice = choice
        self._show()

    def show_model(self, name: str, *, on_gpu: bool = False) -> None:
        """Show which model was loaded, and whether the graphics card computes it."""
        self._loaded = tr(texts.MODEL_ON_GPU, model=name) if on_gpu else name
        self._show()

    def show_heard(self, code: str) -> None:
        """Show which language is spoken, where it was not chosen."""
        if code != self._heard:
            self._heard = code
            self._show()

    def _show(self) -> None:
        shown = self._loaded or tr(texts.MODEL_NONE)
        if self._choice.language != AUTO:
            shown += f" · {language_name(self._choice.language)}"
        elif self._heard and self._choice.task != TRANSLATE:  # captions of a translation are in English
            shown += f" · {tr(texts.LANGUAGE_HEARD, language=language_name(self._heard))}"
        if self._choice.task == TRANSLATE:
            shown += f" → {language_name(ENGLISH)}"
        self.setText(shown)

    def _fill(self) -> None:
        self._menu.clear()
        models = self._models()
        self._add_group(self._menu, "model", {"": tr(texts.MODEL_BEST), **{name: name for name in models}})
        self._menu.addSeparator()
        named = sorted(((language_name(code), code) for code in LANGUAGES), key=lambda item: item[0].casefold())
        languages = {AUTO: tr(texts.LANGUAGE_AUTO), **{code: name for name, code in named}}
        self._add_group(self._menu.addMenu(tr(texts.LANGUAGE)), "language", languages)
        self._add_translation(models)
        if self._has_gpu() or self._choice.device != AUTO:
            processors = {AUTO: texts.COMPUTE_AUTO, CPU: texts.COMPUTE_CPU, CUDA: texts.COMPUTE_CUDA}
            entries = {value: tr(text) for value, text in processors.items()}
            self._add_group(self._menu.addMenu(tr(texts.COMPUTE)), "device", entries)
        self._menu.addSeparator()
        self._menu.addAction(tr(texts.VOCABULARY_WANTED), self._ask_for_vocabulary)

    def _add_translation(self, models: Mapping[str, bool]) -> None:
        """Add the switch that translates; where the model cannot, it can only be turned off."""
        is_on, name = self._choice.task == TRANSLATE, self._choice.model
        action = self._menu.addAction(tr(texts.TRANSLATE))
        action.setCheckable(True)
        action.setChecked(is_on)
        action.triggered.connect(lambda on: self._choose({"task": TRANSLATE if on else TRANSCRIBE}))
        if not _can_translate(name, models):
            action.setEnabled(is_on)
            action.setToolTip(tr(texts.TRANSLATE_NOT, model=name) if name else tr(texts.TRANSLATE_NONE))

    def _add_group(self, menu: QMenu, setting: str, entries: dict[str, str]) -> None:
        """Add the values of a setting, of which one is chosen."""
        group = QActionGroup(menu)
        for value, name in entries.items():
            action = QAction(name, menu, checkable=True, checked=getattr(self._choice, setting) == value)
            action.triggered.connect(lambda _on=False, change={setting: value}: self._choose(change))
            group.addAction(action)
            menu.addAction(action)

    def _ask_for_vocabulary(self) -> None:
        dialog = VocabularyDialog(self._choice.vocabulary, self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.saved.connect(lambda terms: self._choose({"vocabulary": terms}))
        dialog.open()

    def _choose(self, change: Mapping[str, Any]) -> None:
        choice = replace(self._choice, **change)
        if "model" in change and not _can_translate(choice.model, self._models()):
            choice = replace(choice, task=TRANSCRIBE)
        if choice != self._choice:
            self.show_choice(choice)
            self.chosen.emit(choice)


def _can_translate(model: str, models: Mapping[str, bool]) -> bool:
    """Whether a model can, or where none is chosen, whether there is one that can."""
    return models.get(model, True) if model else any(models.values())


def language_name(code: str) -> str:
    """Return what its speakers call a language."""
    if code in _OWN_NAMES:
        return _OWN_NAMES[code]
    name = QLocale(code).nativeLanguageName()
    return f"{name[:1].upper()}{name[1:]}"
