"""What Windows is told of Undertext, and its installer, with small programs in the program's place.

NSIS compiles it here as on Windows; where there is Wine, it is run as well.
"""

import ast
import shutil
import struct
import subprocess
from functools import cache
from pathlib import Path, PureWindowsPath

import pytest

from desktop.version import VERSION
from tests.packaging.parts import ROOT, WINDOWS, part
from tests.packaging.wine import new_wine

installer, make_icons, smoke, version_file = map(part, ("installer", "make_icons", "smoke", "version_file"))
EPOCH_S = 1_700_000_000
RUNS_ON = {"x86-unicode": 0x14C, "amd64-unicode": 0x8664}  # by the number of a processor in a program's head
CMD = Path("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/cmd.exe")  # Wine's own: it runs until its input ends
PLACE = "AppData/Local/Programs/Undertext"
FOLDER = r"C:\users\somebody\AppData\Local\Programs\Undertext"
MENU = "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Undertext.lnk"
KEPT = "AppData/Local/undertext/transcripts/one.jsonl"

needs_nsis = pytest.mark.skipif(shutil.which("makensis") is None, reason="makensis is not installed")


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """Return a folder like the frozen program's."""
    folder = tmp_path_factory.mktemp("windows") / "undertext"
    (folder / "_internal" / "assets" / "empty").mkdir(parents=True)
    (folder / "_internal" / "library.dll").write_bytes(bytes(5000))
    (folder / "_internal" / "assets" / "ein Text ü.txt").write_text("1")
    for name in ("undertext.exe", "undertext.com"):
        if CMD.is_file():
            shutil.copyfile(CMD, folder / name)
        else:
            (folder / name).write_bytes(b"MZ")
    return folder


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("0.1.0", (0, 1, 0, 0)),
        ("2", (2, 0, 0, 0)),
        ("1.2.3.4.5", (1, 2, 3, 4)),
        ("1.2rc3", (1, 2, 0, 0)),
        ("1.2.0.dev4", (1, 2, 0, 0)),
        ("next", (0, 0, 0, 0)),
    ],
)
def test_windows_compares_a_version_by_four_numbers(version, numbers):
    assert version_file.numbers(version) == numbers


def test_the_version_of_an_executable_is_what_pyinstaller_reads():
    text = version_file.version_file("undertext.exe", "Undertext", VERSION)
    called = [node.func.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Call)]
    assert called[0] == "VSVersionInfo"
    assert set(called) <= {
        "VSVersionInfo", "FixedFileInfo", "StringFileInfo", "StringTable", "StringStruct", "VarFileInfo", "VarStruct",
    }  # fmt: skip
    assert f"StringStruct('ProductVersion', '{VERSION}')" in text
    assert "'040904b0'" in text


def pictures(icon):
    """Return the pictures of an icon by the size that its head gives them."""
    none, kind, count = struct.unpack_from("<HHH", icon)
    assert (none, kind) == (0, 1)
    heads = [struct.unpack_from("<BBBBHHII", icon, 6 + 16 * i) for i in range(count)]
    assert all(head[0] == head[1] for head in heads)
    return {head[0] or 256: icon[head[7] : head[7] + head[6]] for head in heads}


def test_an_icon_has_every_picture_where_its_head_says():
    told = {16: b"small", 48: b"larger", 256: b"the largest"}
    assert pictures(make_icons.ico(told)) == told


def test_the_icon_of_this_tree_has_the_sizes_that_windows_shows():
    found = pictures((ROOT / "assets" / "icon.ico").read_bytes())
    assert set(found) == set(make_icons.WINDOWS_PX)
    for size_px, picture in found.items():
        assert picture.startswith(b"\x89PNG")
        assert struct.unpack_from(">II", picture, 16) == (size_px, size_px)


def test_files_come_before_the_folders_that_they_leave_empty(frozen):
    places = list(installer.installed(frozen))
    assert "_internal\\assets\\ein Text ü.txt" in places
    assert "uninstall.exe" in places
    assert places.index("_internal\\assets\\empty\\") < places.index("_internal\\assets\\")
    assert places.index("_internal\\library.dll") < places.index("_internal\\") == len(places) - 1


def test_the_uninstaller_stays_within_its_folder(frozen):
    for place in installer.installed(frozen):
        path = PureWindowsPath(place)
        assert not path.is_absolute()
        assert ".." not in path.parts


@pytest.mark.parametrize("package", ["colorama", "pefile", "pyaudiowpatch", "pywin32-ctypes"])
def test_what_only_windows_freezes_with_is_locked(package):
    lock = (ROOT / "packaging" / "locks" / "freeze.txt").read_text(encoding="utf-8")
    (line,) = [line for line in lock.splitlines() if line.startswith(f"{package}==")]
    assert "sys_platform == 'win32'" in line


def test_what_is_tried_on_windows_keeps_nothing_in_the_home_of_who_tries_it(tmp_path):
    """Windows tells the folder of its user, whatever a variable says."""
    assert smoke.environment(tmp_path, "win32")["UNDERTEXT_HOME"].startswith(str(tmp_path))
    assert "UNDERTEXT_HOME" not in smoke.environment(tmp_path, "linux")


def test_without_nsis_the_mend_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PROGRAMFILES(X86)", raising=False)
    with pytest.raises(installer.NoCompiler, match="winget install NSIS"):
        installer.compiler()


def test_nsis_is_found_where_it_puts_itself(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PROGRAMFILES(X86)", str(tmp_path))
    (tmp_path / "NSIS").mkdir()
    (tmp_path / "NSIS" / "makensis.exe").touch()
    assert installer.compiler() == str(tmp_path / "NSIS" / "makensis.exe")


@needs_nsis
@pytest.mark.parametrize("target", RUNS_ON)
def test_the_installer_says_what_it_is_and_asks_for_no_rights(frozen, tmp_path, target):
    made = installer.installer(frozen, tmp_path, VERSION, EPOCH_S, target)
    assert made.name == f"undertext-{VERSION}-windows-amd64-setup.exe"
    program = made.read_bytes()
    head = struct.unpack_from("<I", program, 0x3C)[0]
    assert struct.unpack_from("<4sH", program, head) == (b"PE\0\0", RUNS_ON[target])
    assert b'requestedExecutionLevel level="asInvoker"' in program
    for words in ("Installs Undertext", version_file.PUBLISHER, VERSION):
        assert words.encode("utf-16-le") in program


@needs_nsis
def test_the_same_program_gives_the_same_installer(frozen, tmp_path):
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(installer.installer(frozen, tmp_path / name, VERSION, EPOCH_S).read_bytes())
    assert made[0] == made[1]


@needs_nsis
def test_a_file_that_cannot_be_packed_ends_the_build(frozen, tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        installer.installer(frozen / "nothing", tmp_path, VERSION, EPOCH_S)


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    if shutil.which("makensis") is None or not CMD.is_file():
        pytest.skip("makensis or wine64 is not installed")
    with new_wine(tmp_path_factory.mktemp("wine")) as one:
        yield one


@pytest.fixture(scope="module")
def setup(windows, frozen, tmp_path_factory):
    """Return what makes an installer of a version that Wine can run: it has no 32 bits here."""
    out = tmp_path_factory.mktemp("out")

    @cache
    def made(version, program=frozen):
        return installer.installer(program, out, version, EPOCH_S, "amd64-unicode")

    return made


@pytest.fixture
def installed(windows, setup):
    """Return a Windows on which Undertext was installed; afterwards it is gone."""
    assert windows.run(setup(VERSION), "/S")[0] == 0
    yield windows
    uninstall(windows)


def uninstall(windows):
    """Uninstall silently, and wait for the copy of itself that the uninstaller starts."""
    code, _ = windows.run(windows.home / PLACE / "uninstall.exe", "/S")
    windows.settle()
    return code


def test_it_is_installed_for_the_user_and_stands_in_the_menu(installed, frozen):
    here = {path.removeprefix(f"{PLACE}/") for path in installed.files() if path.startswith(PLACE)}
    brought = {path.relative_to(frozen).as_posix() for path in frozen.rglob("*") if path.is_file()}
    assert here == brought | {"installed.txt", "uninstall.exe"}
    assert MENU in installed.files()


def test_the_list_of_programs_tells_what_it_is(installed, frozen):
    told = installed.entry()
    assert told["DisplayName"] == "Undertext"
    assert told["DisplayVersion"] == VERSION
    assert told["DisplayIcon"] == rf"{FOLDER}\undertext.exe"
    assert told["InstallLocation"] == FOLDER
    assert told["QuietUninstallString"] == rf'"{FOLDER}\uninstall.exe" /S'
    assert int(told["EstimatedSize"], 16) == installer.kibibytes(frozen)


def test_uninstalling_leaves_what_was_there_and_what_the_user_keeps(windows, setup):
    kept = windows.home / KEPT
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text("words")
    before = windows.files()
    windows.run(setup(VERSION), "/S")
    assert windows.files() > before
    assert uninstall(windows) == 0
    assert windows.files() == before
    assert not (windows.home / PLACE).exists()
    assert windows.entry() == {}


def test_what_somebody_put_beside_the_program_stays(windows, setup):
    windows.run(setup(VERSION), "/S")
    note = windows.home / PLACE / "_internal" / "a note.txt"
    note.write_text("mine")
    uninstall(windows)
    assert [path for path in (windows.home / PLACE).rglob("*") if path.is_file()] == [note]
    note.unlink()
    shutil.rmtree(windows.home / PLACE)


def test_an_upgrade_leaves_nothing_of_the_version_before(installed, frozen, setup, tmp_path):
    first = installed.files()
    newer = shutil.copytree(frozen, tmp_path / "undertext")
    (newer / "_internal" / "assets").rename(newer / "_internal" / "material")
    assert installed.run(setup("99.1.2", newer), "/S")[0] == 0
    assert {name.replace("/material/", "/assets/") for name in installed.files()} == first
    assert not (installed.home / PLACE / "_internal" / "assets").exists()
    assert installed.entry()["DisplayVersion"] == "99.1.2"


def test_an_upgrade_goes_where_the_version_before_is(windows, setup):
    windows.run(setup(VERSION), "/S", r"/D=C:\users\somebody\Elsewhere")
    assert windows.run(setup("99.1.2"), "/S")[0] == 0
    assert not (windows.home / PLACE).exists()
    assert windows.entry()["InstallLocation"] == r"C:\users\somebody\Elsewhere"
    windows.run(windows.home / "Elsewhere" / "uninstall.exe", "/S")
    windows.settle()
    assert not (windows.home / "Elsewhere").exists()


@pytest.mark.parametrize("name", ["undertext.exe", "undertext.com"])
def test_nothing_is_touched_while_it_runs(installed, setup, name):
    before = installed.files()
    running = subprocess.Popen(
        installed.command(installed.home / PLACE / name),
        env=installed.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with running:
        running.stdout.readline()  # now it runs
        assert installed.run(setup("99.1.2"), "/S")[0] == 2
        # With _?= the uninstaller works where it is, and not as a copy that nobody can wait for.
        assert installed.run(installed.home / PLACE / "uninstall.exe", "/S", rf"_?={FOLDER}")[0] == 2
        running.stdin.close()
        running.wait()
    assert installed.files() == before
    assert installed.entry()["DisplayVersion"] == VERSION


def test_a_windows_that_is_too_old_is_refused(windows, setup):
    windows.pretend("win7")
    try:
        assert windows.run(setup(VERSION), "/S")[0] == 2
        assert not (windows.home / PLACE).exists()
    finally:
        windows.pretend("win10")


def test_a_windows_of_32_bits_is_refused_in_a_sentence():
    """Read from the script: there is none here to run it on."""
    script = (WINDOWS / "undertext.nsi").read_text(encoding="utf-8")
    begin = script.partition("Function .onInit")[2].partition("FunctionEnd")[0]
    assert begin.index("RunningX64") < begin.index("64 bits") < begin.index("RefuseWhileRunning")
    assert installer.TARGET == "x86-unicode"
