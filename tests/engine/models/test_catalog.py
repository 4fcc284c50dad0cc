import re

import pytest

from engine.errors import ModelMissing
from engine.models.catalog import ASSETS, CATALOG, NEEDED, Catalog, lacking, named
from engine.models.checks import Trust
from engine.models.store import Store
from engine.whisper.recognizer import Context

HEX = {"sha256": 64, "git_blob": 40}


def test_the_published_models_are_there():
    assert {"tiny", "tiny.en", "base", "small", "medium", "large-v3", "large-v3-turbo"} <= set(CATALOG)


@pytest.mark.parametrize("model", CATALOG.values(), ids=lambda model: model.name)
def test_what_is_pinned_is_well_formed(model):
    assert model.is_built_in or re.fullmatch(r"[\w-]+/[\w.-]+", model.repository)
    assert model.revision is None or re.fullmatch("[0-9a-f]{40}", model.revision)
    assert model.licence == "MIT"
    assert (model.context is Context.SHORT) == model.is_built_in
    for pin in model.files:
        for kind, digits in HEX.items():
            digest = getattr(pin, kind)
            assert digest is None or re.fullmatch(f"[0-9a-f]{{{digits}}}", digest)


def test_the_model_everyone_has_is_pinned_whole():
    tiny = CATALOG["tiny.en"]
    assert tiny.complete
    assert all(pin.bytes and pin.sha256 for pin in tiny.files)
    assert tiny.bytes == 75_537_502


def test_only_models_of_which_it_was_measured_are_shown_less_than_they_were_trained_on():
    filled = {model.name for model in CATALOG.values() if model.context is Context.FILLED}
    assert filled == {"tiny.en"}


def test_what_nobody_published_is_unknown():
    unknown = next(pin for pin in CATALOG["small.en"].files if pin.name == "vocabulary.txt")
    assert (unknown.bytes, unknown.sha256, unknown.known) == (None, None, False)
    assert CATALOG["distil-large-v3.5"].revision is None
    assert not CATALOG["distil-large-v3.5"].complete


def test_english_models_write_english_and_do_not_translate():
    assert CATALOG["tiny.en"].languages == ("en",)
    assert not CATALOG["tiny.en"].can_translate


def test_languages_grew_with_the_third_version():
    assert len(CATALOG["base"].languages) == 99
    assert len(CATALOG["large-v3"].languages) == 100
    assert CATALOG["base"].can_translate
    assert not CATALOG["large-v3-turbo"].can_translate


@pytest.mark.parametrize(("typed", "meant"), [("tiny-en", "tiny.en"), ("smal", "small"), ("large", "large-v3")])
def test_an_unknown_name_is_answered_with_the_nearest(typed, meant):
    with pytest.raises(ModelMissing, match=typed) as caught:
        named(typed)
    assert meant in caught.value.hint


def test_a_name_like_no_other_is_answered_with_all():
    with pytest.raises(ModelMissing) as caught:
        named("ж")
    assert all(name in caught.value.hint for name in CATALOG)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in ASSETS.glob("*/model.bin")))
def test_a_model_that_comes_with_undertext_is_pinned_whole_and_is_what_is_pinned(name, tmp_path):
    model = CATALOG[name]
    assert model.is_built_in
    assert all(pin.sha256 for pin in model.files)
    found = Store(tmp_path).find(name)
    assert (found.path, found.trust) == (ASSETS / name, Trust.PUBLISHED)


def test_every_model_that_comes_with_undertext_has_come():
    assert all((ASSETS / model.name / "model.bin").is_file() for model in CATALOG.values() if model.is_built_in)


def test_the_table_is_read_when_it_is_needed_and_not_before(tmp_path):
    catalog = Catalog(tmp_path / "none.tsv")
    with pytest.raises(FileNotFoundError):
        len(catalog)


def test_a_vocabulary_may_be_text_or_json():
    assert lacking([*NEEDED, "vocabulary.json"]) == ()
    assert lacking([*NEEDED, "vocabulary.txt"]) == ()
    assert lacking(NEEDED) == ("vocabulary.txt",)
    assert lacking(["vocabulary.txt"]) == NEEDED
