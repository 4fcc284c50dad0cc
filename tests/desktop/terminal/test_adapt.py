import argparse
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from desktop.assets import DEMO_CLIP
from desktop.terminal import adapt

ROOT = Path(__file__).parents[3]


def parsed(*words):
    parser = argparse.ArgumentParser()
    adapt.configure(parser)
    return parser.parse_args([str(word) for word in words])


@pytest.mark.parametrize(
    "words",
    [
        ["--minutes", "0"],
        ["--minutes", "-3"],
        ["--minutes", "an hour"],
        ["--minutes", "nan"],
        ["--minutes", "inf"],
        ["--steps", "1.5"],
        ["--steps", "0"],
        ["--steps", "3", "--minutes", "3"],
        ["--batch", "0"],
        ["--precision", "int8"],
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(words, capsys):
    with pytest.raises(SystemExit):
        parsed("tiny.en", "--out", "x", *words)
    said = capsys.readouterr().err
    assert words[0] in said
    assert "invalid _" not in said


def test_folders_may_be_named_together_or_apart():
    assert parsed("tiny.en", "--out", "x", "--audio", "a", "b", "--audio", "c").audio == [Path(name) for name in "abc"]


def test_without_torch_one_sentence_says_how_to_get_it(tmp_path):
    # A Python that sees what its own library has, and no packages.
    code = f"""
import argparse, sys
sys.path = [{str(ROOT)!r}] + [path for path in sys.path if "site-packages" not in path]
from desktop.terminal import adapt
try:
    adapt.run(argparse.Namespace())
except Exception as error:
    print(type(error).__name__, error.sentence)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert found.stdout.startswith("AdaptationError torch and safetensors are not installed. Install it: ./run gpu")


@pytest.mark.parametrize(("slower", "said"), [(100.0, 1), (2.0, 1), (1.1, 0), (0.5, 0)])
def test_floats_that_a_processor_makes_up_are_named_beforehand(slower, said):
    pytest.importorskip("torch", reason="torch is not installed (extra gpu)")
    from desktop.terminal.adapting import made_up
    from engine.adapt.training import Mixed

    sentences = list(made_up(Mixed.BFLOAT16, slower))
    assert len(sentences) == said
    assert all("bfloat16" in sentence and "--precision" in sentence for sentence in sentences)


class TestCarriedOut:
    """On a small model, in this process."""

    @pytest.fixture
    def carry_out(self, tmp_path, monkeypatch):
        """Return what carries an order out, on a machine without synthesisers; and a model's folder."""
        pytest.importorskip("torch", reason="torch is not installed (extra gpu)")
        from desktop.terminal.adapting import carry_out
        from tests.engine.adapt.small_model import small_model

        monkeypatch.setenv("UNDERTEXT_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("PATH", "")
        (tmp_path / "home").mkdir()
        (tmp_path / "talks").mkdir()
        shutil.copyfile(DEMO_CLIP, tmp_path / "talks" / "demo.ogg")
        model = small_model(tmp_path / "small")
        return lambda *words: carry_out(parsed(model, "--batch", 2, *words), root=tmp_path / "none")

    def test_it_says_what_it_will_hear_and_take_and_names_what_it_left(self, carry_out, tmp_path, capsys):
        out = tmp_path / "home" / "models" / "mine"
        assert carry_out("--out", out, "--steps", 1, "--audio", tmp_path / "talks") == 0
        said = capsys.readouterr()
        assert said.out == f"{out}\n"
        for sentence in ("h  speech   talks (the user's own)", "Memory: about", "Time: about", "The state is kept in"):
            assert sentence in said.err

    def test_corrections_are_heard_with_narrow_matrices_and_named(self, carry_out, tmp_path, capsys):
        from tests.engine.adapt.corrected_sessions import Said, corrected_session

        corrected_session(tmp_path / "kept", [Said(0.4, 1.5, "So do I.") for _ in range(2)])
        out = tmp_path / "out"
        words = ["--corrections", "--from", tmp_path / "kept", "--audio", tmp_path / "talks"]
        assert carry_out("--out", out, "--steps", 1, *words) == 0
        assert "h  speech   corrected transcripts (the user's own)" in capsys.readouterr().err
        assert json.loads((out / "undertext.json").read_text())["settings"]["rank of LoRA"] == 8

    def test_where_nothing_was_corrected_it_says_how_to(self, carry_out, tmp_path):
        from engine.errors import AdaptationError

        with pytest.raises(AdaptationError, match=r"nothing was corrected in .*home/transcripts") as caught:
            carry_out("--out", tmp_path / "out", "--steps", 1, "--corrections")
        assert "double click" in caught.value.hint

    def test_what_stands_in_the_way_is_left_alone(self, carry_out, tmp_path):
        from engine.errors import SettingsError

        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "letter").touch()
        with pytest.raises(SettingsError):
            carry_out("--out", tmp_path / "out", "--steps", 1)
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["letter"]


def test_the_first_interrupt_ends_between_steps_and_the_second_at_once(capsys):
    pytest.importorskip("torch", reason="torch is not installed (extra gpu)")
    from desktop.terminal.adapting import until_told

    before = signal.getsignal(signal.SIGINT)
    with until_told() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before
    assert "stopping after this step" in capsys.readouterr().err
