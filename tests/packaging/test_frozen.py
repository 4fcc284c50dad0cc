"""The frozen program in dist/, as a stranger's machine would run it. `./run package test` names the folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import material
from tests.packaging.parts import PACKAGING, part

DIST = os.environ.get("UNDERTEXT_DIST", "")
pytestmark = pytest.mark.skipif(not DIST, reason="takes minutes: ./run package, then ./run package test")
contents = part("contents")
FROZEN = Path(DIST, contents.FROZEN)
PROGRAM = FROZEN / ("Contents/MacOS" if contents.IS_BUNDLE else ".") / contents.PROGRAM
MB = 1_000_000


def has_model():
    return any((FROZEN / contents.INSIDE / "assets" / "models").rglob("model.bin"))


def test_it_does_what_it_should_where_there_is_nothing_but_it():
    given = [] if has_model() else ["--model", material.engine("tiny.en").installed.path]
    command = [sys.executable, PACKAGING / "smoke.py", PROGRAM, *given]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_it_brings_neither_torch_nor_anything_under_the_gpl():
    names = {path.name.lower() for path in FROZEN.rglob("*")}
    assert not {name for name in names if name.startswith(("torch", "libtorch", "triton", "ray"))}
    for name in ("libx264", "libx265"):
        assert all(path.stat().st_size < 100_000 for path in FROZEN.rglob(f"{name}[-.]*")), f"{name} is not hollow"


def test_its_licences_and_its_bill_of_materials_name_the_same():
    named = (FROZEN / contents.BESIDE / "licences" / "README.txt").read_text(encoding="utf-8")
    (bill,) = Path(DIST).glob("undertext-[0-9]*.cdx.json")
    listed = json.loads(bill.read_text(encoding="utf-8"))["components"]
    assert listed
    assert [one["name"] for one in listed if f"{one['name']} {one['version']}: " not in named] == []


@pytest.mark.skipif("UNDERTEXT_SIGNING_IDENTITY" in os.environ, reason="on macOS it has been signed since")
def test_its_list_of_files_is_true():
    freeze = part("freeze")
    (kept,) = Path(DIST).glob("undertext-*.files.txt")
    assert kept.read_text(encoding="utf-8") == freeze.listed(FROZEN)


def test_it_is_no_larger_than_was_promised():
    assert part("sizes").by_part(FROZEN).total() <= 420 * MB
    for made in [*Path(DIST).glob("*.deb"), *Path(DIST).glob("*.tar.xz")]:
        assert made.stat().st_size <= 160 * MB, made.name


def test_the_checksums_are_right():
    if not Path(DIST, "SHA256SUMS").is_file():
        pytest.skip("only the program was made: ./run package makes the rest")
    told = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=DIST, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout
