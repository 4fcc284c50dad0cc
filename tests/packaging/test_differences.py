"""Two lists of a frozen program's files: which files are not the same."""

import subprocess
import sys

import pytest

from tests.packaging.parts import PACKAGING, part

differences, freeze = part("differences"), part("freeze")
A, B = "a" * 64, "b" * 64


def listed(*rows):
    return "".join(f"{digest} {size:>10} {place}\n" for digest, size, place in rows)


SAME = listed((A, 7, "undertext"), (B, 12, "_internal/a name with spaces.so"))


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (SAME, []),
        (listed((A, 7, "undertext")), ["only in the first: _internal/a name with spaces.so"]),
        (SAME + listed((A, 1, "more")), ["only in the second: more"]),
        (SAME.replace(A, B), ["not the same: undertext (7 bytes)"]),
        (SAME.replace(f"{A}          7", f"{B}         90"), ["not the same: undertext (7 and 90 bytes)"]),
        ("", ["only in the first: _internal/a name with spaces.so", "only in the first: undertext"]),
    ],
)
def test_every_file_that_is_not_the_same_is_told(second, told):
    assert differences.differences(SAME, second) == told


def test_a_link_that_leads_elsewhere_is_told(tmp_path):
    lists = []
    for target in ("here", "there"):
        (tmp_path / target).mkdir()
        (tmp_path / target / "link").symlink_to(target)
        lists.append(freeze.listed(tmp_path / target))
    assert differences.differences(*lists) == ["only in the first: link -> here", "only in the second: link -> there"]


@pytest.mark.parametrize(("second", "code"), [(SAME, 0), (SAME.replace(A, B), 1)])
def test_the_exit_code_says_whether_they_are_the_same(tmp_path, second, code):
    names = [tmp_path / "one.files.txt", tmp_path / "two.files.txt"]
    for name, text in zip(names, (SAME, second), strict=True):
        name.write_text(text, encoding="utf-8")
    told = subprocess.run([sys.executable, PACKAGING / "differences.py", *names], capture_output=True, check=False)
    assert told.returncode == code
