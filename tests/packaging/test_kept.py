"""The licences that are kept here: whatever system freezes Undertext has the text of everything in it."""

from fnmatch import fnmatchcase
from pathlib import Path

import av
import pytest

from tests.packaging.parts import ROOT, part

contents, kept, licences, origins = part("contents"), part("kept"), part("licences"), part("origins")


@pytest.mark.parametrize("name", kept.packages())
def test_every_text_that_a_library_wants_is_kept(name):
    assert len((kept.DEBIAN / f"{name}.txt").read_text(encoding="utf-8")) > 500


@pytest.mark.parametrize("name", kept.SHARED)
def test_every_licence_that_many_share_is_kept(name):
    assert len((kept.COMMON / f"{name}.txt").read_text(encoding="utf-8")) > 5000


def test_no_text_is_kept_that_nobody_wants():
    assert {path.stem for path in kept.DEBIAN.iterdir()} == set(kept.packages())
    assert {path.stem for path in kept.COMMON.iterdir()} == set(kept.SHARED)


@pytest.mark.parametrize("licence", ["LGPL-3.0-only", "LGPL-2.1-or-later", "GPL-3.0-or-later", "Apache-2.0", "MIT"])
def test_what_comes_without_a_text_of_its_own_gets_the_shared_one(licence, tmp_path):
    one = origins.Component("Some library", "1.0", licence)
    licences.write([one], tmp_path / "licences", "inside")
    assert len((tmp_path / "licences" / "Some-library.txt").read_text(encoding="utf-8")) > 1000


def test_a_licence_whose_text_is_missing_ends_the_build(tmp_path):
    one = origins.Component("Some library", "1.0", "MIT", "", [ROOT / "no such file"])
    with pytest.raises(origins.LicenceUnknown, match="no such file"):
        licences.write([one], tmp_path / "licences", "inside")


# Where PyInstaller puts what the locked wheels for macOS carry.
CARRIED = (
    "av/.dylibs/libavcodec.63.1.102.dylib", "av/.dylibs/libavdevice.63.1.102.dylib",
    "av/.dylibs/libavfilter.12.1.102.dylib", "av/.dylibs/libavformat.63.1.102.dylib",
    "av/.dylibs/libavutil.61.1.102.dylib", "av/.dylibs/libswresample.7.1.102.dylib",
    "av/.dylibs/libswscale.10.1.102.dylib", "av/.dylibs/libdav1d.7.dylib", "av/.dylibs/libopus.0.dylib",
    "av/.dylibs/libsharpyuv.0.1.2.dylib", "av/.dylibs/libvpx.12.dylib", "av/.dylibs/libwebp.7.2.0.dylib",
    "av/.dylibs/libwebpmux.3.1.2.dylib", "ctranslate2/.dylibs/libctranslate2.4.8.5.dylib",
    "PySide6/Qt/lib/QtCore.framework/Versions/A/QtCore", "PySide6/Qt/lib/QtDBus.framework/Versions/A/QtDBus",
    "_sounddevice_data/portaudio-binaries/libportaudio.dylib",
)  # fmt: skip
ENCODERS = (
    "av/.dylibs/libx264.165.dylib", "av/.dylibs/libx265.217.dylib", "av/.dylibs/libSvtAv1Enc.4.2.0.dylib",
    "av/.dylibs/libvmaf.3.dylib",
)  # fmt: skip


@pytest.mark.parametrize("place", CARRIED)
def test_what_wheels_carry_on_macos_has_a_licence(place):
    assert any(fnmatchcase(place, row["place"]) for row in origins._vendored())
    assert not contents.hollow_name(place)


@pytest.mark.parametrize("place", ENCODERS)
def test_what_encodes_on_macos_is_hollow(place):
    assert contents.hollow_name(place)


@pytest.mark.parametrize("place", ["av.libs/libnew-1.so.1", "av/.dylibs/libnew.1.dylib"])
def test_a_carried_library_that_nobody_knows_ends_the_build(place):
    with pytest.raises(origins.LicenceUnknown, match="vendored"):
        origins.components([origins.Origin("BINARY", place, Path(av.__file__))])


def test_a_library_of_no_package_ends_the_build_where_there_are_no_debian_packages(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(origins.LicenceUnknown, match="brings its own libraries"):
        origins._debian_package.__wrapped__(Path("/opt/homebrew/lib/libssl.3.dylib"))
