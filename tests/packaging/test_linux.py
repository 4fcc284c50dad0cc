"""What Linux is told of Undertext, and the script that installs the tarball, with a small program in its place."""

import re
import shutil
import subprocess

import pytest

import main
from desktop.version import VERSION
from tests.packaging.parts import LINUX, part

packages = part("packages")
EPOCH_S = 1_700_000_000


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.fixture
def frozen(tmp_path):
    """Return a folder like the frozen program's, with a script in the program's place."""
    folder = tmp_path / "frozen"
    (folder / "_internal").mkdir(parents=True)
    (folder / "_internal" / "library").write_text("1")
    program = folder / "undertext"
    program.write_text("#!/bin/sh\necho undertext in $0\n")
    program.chmod(0o755)
    return folder


@pytest.fixture
def unpacked(frozen, tmp_path):
    """Return the folder that somebody has who unpacks the tarball."""
    made = packages.tarball(frozen, tmp_path, VERSION, EPOCH_S, 0)
    subprocess.run(["tar", "-xf", made, "-C", tmp_path], check=True)
    return tmp_path / made.name.removesuffix(".tar.xz")


def files(folder):
    """Return every file below a folder, but the desktop's own list of who opens what."""
    found = (path for path in folder.rglob("*") if not path.is_dir() and path.name != "mimeinfo.cache")
    return sorted(path.relative_to(folder).as_posix() for path in found)


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def install(unpacked, home, *options):
    """Install below a home: by itself the script takes another place for root, which tests may be."""
    return run(
        "sh",
        unpacked / "install.sh",
        "--prefix",
        home / ".local",
        *options,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
    )


@needs("desktop-file-validate")
def test_the_entry_for_menus_is_valid():
    told = run("desktop-file-validate", LINUX / "undertext.desktop")
    assert told.returncode == 0, told.stdout


@needs("appstreamcli")
def test_the_entry_for_software_centres_is_valid(frozen, tmp_path):
    packages.stage(frozen, tmp_path / "usr", VERSION, EPOCH_S)
    entry = tmp_path / "usr" / "share" / "metainfo" / "undertext.metainfo.xml"
    told = run("appstreamcli", "validate", "--no-net", entry)
    assert told.returncode == 0, told.stdout
    assert f'version="{VERSION}" date="2023-11-14"' in entry.read_text(encoding="utf-8")


@needs("mandoc")
def test_the_page_for_man_is_sound():
    told = run("mandoc", "-T", "lint", "-W", "error", LINUX / "undertext.1")
    assert told.returncode == 0, told.stdout


def test_the_page_for_man_has_every_command():
    page = (LINUX / "undertext.1").read_text(encoding="utf-8").replace("\\-", "-")
    assert [name for name in main.COMMANDS if not re.search(rf"^\.BR? {name}\b", page, re.MULTILINE)] == []


def test_the_same_program_gives_the_same_tarball(frozen, tmp_path):
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(packages.tarball(frozen, tmp_path / name, VERSION, EPOCH_S, 0).read_bytes())
    assert made[0] == made[1]


def test_nothing_that_is_packed_can_be_written_by_others(unpacked):
    assert not [path for path in unpacked.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022]


def test_it_runs_from_where_it_was_unpacked(unpacked):
    shown = subprocess.run([unpacked / "bin" / "undertext"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("undertext in ")


def test_what_is_installed_runs_and_stands_in_the_menu(unpacked, tmp_path):
    home = tmp_path / "ein Zuhause ü"
    home.mkdir()
    assert install(unpacked, home).returncode == 0
    subprocess.run([home / ".local" / "bin" / "undertext"], capture_output=True, check=True)
    entry = (home / ".local" / "share" / "applications" / "undertext.desktop").read_text(encoding="utf-8")
    assert f'Exec="{home}/.local/lib/undertext/undertext"' in entry


def test_removing_leaves_what_was_there_and_what_the_user_keeps(unpacked, tmp_path):
    home = tmp_path / "home"
    kept = home / ".local" / "share" / "undertext" / "transcripts" / "one.jsonl"
    kept.parent.mkdir(parents=True)
    kept.write_text("words")
    before = files(home)
    install(unpacked, home)
    assert files(home) != before
    assert install(unpacked, home, "--remove").returncode == 0
    assert files(home) == before
    assert not (home / ".local" / "lib" / "undertext").exists()


def test_an_upgrade_leaves_nothing_of_the_version_before(unpacked, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    install(unpacked, home)
    first = files(home)
    (unpacked / "lib" / "undertext" / "_internal" / "library").rename(
        unpacked / "lib" / "undertext" / "_internal" / "newer"
    )
    install(unpacked, home)
    assert [name.replace("/newer", "/library") for name in files(home)] == first
    assert ".local/lib/undertext/_internal/library" not in files(home)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--remove"], "not installed"),
        (["--prefix"], "wants a folder"),
        (["--fast"], "no option '--fast'"),
    ],
)
def test_what_cannot_be_done_is_said_with_status_2(unpacked, tmp_path, options, said):
    refused = install(unpacked, tmp_path, *options)
    assert refused.returncode == 2
    assert said in refused.stderr


@needs("dpkg-shlibdeps")
def test_the_debian_package_says_what_it_is_and_needs(frozen, tmp_path):
    shutil.copy2(shutil.which("xz"), frozen / "_internal" / "program")  # anything that needs a library of the system
    made = packages.debian(frozen, tmp_path, VERSION, EPOCH_S, 0)
    fields = dict(line.split(": ", 1) for line in run("dpkg-deb", "-f", made, "Version", "Depends").stdout.splitlines())
    assert fields["Version"] == VERSION
    wanted = fields["Depends"].split(", ")
    assert "libpulse0" in wanted
    assert any(need.startswith("libc6 (>= ") for need in wanted)
    listed = run("dpkg-deb", "-c", made).stdout
    assert "./usr/bin/undertext -> ../lib/undertext/undertext" in listed
    assert not [line for line in listed.splitlines() if line.split()[1] != "root/root"]
