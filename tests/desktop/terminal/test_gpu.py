import argparse
import json
import sys

import pytest

from desktop import paths
from desktop.terminal import gpu
from engine.errors import PackRefused
from engine.pack import keeping
from engine.pack.manifest import NAME
from engine.pack.trial import Trial
from tests.engine.pack import made_up


@pytest.fixture
def frozen(monkeypatch):
    """Be a packaged program, as far as Python tells."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run `undertext gpu …` in a home of its own; return what it printed."""
    monkeypatch.setenv("UNDERTEXT_HOME", str(tmp_path / "home"))
    parser = argparse.ArgumentParser()
    gpu.configure(parser)

    def run(*words):
        assert gpu.run(parser.parse_args(list(map(str, words)))) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def archive(tmp_path):
    return made_up.archive(tmp_path / "pack.zip")


def install(archive):
    keeping.install(archive, paths.gpu_pack(), lambda _folder: Trial("", "", "", ""), lambda *_report: None)


def test_from_source_it_says_only_whether_a_gpu_is_used(command):
    assert command().startswith("GPU: ")
    assert command("show") == command()


def test_from_source_no_pack_is_taken(command, archive):
    with pytest.raises(PackRefused, match="runs from source") as raised:
        command("install", archive)
    assert "./run gpu" in raised.value.hint


@pytest.mark.usefixtures("frozen")
def test_without_a_pack_it_says_how_to_get_one(command):
    for told in (command(), command("check")):
        assert "there is no" in told.lower()
        assert "undertext gpu install FILE" in told
    assert command("remove") == "There was no GPU pack.\n"


@pytest.mark.usefixtures("frozen")
def test_a_pack_is_shown_with_its_torch_its_size_and_its_place(command, archive):
    install(archive)
    assert f"GPU pack: torch 2.13.0+made.up, for CUDA 13.0, 0 MB, in {paths.gpu_pack()}\n" in command()
    assert command("remove") == "The GPU pack is deleted.\n"
    assert not paths.gpu_pack().exists()


@pytest.mark.usefixtures("frozen")
def test_a_pack_that_cannot_be_used_is_shown_with_the_reason_and_the_mend(command, archive):
    install(archive)
    told = json.loads((paths.gpu_pack() / NAME).read_bytes())
    told["made_for"]["python"] = "3.9"  # as after an upgrade
    (paths.gpu_pack() / NAME).write_text(json.dumps(told))
    shown = command()
    assert "GPU pack: not used: the GPU pack is made for Python 3.9" in shown
    assert "this version of Undertext" in shown


@pytest.mark.usefixtures("frozen")
def test_an_archive_that_is_none_is_refused_in_one_sentence(command, tmp_path, capsys):
    with pytest.raises(PackRefused, match="there is no file"):
        command("install", tmp_path / "nothing.zip")
    (tmp_path / "pack.zip").write_text("no archive")
    with pytest.raises(PackRefused, match="no GPU pack"):
        command("install", tmp_path / "pack.zip")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("problem", "said"),
    [("there is no NVIDIA driver", "No GPU is used: there is no NVIDIA driver."), ("", "A GPU is used.")],
)
def test_what_the_self_test_told_is_a_sentence(problem, said):
    assert gpu._passed(Trial("2.13.0+cu130", "13.0", "3.9.0", problem)).endswith(f"and Triton 3.9.0. {said}")
    assert "Triton" not in gpu._passed(Trial("2.13.0+cu130", "13.0", "", problem))
