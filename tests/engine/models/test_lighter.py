import json

import pytest

from engine.models.checks import Trust
from engine.models.installed import NOTE, installed
from engine.models.lighter import lighter_names
from engine.models.store import Store
from tests.engine.models import made_up

MULTILINGUAL = 51_866  # tokens


@pytest.fixture
def shelf(tmp_path):
    """Put a model of so many tokens into the user's folder; return its description."""

    def put(name, vocabulary, context="padded"):
        weights = made_up.weights(made_up.variables(vocabulary))
        path = made_up.write(tmp_path / name, {**made_up.files(), "model.bin": weights})
        (path / NOTE).write_text(json.dumps({"context": context}))
        return installed(path, None, Trust.UNKNOWN, "")

    return put


def test_what_costs_clearly_less_is_named_the_dearest_first(shelf, tmp_path):
    chosen = shelf("chosen", 40_000)
    shelf("half", 20_000)
    shelf("quarter", 10_000)
    shelf("nearly", 35_000)
    shelf("larger", 50_000)
    shelf("as large, but short", 40_000, "short")
    assert lighter_names(chosen, Store(tmp_path), english=True) == ["half", "as large, but short", "quarter"]


def test_a_model_that_knows_english_only_does_for_english_only(shelf, tmp_path):
    chosen = shelf("chosen", 4 * MULTILINGUAL)
    shelf("english", 20_000)
    shelf("many", MULTILINGUAL)
    assert lighter_names(chosen, Store(tmp_path), english=True)[:2] == ["many", "english"]
    assert lighter_names(chosen, Store(tmp_path), english=False) == ["many"]


def test_a_damaged_model_does_not_step_in(shelf, tmp_path):
    chosen = shelf("chosen", 40_000)
    shelf("half", 20_000)
    (tmp_path / "half" / "model.bin").write_bytes(b"no model")
    assert lighter_names(chosen, Store(tmp_path), english=True) == []
