import sys

import pytest

from engine.audio import decoder, media
from engine.errors import ModelMissing
from engine.installing import mend, mend_torch
from engine.models.store import no_model


@pytest.fixture
def frozen(monkeypatch):
    """Be a packaged program, as far as Python tells."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)


def test_what_is_missing_is_installed_by_verb_or_extra():
    assert mend("gpu", "gpu") == "Install it: ./run gpu, or pip install 'undertext[gpu]'."
    assert mend_torch() == mend("gpu", "gpu")


def test_a_packaged_program_is_never_told_to_use_pip(frozen, tmp_path):
    assert "pip" not in mend("gpu", "gpu")
    assert "undertext gpu install FILE" in mend_torch()
    missing = no_model("base", tmp_path)
    assert isinstance(missing, ModelMissing)
    assert "pip" not in missing.hint
    assert "undertext models get base" in missing.hint
    assert str(tmp_path) in missing.hint


def test_a_packaged_program_decodes_media_by_starting_itself(frozen):
    assert media._program() == [sys.executable, decoder.ARGUMENT]
