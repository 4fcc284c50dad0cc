import argparse
import sys

import pytest

from desktop.terminal import models
from engine.errors import ModelMissing
from engine.models import store
from engine.models.catalog import CATALOG
from tests.engine.models import made_up
from tests.engine.models.hub import serving


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run `undertext models …` in a home of its own, on a machine without other models; return code and output."""
    monkeypatch.setenv("UNDERTEXT_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", [path for path in sys.path if "site-packages" not in path])
    parser = argparse.ArgumentParser()
    models.configure(parser)

    def run(*words):
        code = models.run(parser.parse_args(words))
        return code, capsys.readouterr().out

    return run


@pytest.fixture
def one_model(monkeypatch):
    """Let the catalog have one made-up model, served by a hub of the test's own."""
    files = made_up.files()
    catalog = {"made-up": made_up.model(files)}
    with serving() as hub:
        for name, content in files.items():
            hub.files[f"/nobody/whisper-made-up/resolve/{made_up.REVISION}/{name}"] = content
        monkeypatch.setattr(models, "CATALOG", catalog)
        monkeypatch.setattr(models, "Store", lambda folder: store.Store(folder, hub=hub.url, catalog=catalog))
        yield hub


def test_every_model_is_listed_for_other_programs(command):
    code, out = command()
    head, *rows = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert head[0] == "model"
    assert [row[0] for row in rows] == list(CATALOG)
    assert ["tiny.en", "76 MB", "en", "MIT", "published", ""] in rows
    assert ["small.en", "unknown", "en", "MIT", "at first download", ""] in rows


def test_ones_own_model_is_listed(command, tmp_path):
    made_up.write(tmp_path / "models" / "kitchen-live", made_up.files())
    assert "kitchen-live" in command("list")[1]


def test_getting_a_model_makes_it_ready(command, one_model):
    code, out = command("get", "made-up")
    assert code == 0
    assert "made-up is ready" in out
    assert "made ready in" in command()[1]


def test_getting_what_is_here_asks_nobody(command, one_model):
    command("get", "made-up")
    one_model.asked.clear()
    assert command("get", "made-up")[0] == 0
    assert one_model.asked == []


def test_getting_mends_what_is_damaged(command, one_model, tmp_path):
    command("get", "made-up")
    (tmp_path / "models" / "int8" / "made-up" / "model.bin").write_bytes(b"")
    assert command("get", "made-up")[0] == 0
    assert command("check")[0] == 0


def test_check_tells_damage_and_returns_one(command, one_model, tmp_path):
    command("get", "made-up")
    assert command("check") == (0, f"made-up, made ready in {tmp_path}/models/int8/made-up: the published files\n")
    (tmp_path / "models" / "int8" / "made-up" / "model.bin").write_bytes(b"")
    code, out = command("check", "made-up")
    assert code == 1
    assert "model.bin" in out


def test_check_reads_ones_own_models_too(command, tmp_path):
    folder = made_up.write(tmp_path / "models" / "mine", made_up.files())
    code, out = command("check")
    assert code == 0
    assert f"mine, the folder {folder}: readable; no checksum is known" in out.splitlines()
    (folder / "config.json").write_text("{")
    assert command("check")[0] == 1


def test_delete_deletes(command, one_model):
    command("get", "made-up")
    assert command("delete", "made-up") == (0, "made-up is deleted.\n")
    with pytest.raises(ModelMissing):
        command("delete", "made-up")


@pytest.mark.parametrize("action", ["get", "delete", "check"])
def test_an_unknown_name_is_an_error_with_a_mend(command, action):
    with pytest.raises(ModelMissing) as caught:
        command(action, "tiny.de")
    assert "tiny" in caught.value.hint
