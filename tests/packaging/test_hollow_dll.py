"""Libraries of Windows with nothing in them; where there is Wine, one is loaded."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from tests.packaging.parts import part
from tests.packaging.wine import new_wine

hollow_dll = part("hollow_dll")
OFFERED = {"open_it": True, "levels": False, "close_it": True, "names": False}
THEIRS = Path("/usr/share/nsis/Plugins/amd64-unicode/System.dll")  # a library that others made, of 64 bits


@pytest.mark.parametrize("offered", [OFFERED, {"one": True}, {"one": False}, {f"f{i}": i % 7 > 0 for i in range(2000)}])
def test_a_hollow_library_offers_the_same_names(tmp_path, offered):
    library = tmp_path / "libx264-165.dll"
    library.write_bytes(hollow_dll.written(library.name, offered))
    made = hollow_dll.hollow(library, tmp_path / "made")
    assert made.name == library.name
    assert hollow_dll.exports(made.read_bytes()) == offered


@pytest.mark.skipif(not THEIRS.is_file(), reason="nsis is not installed")
def test_the_names_of_a_library_of_others_are_read():
    assert hollow_dll.exports(THEIRS.read_bytes()) == dict.fromkeys(
        ("Alloc", "Call", "Copy", "Free", "Get", "Int64Op", "Store", "StrAlloc"), True
    )


@pytest.mark.skipif(shutil.which("objdump") is None, reason="binutils is not installed")
def test_it_is_a_library_to_others_too(tmp_path):
    (tmp_path / "a.dll").write_bytes(hollow_dll.written("a.dll", OFFERED))
    told = subprocess.run(["objdump", "-p", tmp_path / "a.dll"], capture_output=True, text=True, check=False)
    if "file format not recognized" in told.stderr:
        pytest.skip("this objdump reads no libraries of Windows")
    assert "pei-x86-64" in told.stdout
    assert all(name in told.stdout for name in OFFERED)


@pytest.mark.parametrize(
    ("library", "wrong"),
    [
        (b"", "breaks off"),
        (b"MZ" + bytes(100), "no library"),
        (b"\x7fELF" + bytes(1000), "no library"),
        (hollow_dll.written("a.dll", OFFERED)[:900], "breaks off|nothing lies"),
        (struct.pack("<2s58xI4sH", b"MZ", 64, b"PE\0\0", 0x14C) + bytes(100), "no library"),
    ],
)
def test_what_is_no_library_of_windows_is_refused(library, wrong):
    with pytest.raises(ValueError, match=wrong):
        hollow_dll.exports(library)


# A program that loads a library beside it, and writes down what its functions and its zeros are.
PROGRAM = r"""
Target amd64-unicode
OutFile "{folder}/program.exe"
SilentInstall silent
RequestExecutionLevel user
Section
    FileOpen $9 "$EXEDIR\told.txt" w
    System::Call 'kernel32::LoadLibraryW(w "$EXEDIR\other.dll") p .r0'
    System::Call 'kernel32::LoadLibraryW(w "$EXEDIR\hollow.dll") p .r0'
    System::Call 'kernel32::GetProcAddress(p r0, m "open_it") p .r1'
    System::Call 'kernel32::GetProcAddress(p r0, m "levels") p .r2'
    System::Call 'kernel32::GetProcAddress(p r0, m "nothing") p .r3'
    StrCpy $4 7
    System::Call '::$1(i 5) i .r4'
    System::Call '*$2(i .r5)'
    FileWrite $9 "returns $4, has $5, and $3"
    FileClose $9
SectionEnd
"""


@pytest.mark.skipif(shutil.which("makensis") is None, reason="makensis is not installed")
def test_windows_loads_it_and_its_functions_say_that_there_is_nothing(tmp_path):
    """Two of them, because the second has to lie elsewhere than it would like to."""
    for name in ("other.dll", "hollow.dll"):
        (tmp_path / name).write_bytes(hollow_dll.written(name, OFFERED))
    (tmp_path / "program.nsi").write_text(PROGRAM.replace("{folder}", str(tmp_path)))
    subprocess.run(["makensis", "-V1", tmp_path / "program.nsi"], check=True)
    with new_wine(tmp_path / "wine") as wine:
        wine.run(tmp_path / "program.exe")
    assert (tmp_path / "told.txt").read_text() == "returns 0, has 0, and 0"
