"""Whose the files of the bundle are, and where their licences stand, also where there is no Debian."""

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.packaging.parts import PACKAGING, part

contents, licences, origins = part("contents"), part("licences"), part("origins")
ROWS = [row.split("\t") for row in (PACKAGING / "vendored.tsv").read_text(encoding="utf-8").splitlines()[1:]]
# What the wheels for Windows carry (av 19.0, ctranslate2 4.8, numpy 2.5, PySide6 6.11, sounddevice 0.5), less the hash.
ON_WINDOWS = {
    "FFmpeg": "av.libs/avcodec-63-f.dll av.libs/avdevice-63-f.dll av.libs/avfilter-12-f.dll av.libs/avformat-63-f.dll "
    "av.libs/avutil-61-f.dll av.libs/swresample-7-f.dll av.libs/swscale-10-f.dll",
    "dav1d": "av.libs/libdav1d-5.dll",
    "libgcc": "av.libs/libgcc_s_seh-1-3.dll",
    "libiconv": "av.libs/libiconv-2-5.dll",
    "libstdc++": "av.libs/libstdc++-6-7.dll",
    "libvpx": "av.libs/libvpx-1-d.dll",
    "libwebp": "av.libs/libwebp-a.dll av.libs/libwebpmux-0.dll av.libs/libsharpyuv-9.dll",
    "oneVPL": "av.libs/libvpl-4.dll",
    "Opus": "av.libs/libopus-0-2.dll",
    "winpthreads": "av.libs/libwinpthread-1-3.dll",
    "zlib": "av.libs/zlib1-4.dll",
    "Intel OpenMP": "ctranslate2/libiomp5md.dll",
    "OpenBLAS": "numpy.libs/libscipy_openblas64_-4.dll",
    "Microsoft Visual C++ runtime": "numpy.libs/msvcp140-a.dll PySide6/msvcp140.dll PySide6/vcruntime140_1.dll "
    "shiboken6/concrt140.dll",
    "Qt": "PySide6/Qt6Core.dll PySide6/Qt6Svg.dll",
    "PortAudio": "_sounddevice_data/portaudio-binaries/libportaudio64bit.dll",
}


@pytest.mark.parametrize(("name", "places"), ON_WINDOWS.items())
def test_what_the_wheels_of_windows_carry_is_known(name, places):
    for place in places.split():
        assert {row[1] for row in ROWS if fnmatchcase(place, row[0])} == {name}, place


@pytest.mark.parametrize(
    ("place", "is_carried"),
    [
        ("av.libs/libvpx-7.so.7", True),
        ("av.libs/libvpx-1-d.dll", True),
        ("numpy.libs/MSVCP140-a.DLL", True),
        ("PySide6/Qt/lib/libicuuc.so.73", True),
        ("av.libs/.load-order-av", False),
        ("av/_core.pyd", False),
    ],
)
def test_a_library_among_those_of_others_needs_a_line(place, is_carried):
    assert origins._is_carried(place) == is_carried


def test_what_windows_lends_is_microsofts():
    lent = origins.Origin("BINARY", "MSVCP140.dll", Path(r"C:\Windows\System32\MSVCP140.dll"))
    (found,) = origins.components([lent])
    assert found.licence == origins.MICROSOFT
    assert all(text.is_file() for text in found.texts)


def test_without_a_debian_every_library_of_windows_has_a_text(monkeypatch, tmp_path):
    monkeypatch.setattr(origins, "_DOCUMENTED", tmp_path)
    for name, places in ON_WINDOWS.items():
        text = next(row[3] for row in ROWS if row[1] == name and fnmatchcase(places.split()[0], row[0]))
        if text not in {"-", "wheel"}:
            (path,) = origins._texts(text, None)
            assert path.is_file(), name


def component(licence, *texts):
    return origins.Component("a library", "1", licence, "", list(texts))


@pytest.mark.parametrize(
    ("licence", "found"),
    [
        ("LGPL-2.1-or-later", ["LGPL-2.1"]),
        ("LGPL-3.0-only", ["GPL-3", "LGPL-3"]),  # the second is written as an addition to the first
        ("Apache-2.0", ["Apache-2.0"]),
    ],
)
def test_a_licence_without_a_text_of_its_own_has_the_one_that_all_share(licence, found):
    shared = [(PACKAGING / "texts" / "common" / f"{name}.txt").read_text(encoding="utf-8") for name in found]
    assert list(licences._parts(component(licence))) == shared


def test_a_text_that_sends_its_reader_to_debian_comes_with_what_is_there(tmp_path):
    sends, stands_alone = tmp_path / "sends", tmp_path / "stands alone"
    sends.write_text("see /usr/share/common-licenses/LGPL-2.1")
    stands_alone.write_text("do as you like")
    assert len(list(licences._parts(component("LGPL-2.1-or-later", sends)))) == 2
    assert list(licences._parts(component("LGPL-2.1-or-later", stands_alone))) == ["do as you like"]
