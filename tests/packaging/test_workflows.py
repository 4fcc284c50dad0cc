"""What GitHub is asked to do: facts of the workflow files that rot while nobody looks. They have not been run there."""

import re
from pathlib import Path

import pytest
import yaml

from desktop.version import VERSION
from tests.packaging.parts import ROOT, part

tagged = part("tagged")
FOLDER = ROOT / ".github" / "workflows"
FILES = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.iterdir())}
FLOWS = {name: yaml.safe_load(text) for name, text in FILES.items()}
JOBS = {(name, key): job for name, flow in FLOWS.items() for key, job in flow["jobs"].items()}
STEPS = [(*place, step) for place, job in JOBS.items() for step in job["steps"]]
COMMANDS = [(name, step["run"]) for name, _, step in STEPS if "run" in step]

# Everybody reads the source. Whoever writes does nothing else: it runs no code but that of the actions.
MAY_WRITE = {
    ("release.yml", "attest"): {"id-token": "write", "attestations": "write"},
    ("release.yml", "release"): {"contents": "write"},
}
SIGNING = {
    "MACOS_CERTIFICATE", "MACOS_CERTIFICATE_PASSWORD", "MACOS_NOTARY_KEY", "MACOS_NOTARY_KEY_ID", "MACOS_NOTARY_ISSUER",
}  # fmt: skip


def each(pairs):
    return pytest.mark.parametrize(("name", "what"), pairs, ids=[f"{name}: {str(what)[:40]}" for name, what in pairs])


def found(pattern):
    """Return every match in a command, with the file that it stands in."""
    return sorted({(name, what) for name, text in COMMANDS for what in re.findall(pattern, text)})


def test_there_is_one_for_changes_and_one_for_releases():
    assert list(FLOWS) == ["check.yml", "release.yml"]
    assert FLOWS["release.yml"][True]["push"] == {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}  # YAML reads `on` as true
    assert "pull_request" in FLOWS["check.yml"][True]


@pytest.mark.parametrize("name", FLOWS)
def test_nothing_is_allowed_that_no_job_asks_for_and_runs_of_one_change_do_not_meet(name):
    assert FLOWS[name]["permissions"] == {}
    assert set(FLOWS[name]["concurrency"]) == {"group", "cancel-in-progress"}


@pytest.mark.parametrize("place", JOBS, ids="/".join)
def test_a_job_may_write_what_it_has_to_and_ends_by_itself(place):
    allowed = JOBS[place]["permissions"]
    assert {scope: right for scope, right in allowed.items() if right != "read"} == MAY_WRITE.get(place, {})
    assert set(allowed) - set(MAY_WRITE.get(place, {})) <= {"contents"}
    assert JOBS[place]["timeout-minutes"] <= 150


@pytest.mark.parametrize("place", MAY_WRITE, ids="/".join)
def test_a_job_that_writes_runs_nothing_of_the_source(place):
    assert not [step for step in JOBS[place]["steps"] if "checkout" in step.get("uses", "")]


@each([(name, line.strip()) for name, text in FILES.items() for line in text.splitlines() if "uses:" in line])
def test_every_action_is_pinned_by_its_commit_and_says_its_version(name, what):
    assert re.fullmatch(r"(- )?uses: actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", what)


def test_one_action_has_one_version():
    pins = {step["uses"] for _, _, step in STEPS if "uses" in step}
    assert len(pins) == len({pin.partition("@")[0] for pin in pins})


@pytest.mark.parametrize("step", [step for _, _, step in STEPS if "checkout" in step.get("uses", "")])
def test_a_checkout_leaves_no_token_behind(step):
    assert step["with"]["persist-credentials"] is False


def test_no_secret_is_used_but_for_signing():
    assert set(re.findall(r"secrets\.(\w+)", "".join(FILES.values()))) == SIGNING


@each(COMMANDS)
def test_nothing_that_others_name_stands_in_a_command(name, what):
    assert set(re.findall(r"\$\{\{ *([\w.]+)", what)) <= {"matrix.python", "matrix.program"}


SCRIPTS = r"(?:^|[\s./])((?:packaging|\.ci|tests)[\\/][\w.\\/-]+|run(?= [a-z]))"


@each(found(SCRIPTS))
def test_every_script_and_folder_that_is_named_is_there(name, what):
    path = ROOT / what.replace("\\", "/")
    if not (ROOT / "packaging" / "windows").is_dir() and path.parent.name == "windows":
        pytest.skip("the part for Windows is not here")
    assert path.exists()


@each(found(r"\./run (\w+)"))
def test_every_verb_is_one_of_run(name, what):
    assert re.search(rf"^    {what}\)", (ROOT / "run").read_text(encoding="utf-8"), re.MULTILINE)


def test_what_a_change_must_pass_is_what_ci_runs():
    assert ".ci/run" in [step.get("run") for step in JOBS["check.yml", "debian"]["steps"]]


@each(found(r"pip install .*"))
def test_what_is_installed_is_locked_with_hashes(name, what):
    assert "--require-hashes" in what or "--no-deps" in what


def systems(place):
    matrix = JOBS[place]["strategy"]["matrix"]
    return matrix.get("system") or [row["system"] for row in matrix["include"]]


def test_what_is_built_is_attested():
    assert systems(("release.yml", "build")) == systems(("release.yml", "attest"))


@pytest.mark.parametrize("system", systems(("release.yml", "build")))
def test_every_system_stands_in_the_table_of_the_readme(system):
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## What runs where")[2]
    assert re.search(rf"^\| {system}\b", table, re.MULTILINE)


def test_what_is_checked_is_what_is_built():
    assert {"Debian", *systems(("check.yml", "systems"))} == set(systems(("release.yml", "build")))


@pytest.mark.parametrize(
    "row", JOBS["release.yml", "build"]["strategy"]["matrix"]["include"], ids=lambda row: row["system"]
)
def test_the_program_that_is_tried_is_the_one_that_was_frozen(row):
    program = Path(row["program"])
    assert program.parts[0] == "dist"
    assert program.stem == "undertext"


def test_the_tag_of_this_version_is_right():
    assert tagged.wrong(f"v{VERSION}") == ""


@pytest.mark.parametrize("tag", [VERSION, f"v{VERSION}.1", f"v{VERSION}rc1", "v99.0.0", "", "main"])
def test_any_other_tag_is_refused_in_a_sentence(tag):
    assert VERSION in tagged.wrong(tag)
