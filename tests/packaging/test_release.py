"""What is handed out beside the packages."""

import shutil
import subprocess

import pytest

from tests.packaging.parts import part

release = part("release")


@pytest.fixture
def made(tmp_path):
    paths = [tmp_path / name for name in ("undertext-setup.exe", "a list.txt")]
    for path in paths:
        path.write_text(path.name)
    return paths


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="there is no sha256sum")
def test_checksums_are_those_that_sha256sum_reads(made, tmp_path):
    release.checksums(made, tmp_path)
    told = subprocess.run(["sha256sum", "-c", release.SUMS], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.stdout.splitlines() == ["a list.txt: OK", "undertext-setup.exe: OK"]


def test_checksums_end_their_lines_as_on_every_system(made, tmp_path):
    assert b"\r" not in release.checksums(made, tmp_path).read_bytes()


def test_only_what_was_frozen_here_is_handed_out(tmp_path):
    stem = f"undertext-{release.origins.version()}"
    ours = [f"{stem}-{release.freeze.system()}{ending}" for ending in (".cdx.json", ".files.txt")]
    for name in (*ours, f"{stem}-plan9-mips.files.txt", "undertext-0.0.0.files.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in release.beside(tmp_path)] == ours
