import runpy
import sys
from pathlib import Path

import pytest

from desktop.wiring import Engine, open_session
from engine.errors import ModelMissing, SettingsError
from engine.models import places
from engine.models.catalog import ASSETS, Catalog
from engine.models.store import Store
from engine.settings import EngineSettings
from tests.engine.models import made_up
from tests.engine.transcript.said import begin

ROOT = Path(__file__).parents[2]
bring = runpy.run_path(str(ROOT / "packaging" / "built_in.py"))["bring"]


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


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store of a machine without models, for an Undertext that comes with tiny.en-live, made up."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", [path for path in sys.path if "site-packages" not in path])
    assets = made_up.write(tmp_path / "assets", {"catalog.tsv": (ASSETS / "catalog.tsv").read_bytes()})
    monkeypatch.setattr(places, "ASSETS", assets)
    bring(made_up.write(tmp_path / "made" / "tiny.en-live", made_up.files()), assets)
    return Store(tmp_path / "store", catalog=Catalog(assets / "catalog.tsv"))


def test_live_captions_of_english_take_the_model_that_was_made_for_them(store):
    for language in ("auto", "en"):
        assert Engine(EngineSettings(language=language), store=store).installed.name == "tiny.en-live"


def test_whole_recordings_take_it_where_there_is_no_other(store):
    assert Engine(EngineSettings(language="en"), store=store, live=False).installed.name == "tiny.en-live"


@pytest.mark.parametrize("live", [True, False])
def test_other_languages_do_not(store, live):
    with pytest.raises(ModelMissing):
        _ = Engine(EngineSettings(language="de"), store=store, live=live).installed


@pytest.mark.parametrize(
    ("task", "wanted", "kept"), [("transcribe", True, True), ("transcribe", False, False), ("translate", True, False)]
)
def test_sound_is_kept_where_it_is_wanted_and_what_is_written_is_what_is_said(tmp_path, task, wanted, kept):
    engine = Engine(EngineSettings(task=task))
    session = open_session(lambda: engine, lambda _event: None, tmp_path, keeps_sound=lambda: wanted)
    assert (session._make_sound(begin(tmp_path)) is not None) is kept
    assert session.close()
