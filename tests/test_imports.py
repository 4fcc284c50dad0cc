"""What an import costs: the engine brings neither Qt nor torch nor Ray, and `main` brings nothing heavy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXTRAS = ("engine.whisper.cuda", "engine.adapt", "engine.recordings.pool")  # nothing else may need torch or Ray
HEAVY = ("PySide6", "torch", "ctranslate2", "faster_whisper", "onnxruntime", "av", "sounddevice", "ray")


def engine_modules():
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in ROOT.glob("engine/**/*.py"))
    return sorted(name.removesuffix(".__init__") for name in names if not name.startswith(EXTRAS))


def loaded_by(modules):
    """Return the top-level packages that a fresh Python has loaded after these imports."""
    tell = "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    code = "\n".join(["import sys", *(f"import {module}" for module in modules), tell])
    fresh = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert fresh.returncode == 0, fresh.stderr
    return set(fresh.stdout.split())


def test_the_engine_loads_neither_torch_nor_ray_nor_qt():
    assert not loaded_by(engine_modules()) & {"torch", "ray", "PySide6", "shiboken6", "desktop", "main"}


def test_the_engine_package_alone_is_light():
    assert not loaded_by(["engine"]) & set(HEAVY)


@pytest.mark.skipif(not (ROOT / "main.py").exists(), reason="there is no main.py yet")
def test_main_is_light():
    assert not loaded_by(["main"]) & set(HEAVY)


def test_a_command_loads_torch_only_where_a_model_is_adapted():
    assert "torch" not in loaded_by(["desktop.terminal.adapt"])


def test_a_command_loads_ray_only_where_a_cluster_is_asked_for():
    assert "ray" not in loaded_by(["desktop.terminal.transcribe"])


def test_a_command_loads_none_of_the_others():
    tell = "print('desktop.terminal.models' in sys.modules)"
    code = f"import sys, main\ntry:\n main.main(['sessions', '--help'])\nfinally:\n {tell}"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told.startswith("usage: undertext sessions")
    assert told.endswith("False\n")


def test_no_library_reports_how_it_is_used_whatever_the_environment_says():
    code = "import os, engine.speech.vad; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environ = {**os.environ, "ORT_DISABLE_TELEMETRY": "0"}
    fresh = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environ, check=True
    )
    assert fresh.stdout == "1\n"
