"""The set-up: the scripts are sound bash, and the locks say what pyproject says, for every machine."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = {
    "app": ("models",),
    "test": ("models", "test"),
    "base": ("models-base",),
    "cluster": ("cluster",),
    "freeze": ("freeze",),
}
PINNED = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)", re.MULTILINE)
SCRIPTS = ("run", ".ci/run", "packaging/linux/install.sh")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]


def lock(name):
    return (ROOT / "packaging" / "locks" / f"{name}.txt").read_text(encoding="utf-8")


def pins(name):
    """Return the versions that a lock allows, by package; some have one for each Python."""
    found = {}
    for pin in PINNED.finditer(lock(name)):
        found.setdefault(canonicalize_name(pin["name"]), set()).add(pin["version"])
    return found


def requirements(extras):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = project["build-system"]["requires"] + project["project"]["dependencies"]
    for extra in extras:
        lines = lines + project["project"]["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_parses(script):
    subprocess.run(["bash", "-n", ROOT / script], check=True)
    assert (ROOT / script).stat().st_mode & 0o111, f"{script} is not executable"


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("script", SCRIPTS)
def test_shellcheck_finds_nothing(script):
    found = subprocess.run(["shellcheck", ROOT / script], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_run_alone_lists_its_verbs():
    script = (ROOT / "run").read_text(encoding="utf-8")
    verbs = re.findall(r"^    ([a-z]+)\) ", script.partition("case $verb in")[2], re.MULTILINE)
    usage = subprocess.run([ROOT / "run"], capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  ([a-z]+) ", usage, re.MULTILINE) == verbs


def test_an_unknown_verb_is_refused():
    refused = subprocess.run([ROOT / "run", "walk"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "no verb 'walk'" in refused.stderr


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_what_pyproject_names(name):
    pinned = pins(name)
    for requirement in requirements(LOCKS[name]):
        versions = pinned.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement} is not in {name}.txt: run ./run lock"
        assert all(map(requirement.specifier.contains, versions)), f"{requirement} but {versions} in {name}.txt"


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_gives_a_hash_for_every_pin_and_no_address(name):
    entries = re.split(r"\n(?=[\w.-]+==)", lock(name))[1:]
    assert len(entries) == len(PINNED.findall(lock(name)))
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in lock(name)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_is_without_torch(name):
    assert not {package for package in pins(name) if package.startswith(("torch", "nvidia"))}


def test_what_is_tested_is_what_people_get():
    app, test = pins("app"), pins("test")
    assert app == {package: test[package] for package in app}


def extra(name):
    """Return the names of an extra's packages, through the extras of Undertext that it names."""
    found = set()
    for requirement in map(Requirement, EXTRAS[name]):
        if canonicalize_name(requirement.name) == "undertext":
            found = found.union(*map(extra, requirement.extras))
        else:
            found.add(canonicalize_name(requirement.name))
    return found


def test_torch_is_named_in_one_version_and_comes_by_extras_only():
    assert [line for lines in EXTRAS.values() for line in lines if line.startswith("torch")] == ["torch==2.13.0"]
    assert {name for name in EXTRAS if "torch" in extra(name)} == {"gpu", "dev"}


def test_the_extra_for_developers_holds_all_that_tests_need():
    assert extra("dev") >= extra("gpu") | extra("gpu-test") | extra("models") | extra("test")


@pytest.fixture
def made(tmp_path):
    """Return a checkout that is set up with a Python that only writes down what it is asked for, and how to run it."""
    for name in ("run", "pyproject.toml", "packaging"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@" >>asked.log\n')
    python.chmod(0o755)
    asked = tmp_path / "asked.log"

    def run(*verb):
        asked.write_text("")
        subprocess.run([tmp_path / "run", *verb], stderr=subprocess.PIPE, check=True)
        return asked.read_text().splitlines()

    return run


def test_torch_is_installed_once_over_what_is_locked(made, tmp_path):
    *_, last = made("gpu")
    assert last.endswith("--no-build-isolation --constraint .venv/.locked --editable .[gpu]")
    held = (tmp_path / ".venv" / ".locked").read_text(encoding="utf-8")
    assert {(pin["name"], pin["version"]) for pin in PINNED.finditer(held)} == {
        (pin["name"], pin["version"]) for pin in PINNED.finditer(lock("test"))
    }
    assert "--hash" not in held, "pip would ask for a hash of torch as well"
    assert made("gpu") == []


def test_what_the_gpu_is_tested_with_comes_on_top(made):
    made("gpu")
    assert [asked.partition("--editable ")[2] for asked in made("gpu", "test")] == [".[gpu,gpu-test]"]
    assert made("gpu", "test") == made("gpu") == []


def test_a_changed_pyproject_installs_torch_anew(made, tmp_path):
    made("gpu")
    with (tmp_path / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert made("gpu")[-1].endswith(".[gpu]")


def test_a_word_that_gpu_does_not_know_is_refused():
    refused = subprocess.run([ROOT / "run", "gpu", "fast"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "'gpu' takes the word test" in refused.stderr


def test_ci_has_torch_and_ray_before_it_checks():
    steps = re.findall(r"\./run (.+?) </dev/null", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    assert steps == ["gpu test", "cluster", "check"]
