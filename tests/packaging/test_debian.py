"""The .deb in a clean Debian: installed, run without a screen and on one, upgraded, removed."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from desktop.assets import DEMO_CLIP
from tests import material
from tests.packaging.clean_debian import GUEST, clean_debian
from tests.packaging.parts import part
from tests.screen import screen, wait_for

DIST = os.environ.get("UNDERTEXT_DIST", "")
pytestmark = pytest.mark.skipif(not DIST, reason="takes minutes: ./run package, then ./run package test")
ALIKE = 0.9
PATIENCE_S = 300


@pytest.fixture(scope="module")
def package():
    found = sorted(Path(DIST).glob("undertext_*.deb"))
    if not found:
        pytest.skip("there is no .deb in dist/: ./run package")
    return found[0]


@pytest.fixture(scope="module")
def debian(tmp_path_factory, package):
    """Yield a clean Debian with Undertext in it."""
    with clean_debian(tmp_path_factory.mktemp("clean")) as inside:
        inside.before = inside.files()
        inside.must("apt-get", "install", "-y", "--no-install-recommends", inside.take(package))
        yield inside


@pytest.fixture(scope="module")
def model(debian):
    """Return the arguments that choose a model; none where one comes with the program."""
    if list((debian.folder / "usr/lib/undertext/_internal/assets/models").rglob("model.bin")):
        return []
    shutil.copytree(material.engine("tiny.en").installed.path, debian.folder / "opt" / "model")
    return ["--model", "/opt/model"]


def share_of_the_clip(text):
    return part("smoke").heard(text)


def test_nothing_that_it_needs_was_forgotten(debian):
    inside = debian.folder / "usr/lib/undertext"
    places = [f"/{path.relative_to(debian.folder)}" for path in inside.rglob("*.so*") if not path.is_symlink()]
    told = debian.run("ldd", *places, LD_LIBRARY_PATH="/usr/lib/undertext/_internal")
    assert re.findall(r"(\S+) => not found", told.stdout) == []


def test_there_is_no_python_but_its_own(debian):
    assert debian.run("sh", "-c", "command -v python3 || command -v python").returncode != 0


def test_it_captions_without_a_network_and_without_a_screen(debian, model):
    words = ("caption", "demo", "--pace", "fast", "--events", "events.jsonl", *model)
    text = debian.must("undertext", *words, user=GUEST, is_offline=True)
    assert share_of_the_clip(text) >= ALIKE
    events = (debian.home() / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert any(event["type"] == "state" and event["state"] == "listening" for event in map(json.loads, events))


def test_it_reads_a_recording(debian, model):
    shutil.copy(DEMO_CLIP, debian.home() / "talk.ogg")
    debian.must("chown", GUEST, f"/home/{GUEST}/talk.ogg")
    debian.must("undertext", "transcribe", "talk.ogg", *model, user=GUEST, is_offline=True)
    assert share_of_the_clip((debian.home() / "talk.txt").read_text(encoding="utf-8")) >= ALIKE


def test_its_window_captions_on_a_screen(debian, model):
    """The button has the keyboard from the start, while the model is loaded as well: the space bar presses it."""
    if model:
        pytest.skip("the window takes a model that comes with the program")
    home = debian.home() / ".local/share/undertext"
    settings = home / "settings.json"
    debian.must("mkdir", "-p", f"/home/{GUEST}/.local/share/undertext", user=GUEST)
    settings.write_text(json.dumps({"source": {"spec": "demo"}}))
    with screen("openbox") as shown:
        display = shown.environ["DISPLAY"]
        command = [shutil.which("chroot"), f"--userspec={GUEST}:{GUEST}", debian.folder, "/usr/bin/undertext"]
        environment = {"HOME": f"/home/{GUEST}", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "DISPLAY": display}
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
            try:
                window = wait_for(
                    lambda: shown.run("xdotool", "search", "--onlyvisible", "--name", "^Undertext$"),
                    "the window",
                    PATIENCE_S,
                )
                shown.mouse(f"windowfocus --sync {window.split()[0]}")
                wait_for(lambda: started(shown, home), "the start", PATIENCE_S)
                wait_for(lambda: share_of_what_is_kept(home) >= ALIKE, "the words of the clip", PATIENCE_S)
            finally:
                process.terminate()
        assert process.returncode == 0
    log = (home / "logs" / "undertext.log").read_text(encoding="utf-8")
    assert re.findall(r"^.* (?:WARNING|ERROR|CRITICAL) .*$", log, re.MULTILINE) == []


def started(shown, home, patience_s=10):
    """Press the space bar; return whether a transcript began: the window may not have had the keyboard yet."""
    shown.mouse("key space")
    deadline = time.monotonic() + patience_s
    while not (has_begun := any(home.glob("transcripts/*.jsonl"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    return has_begun


def share_of_what_is_kept(home):
    """Return how much of the clip the newest transcript has so far."""
    said = [path.read_text(encoding="utf-8") for path in (home / "transcripts").glob("*.jsonl")]
    return max(map(share_of_the_clip, said), default=0)


def test_an_upgrade_keeps_what_the_user_has(debian, package, tmp_path):
    kept = debian.home() / ".local/share/undertext/note"
    debian.must("mkdir", "-p", f"/home/{GUEST}/.local/share/undertext", user=GUEST)
    kept.write_text("kept")
    newer = tmp_path / "newer.deb"
    repacked(package, newer, tmp_path)
    debian.must("apt-get", "install", "-y", debian.take(newer))
    assert debian.must("dpkg-query", "-W", "-f", "${Version}", "undertext").endswith("+1")
    assert debian.must("undertext", "--version", user=GUEST).startswith("undertext ")
    assert kept.read_text() == "kept"


def repacked(package, newer, folder):
    """Write the same package with a later version."""
    subprocess.run(["dpkg-deb", "-R", package, folder / "root"], check=True)
    control = folder / "root" / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: (.+)$", r"Version: \1+1", control.read_text(), flags=re.MULTILINE))
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "-z0", "-b", folder / "root", newer], check=True)


def test_removing_leaves_no_file_but_what_the_user_keeps(debian):
    """The last test: afterwards there is no Undertext."""
    kept = debian.home() / ".local/share/undertext"
    debian.must("mkdir", "-p", f"/home/{GUEST}/.local/share/undertext", user=GUEST)
    before = sorted(path.name for path in kept.rglob("*"))
    debian.must("apt-get", "purge", "-y", "undertext")
    assert sorted(path.name for path in kept.rglob("*")) == before
    assert not [place for place in debian.files() - debian.before if "undertext" in place]
