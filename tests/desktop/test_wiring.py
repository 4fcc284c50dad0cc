import pytest

from desktop.wiring import Engine
from engine.errors import SettingsError
from engine.settings import EngineSettings


@pytest.mark.parametrize(
    ("smaller", "model", "allowed"),
    [
        ("auto", None, True),
        ("auto", "base", False),
        ("yes", "base", True),
        ("yes", None, True),
        ("no", None, False),
        ("no", "base", False),
    ],
)
def test_no_other_model_steps_in_for_one_that_a_person_named(smaller, model, allowed):
    assert Engine(EngineSettings(smaller=smaller), model).may_be_lighter is allowed


def test_what_else_is_said_of_smaller_models_is_refused():
    with pytest.raises(SettingsError, match="maybe"):
        EngineSettings(smaller="maybe")
