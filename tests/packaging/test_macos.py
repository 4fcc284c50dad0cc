"""What macOS is told of Undertext, the command lines that pack it, the rules of what goes in: all but a Mac."""

import plistlib
import struct
import subprocess
import sys

import pytest
from PySide6.QtGui import QImage

from desktop.version import VERSION
from tests.packaging.parts import LINUX, MACOS, PACKAGING, part

bundle, hollow_dylib, packages, signing = part("bundle"), part("hollow_dylib"), part("packages", MACOS), part("signing")
contents, icns = part("contents"), part("icns")
KEY = {signing.KEY: "k.p8", signing.KEY_ID: "K1", signing.ISSUER: "I1"}
CODE = b"\xcf\xfa\xed\xfe"


def test_the_bundle_says_what_macos_asks():
    told = plistlib.loads(plistlib.dumps(bundle.info(VERSION)))
    assert told["CFBundleVersion"] == VERSION
    assert told["NSHighResolutionCapable"] is True
    assert told["LSBackgroundOnly"] is False
    assert told["LSMinimumSystemVersion"] == "14.0"
    assert told["LSApplicationCategoryType"].startswith("public.app-category.")


@pytest.mark.parametrize("name", ["NSMicrophoneUsageDescription", "NSAudioCaptureUsageDescription"])
def test_it_says_in_a_sentence_why_it_listens(name):
    said = bundle.info(VERSION)[name]
    assert said.startswith("Undertext ")
    assert said.endswith(".")


def test_it_is_one_program_by_name_on_every_system():
    entry = (LINUX / "undertext.metainfo.xml").read_text(encoding="utf-8")
    assert f"<id>{bundle.IDENTIFIER}</id>" in entry


def test_the_hardened_runtime_allows_the_microphone_and_nothing_else():
    with bundle.ENTITLEMENTS.open("rb") as file:
        assert plistlib.load(file) == {"com.apple.security.device.audio-input": True}


def parts_of(container):
    """Yield type and data of everything in an icns file."""
    kind, length = struct.unpack(">4sI", container[:8])
    assert (kind, length) == (b"icns", len(container))
    at = 8
    while at < length:
        kind, size = struct.unpack(">4sI", container[at : at + 8])
        yield kind.decode(), container[at + 8 : at + size]
        at += size


def test_the_icon_has_a_picture_of_every_size_that_macos_shows(tmp_path):
    subprocess.run([sys.executable, PACKAGING / "macos" / "icns.py", tmp_path / "made" / "icon.icns"], check=True)
    found = dict(parts_of((tmp_path / "made" / "icon.icns").read_bytes()))
    sizes = {kind: QImage.fromData(data, "PNG").width() for kind, data in found.items()}
    assert sizes == icns.KINDS


@pytest.mark.parametrize(
    ("given", "identity", "is_notarised"),
    [
        ({}, "", False),
        ({signing.IDENTITY: "Developer ID Application: Somebody"}, "Developer ID Application: Somebody", False),
        ({signing.IDENTITY: "Somebody"} | KEY, "Somebody", True),
        (
            {signing.IDENTITY: "", signing.KEY: "", signing.KEY_ID: "", signing.ISSUER: ""},
            "",
            False,
        ),  # a fork's secrets
    ],
)
def test_the_environment_says_who_signs(given, identity, is_notarised):
    known = signing.credentials(given)
    assert known.identity == identity
    assert bool(known.notary) == is_notarised


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({signing.IDENTITY: "Somebody", signing.KEY: "k.p8"}, signing.KEY_ID),
        ({signing.IDENTITY: "Somebody", signing.KEY: "k.p8", signing.KEY_ID: "K1"}, signing.ISSUER),
        ({signing.IDENTITY: "Somebody", signing.ISSUER: "I1"}, signing.KEY),
        (KEY, signing.IDENTITY),
    ],
)
def test_half_of_what_is_needed_is_refused_with_what_is_missing(given, said):
    with pytest.raises(signing.CannotPackage, match=said):
        signing.credentials(given)


def test_only_the_program_says_what_it_is_entitled_to(tmp_path):
    library, program = signing.sign(tmp_path / "a.dylib", "Me"), signing.sign(tmp_path, "Me", is_program=True)
    assert "--entitlements" not in library
    assert program[program.index("--entitlements") + 1] == str(bundle.ENTITLEMENTS)
    for command in (library, program):
        assert command[0] == "codesign"
        assert {"--force", "--timestamp", "runtime"} <= set(command)
        assert command[-3:-1] == ["--sign", "Me"]


def test_an_image_is_signed_and_is_entitled_to_nothing(tmp_path):
    command = signing.sign_image(tmp_path / "u.dmg", "Me")
    assert not {"--entitlements", "--options"} & set(command)
    assert command[-3:] == ["--sign", "Me", str(tmp_path / "u.dmg")]


def test_the_notary_is_told_who_asks_and_waited_for(tmp_path):
    known = signing.credentials({signing.IDENTITY: "Me"} | KEY)
    command = signing.notarise(tmp_path / "u.dmg", known.notary)
    assert command[:4] == ["xcrun", "notarytool", "submit", str(tmp_path / "u.dmg")]
    assert "--wait" in command
    assert command[command.index("--key") + 1] == "k.p8"


def test_what_the_notary_accepts_goes_on():
    packages.accepted('{"id": "7", "status": "Accepted"}')


@pytest.mark.parametrize("status", ["Invalid", "Rejected", "In Progress"])
def test_what_the_notary_does_not_accept_ends_it_with_how_to_learn_why(status):
    with pytest.raises(packages.CannotPackage, match=f"{status}.*log 7"):
        packages.accepted(f'{{"id": "7", "status": "{status}"}}')


@pytest.fixture
def app(tmp_path):
    """Return a bundle as PyInstaller lays it out, with headers in the place of libraries."""
    app = tmp_path / "Undertext.app"
    for place in (
        "MacOS/undertext", "Frameworks/Python", "Frameworks/av/__dot__dylibs/libavutil.dylib", "Frameworks/av/_core.so",
        "Frameworks/PySide6/Qt/lib/QtCore.framework/Versions/A/QtCore", "Resources/hidden",
    ):  # fmt: skip
        path = app / "Contents" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CODE + bytes(8))
    (app / "Contents/Frameworks/QtCore").symlink_to("PySide6/Qt/lib/QtCore.framework/Versions/A/QtCore")
    (app / "Contents/Frameworks/av/notes.txt").write_text("text")
    return app


def test_what_lies_deeper_is_signed_first_and_a_framework_as_a_whole(app):
    found = [path.relative_to(app / "Contents" / "Frameworks").as_posix() for path in signing.signed_parts(app)]
    assert found == [
        "PySide6/Qt/lib/QtCore.framework",
        "av/__dot__dylibs/libavutil.dylib",
        "av/_core.so",
        "Python",
    ]


@pytest.mark.skipif(sys.platform == "darwin", reason="there it would begin")
def test_elsewhere_it_is_refused_in_one_sentence(tmp_path):
    command = [sys.executable, MACOS / "packages.py", "--out", tmp_path]
    refused = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(PACKAGING.parent)}
    )
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "on macOS" in refused.stderr


@pytest.mark.skipif(sys.platform == "darwin", reason="there the program is there")
def test_a_step_whose_program_is_not_here_is_refused_with_where_it_comes_from(app, tmp_path):
    done = packages.steps(app, tmp_path / "u.dmg", signing.credentials({}))
    with pytest.raises(packages.CannotPackage, match="codesign is not on this machine"):
        list(done)


@pytest.mark.parametrize(
    ("place", "stays_out"),
    [
        ("PySide6/Qt/plugins/platforms/libqcocoa.dylib", False),
        ("PySide6/Qt/plugins/platforms/libqoffscreen.dylib", False),
        ("PySide6/Qt/plugins/platforms/libqminimal.dylib", True),
        ("PySide6/Qt/plugins/styles/libqmacstyle.dylib", False),
        ("PySide6/Qt/plugins/imageformats/libqsvg.dylib", False),
        ("PySide6/Qt/plugins/imageformats/libqicns.dylib", True),
        ("PySide6/Qt/plugins/iconengines/libqsvgicon.dylib", False),
        ("PySide6/Qt/plugins/tls/libqsecuretransportbackend.dylib", True),
        ("PySide6/Qt/plugins/networkinformation/libqapplenetworkinformation.dylib", True),
        ("PySide6/Qt/lib/QtNetwork.framework/Versions/A/QtNetwork", True),
        ("PySide6/Qt/lib/QtNetwork.framework/Resources", True),
        ("QtNetwork", True),
        ("PySide6/Qt/lib/QtDBus.framework/Versions/A/QtDBus", False),  # QtGui is linked with it there
        ("PySide6/Qt/lib/QtGui.framework/Versions/A/QtGui", False),
        ("QtGui", False),
    ],
)
def test_a_file_of_macos_stays_out_for_the_same_reasons(place, stays_out):
    assert bool(contents.why_left_out(place)) == stays_out


@pytest.mark.parametrize(
    "source",
    ["/usr/local/lib/libssl.3.dylib", "/opt/homebrew/lib/libssl.3.dylib", "/Library/Frameworks/Python.framework/x"],
)
def test_no_library_of_macos_is_taken_for_linux_own(source):
    assert not contents.comes_from_the_system(source.rpartition("/")[2], source, "darwin")


@pytest.mark.parametrize("place", ["ctranslate2/_ext.cpython-312-darwin.so", "tokenizers/tokenizers.abi3.so"])
def test_only_libraries_of_linux_are_stripped(place):
    assert not contents.is_stripped(place, "darwin")
    assert contents.is_stripped(place, "linux")


# As nm and otool print them of PyAV's wheel.
OFFERED = (
    "0000000000001a2c T _x264_encoder_open_165\n000000000014ba34 S _x264_levels\n0000000000000010 T _x264_unused\n"
)
TAKEN = "                 U _malloc\n                 U _x264_encoder_open_165\n_x264_levels\n"
LINKED = """av/.dylibs/libSvtAv1Enc.4.2.0.dylib:
\t/DLC/av/.dylibs/libSvtAv1Enc.4.2.0.dylib (compatibility version 4.0.0, current version 4.2.0)
\t/usr/lib/libSystem.B.dylib (compatibility version 1.0.0, current version 1345.120.2)
"""


def test_symbols_are_read_without_the_line_that_macos_puts_before_them():
    assert hollow_dylib.defined(OFFERED) == {"x264_encoder_open_165": "T", "x264_levels": "S", "x264_unused": "T"}
    assert hollow_dylib.undefined(TAKEN) == ["malloc", "x264_encoder_open_165", "x264_levels"]


def test_a_hollow_function_says_that_there_is_nothing_and_a_variable_is_empty():
    function, variable = hollow_dylib.code({"x264_encoder_open_165": "T", "x264_levels": "S"}).splitlines()
    assert function == "void *x264_encoder_open_165(void) { return 0; }"
    assert variable.endswith("char x264_levels[4096];")


def test_a_hollow_library_has_the_name_and_the_versions_of_its_like(tmp_path):
    command = hollow_dylib.compiling(tmp_path / "a.c", tmp_path / "a.dylib", LINKED)
    for name, value in (
        ("-install_name", "/DLC/av/.dylibs/libSvtAv1Enc.4.2.0.dylib"),
        ("-compatibility_version", "4.0.0"),
        ("-current_version", "4.2.0"),
    ):
        assert command[command.index(name) + 1] == value


def test_what_is_no_library_of_macos_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.dylib has no name"):
        hollow_dylib.compiling(tmp_path / "a.c", tmp_path / "a.dylib", "a.dylib:\n")
