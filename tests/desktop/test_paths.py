import os
import stat

import pytest

from desktop import paths
from engine.errors import SettingsError


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("UNDERTEXT_HOME", str(tmp_path / "a" / "home"))
    return tmp_path / "a" / "home"


def rights(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_lies_below_one_folder(home):
    assert paths.home() == home
    assert paths.models() == home / "models"
    assert paths.transcripts() == home / "transcripts"
    assert paths.logs() == home / "logs"
    assert paths.settings_file() == home / "settings.json"


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights by the person's folder")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_only_the_owner_may_enter_whatever_the_umask(home, umask):
    before = os.umask(umask)
    try:
        home.parent.mkdir(mode=0o700)
        home.parent.chmod(0o700)
        folders = [paths.home(), paths.models(), paths.transcripts(), paths.logs()]
    finally:
        os.umask(before)
    assert [rights(folder) for folder in folders] == [0o700] * 4


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights by the person's folder")
def test_a_folder_of_the_persons_choice_keeps_its_rights(home):
    home.mkdir(parents=True)
    home.chmod(0o755)
    paths.models()
    assert rights(home) == 0o755


def test_without_the_variable_it_is_the_systems_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("UNDERTEXT_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert paths.home().name == "undertext"


def test_a_folder_that_cannot_be_is_told_with_its_mend(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("UNDERTEXT_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(SettingsError) as caught:
        paths.models()
    assert "UNDERTEXT_HOME" in caught.value.hint
