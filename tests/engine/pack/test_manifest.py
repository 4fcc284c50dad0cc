import json
import tomllib
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import PackRefused
from engine.pack.manifest import LARGEST, TORCH, Manifest, is_inside
from tests.engine.pack import made_up

ROOT = Path(__file__).parents[3]
TRUE = Manifest.read(json.dumps(made_up.manifest()).encode())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def read(**fields):
    return Manifest.read(json.dumps(made_up.manifest() | fields).encode())


def test_what_is_written_is_read():
    assert Manifest.read(TRUE.written()) == TRUE
    assert replace(TRUE, files=TRUE.files[::-1]).written() == TRUE.written()


def test_torch_is_the_version_that_the_extra_names():
    with (ROOT / "pyproject.toml").open("rb") as file:
        assert f"torch=={TORCH}" in tomllib.load(file)["project"]["optional-dependencies"]["gpu"]


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        ({"system": "win32"}, "Windows on"),
        ({"system": "plan9"}, "plan9 on"),
        ({"processor": "riscv64"}, "riscv64"),
        ({"python": "3.9"}, "Python"),
        ({"torch": "2.9.0"}, "torch"),
    ],
)
def test_a_pack_of_another_program_is_refused_with_what_differs(other, differs):
    TRUE.must_fit(made_up.THIS)
    with pytest.raises(PackRefused, match=differs) as raised:
        TRUE.must_fit(made_up.program(**other))
    assert "this version of Undertext" in raised.value.hint


def test_a_pack_of_a_later_format_is_refused():
    with pytest.raises(PackRefused, match="format 2"):
        read(format=2)


@given(JSON.map(lambda content: json.dumps(content).encode()) | st.binary())
def test_nonsense_is_refused(data):
    with pytest.raises(PackRefused):
        Manifest.read(data)


@given(st.sampled_from(sorted(made_up.manifest())), JSON)
def test_a_field_of_nonsense_is_refused_or_harmless(field, value):
    try:
        manifest = read(**{field: value})
    except PackRefused:
        return
    assert manifest.written()


@given(st.sampled_from(["name", "bytes", "sha256", "runs"]), JSON)
def test_a_file_of_nonsense_is_refused_or_harmless(field, value):
    row = made_up.manifest()["files"][0] | {field: value}
    try:
        manifest = read(files=[row])
    except PackRefused:
        return
    assert is_inside(manifest.files[0].name)
    assert 0 <= manifest.total <= LARGEST


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd", "../x", "site/../../x", "site/..", "site/./x", "site//x", "site/", "site", "x", "other/x", "",
        "C:/x", "site/C:x", "site\\..\\x", "site/x\\..\\..\\y", "site/nul", "site/COM1.txt", "site/x.", "site/x ",
        "site/ ", "site/...", "site/a\0b", "site/a\nb", "SITE/x", "//server/site/x", "site/x:stream", "site/a*",
        "site/\ud800",
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_on_any_system_is_refused(name):
    assert not is_inside(name)
    with pytest.raises(PackRefused):
        read(files=[made_up.manifest()["files"][0] | {"name": name}])


@given(st.lists(st.sampled_from(["site", "licences", "..", ".", "", "a", "C:", "nul", "x.py", " ", "\\"])))
def test_a_name_that_is_taken_stays_inside(parts):
    name = "/".join(parts)
    if is_inside(name):
        for flavour in (PurePosixPath, PureWindowsPath):
            path = flavour(name)
            assert not path.is_absolute()
            assert not path.drive
            assert ".." not in path.parts
            assert path.parts[0] in {"site", "licences"}


@pytest.mark.parametrize("names", [("site/a", "site/a"), ("site/a", "site/A"), ("site/a", "site/a/b")])
def test_two_files_in_one_place_are_refused(names):
    row = made_up.manifest()["files"][0]
    with pytest.raises(PackRefused):
        read(files=[row | {"name": name} for name in names])


def test_more_than_any_pack_takes_is_refused():
    with pytest.raises(PackRefused, match="GB"):
        read(files=[made_up.manifest()["files"][0] | {"bytes": LARGEST + 1}])
