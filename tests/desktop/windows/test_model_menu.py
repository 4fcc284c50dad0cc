import pytest

from desktop.settings import EngineChoice
from desktop.windows.model_menu import ModelMenu, language_name
from engine.whisper.tokenizer import LANGUAGES


@pytest.fixture
def menu(qtbot):
    made = ModelMenu(lambda: ["tiny.en", "base"])
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
