import pytest

from desktop.settings import EngineChoice
from desktop.windows.model_menu import ModelMenu, language_name
from desktop.windows.vocabulary_dialog import VocabularyDialog
from engine.whisper.tokenizer import LANGUAGES


@pytest.fixture
def menu(qtbot):
    made = ModelMenu(lambda: {"tiny.en": False, "base": True})
    qtbot.addWidget(made)
    return made


def entries(menu):
    """Open the menu; return its actions by name, those of the languages too."""
    menu.menu().aboutToShow.emit()
    actions = menu.menu().actions()
    languages = next(action.menu() for action in actions if action.menu())
    return {action.text(): action for action in [*actions, *languages.actions()]}


def test_it_offers_the_models_that_are_here_and_every_language(menu):
    offered = entries(menu)
    assert {"The best that is here", "tiny.en", "base", "As it is heard", "Deutsch", "日本語"} <= set(offered)
    assert len({language_name(code) for code in LANGUAGES}) == len(LANGUAGES)


@pytest.mark.parametrize(
    ("entry", "choice"),
    [("base", EngineChoice(model="base", language="de")), ("Français", EngineChoice(model="tiny", language="fr"))],
)
def test_a_choice_is_told_and_changes_nothing_else(menu, qtbot, entry, choice):
    menu.show_choice(EngineChoice(model="tiny", language="de"))
    with qtbot.waitSignal(menu.chosen) as told:
        entries(menu)[entry].trigger()
    assert told.args == [choice]


def test_what_is_set_is_checked_and_shown(menu):
    menu.show_choice(EngineChoice(model="base", language="de"))
    menu.show_model("base")
    assert menu.text() == "base · Deutsch"
    assert {name for name, action in entries(menu).items() if action.isChecked()} == {"base", "Deutsch"}


def test_what_is_already_set_is_not_told_again(menu, qtbot):
    menu.show_choice(EngineChoice(model="base"))
    with qtbot.assertNotEmitted(menu.chosen):
        entries(menu)["base"].trigger()


@pytest.mark.parametrize(("model", "can"), [("base", True), ("", True), ("tiny.en", False)])
def test_translating_is_offered_where_the_model_can(menu, model, can):
    menu.show_choice(EngineChoice(model=model))
    action = entries(menu)["Translate into English"]
    assert (action.isEnabled(), "multilingual" in action.toolTip()) == (can, not can)


def test_with_no_model_that_translates_the_reason_is_told(qtbot):
    made = ModelMenu(lambda: {"tiny.en": False})
    qtbot.addWidget(made)
    assert "none is here" in entries(made)["Translate into English"].toolTip()


def test_translating_is_told_and_shown(menu, qtbot):
    menu.show_choice(EngineChoice(model="base", language="de"))
    menu.show_model("base")
    with qtbot.waitSignal(menu.chosen) as told:
        entries(menu)["Translate into English"].trigger()
    assert told.args == [EngineChoice(model="base", language="de", task="translate")]
    assert menu.text() == "base · Deutsch → English"
    menu.show_choice(EngineChoice(model="base", task="translate"))
    assert menu.text() == "base → English"


def test_what_a_model_cannot_translate_can_still_be_turned_off(menu):
    menu.show_choice(EngineChoice(model="tiny.en", task="translate"))
    entries(menu)["Translate into English"].trigger()
    assert menu._choice.task == "transcribe"


def test_a_model_that_cannot_translate_ends_translating(menu, qtbot):
    menu.show_choice(EngineChoice(model="base", task="translate"))
    with qtbot.waitSignal(menu.chosen) as told:
        entries(menu)["tiny.en"].trigger()
    assert told.args == [EngineChoice(model="tiny.en")]


def test_names_and_terms_are_asked_for_and_told(menu, qtbot):
    menu.show_choice(EngineChoice(model="base", vocabulary=("Aoife",)))
    entries(menu)["Names and terms …"].trigger()
    dialog = menu.window().findChild(VocabularyDialog)
    dialog._field.appendPlainText("ComfyUI")
    with qtbot.waitSignal(menu.chosen) as told:
        dialog._save.click()
    assert told.args == [EngineChoice(model="base", vocabulary=("Aoife", "ComfyUI"))]


def test_the_language_that_is_heard_is_shown_where_none_was_chosen(menu):
    menu.show_model("base")
    menu.show_heard("de")
    assert menu.text() == "base · auto: Deutsch"
    menu.show_choice(EngineChoice(language="fr"))
    assert menu.text() == "base · Français"


def submenu(menu, name):
    menu.menu().aboutToShow.emit()
    found = [action.menu() for action in menu.menu().actions() if action.text() == name]
    return {action.text(): action for action in found[0].actions()} if found else None


@pytest.mark.parametrize(("has_gpu", "device", "offered"), [(True, "auto", 1), (False, "auto", 0), (False, "cuda", 1)])
def test_what_computes_can_be_chosen_where_there_is_a_choice(qtbot, has_gpu, device, offered):
    menu = ModelMenu(dict, lambda: has_gpu)
    qtbot.addWidget(menu)
    menu.show_choice(EngineChoice(device=device))
    processors = submenu(menu, "Compute on")
    assert bool(processors) == offered
    if processors:
        with qtbot.waitSignal(menu.chosen) as told:
            processors["The processor"].trigger()
        assert told.args == [EngineChoice(device="cpu")]


def test_a_model_on_the_graphics_card_says_so(menu):
    menu.show_model("base", on_gpu=True)
    menu.show_heard("de")
    assert menu.text() == "base · GPU · auto: Deutsch"
    menu.show_model("base")
    assert menu.text() == "base · auto: Deutsch"
