import hashlib
import json
import os
import stat
import sys
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import PackRefused
from engine.models.disk import exclusive
from engine.pack import keeping
from engine.pack.installed import find
from engine.pack.manifest import NAME
from engine.pack.trial import Trial
from tests.engine.pack import made_up

PASSED = Trial("2.13.0+made.up", "13.0", "3.9.0", "there is no NVIDIA driver")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "home" / "gpu" / "pack"


@pytest.fixture
def archive(tmp_path):
    return made_up.archive(tmp_path / "pack.zip")


def install(archive, folder, trial=lambda _folder: PASSED, **more):
    return keeping.install(archive, folder, trial, lambda *_report: None, **more)


def content(folder):
    """Return what a pack holds, but for its manifest."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != NAME)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def left(folder):
    """Return everything beside a pack."""
    return sorted(path.name for path in folder.parent.glob("*")) if folder.parent.exists() else []


def test_a_pack_is_installed_as_it_is_and_found(archive, folder):
    manifest, trial = install(archive, folder)
    assert trial == PASSED
    assert content(folder) == made_up.FILES
    assert find(folder) == manifest
    assert left(folder) == ["pack", "pack.lock"]


def test_what_is_done_is_told(archive, folder):
    told = []
    keeping.install(
        archive, folder, lambda _folder: PASSED, lambda *report: told.append(report), sha256=sha256(archive)
    )
    total = sum(map(len, made_up.FILES.values()))
    assert [report for report in told if report[0] == "unpacking"][-1] == ("unpacking", total, total)
    assert told[0] == ("checking", archive.stat().st_size, archive.stat().st_size)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights by the person's folder")
def test_only_the_owner_may_read_it_and_programs_run(archive, folder):
    install(archive, folder)
    rights = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    assert rights["torch_shm_manager"] == 0o700
    assert rights["libtorch.so"] == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == rights["torch"] == 0o700


def test_it_is_tried_before_it_stands_in_its_place(archive, folder):
    def trial(fresh):
        assert content(fresh) == made_up.FILES
        assert not folder.exists()
        return PASSED

    install(archive, folder, trial)


def test_a_pack_that_fails_its_trial_changes_nothing(archive, folder, tmp_path):
    def fail(_folder):
        raise PackRefused("the self-test of the GPU pack failed: libcudart.so.13 is missing")

    install(archive, folder)
    newer = made_up.archive(tmp_path / "newer.zip", {**made_up.FILES, "site/new.py": b""})
    with pytest.raises(PackRefused, match="libcudart"):
        install(newer, folder, fail)
    assert content(folder) == made_up.FILES
    assert left(folder) == ["pack", "pack.lock"]


def test_a_newer_pack_leaves_nothing_of_the_one_before(archive, folder, tmp_path):
    install(archive, folder)
    files = {"site/torch/other.py": b"1"}
    install(made_up.archive(tmp_path / "newer.zip", files), folder)
    assert content(folder) == files


def test_a_pack_is_removed_whole_or_damaged(archive, folder):
    install(archive, folder)
    (folder / NAME).unlink()
    assert keeping.remove(folder)
    assert left(folder) == ["pack.lock"]
    assert not keeping.remove(folder)


def test_what_a_killed_installation_left_is_cleared_away(archive, folder):
    (folder.parent / ".pack-abc" / "site").mkdir(parents=True)
    install(archive, folder)
    assert not (folder.parent / ".pack-abc").exists()


def test_two_do_not_change_it_at_once(archive, folder):
    folder.parent.mkdir(parents=True)
    with exclusive(folder.with_name("pack.lock")), pytest.raises(PackRefused, match="another Undertext"):
        install(archive, folder)


def test_a_pack_of_another_program_is_not_unpacked(archive, folder):
    with pytest.raises(PackRefused, match=r"Python 3\.\d+, and this Undertext has 3\.9"):
        install(archive, folder, pytest.fail, program=made_up.program(python="3.9"))
    assert left(folder) == ["pack.lock"]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_checksum_that_is_given_is_compared(archive, folder):
    install(archive, folder, sha256=sha256(archive).upper())
    with pytest.raises(PackRefused, match="has SHA-256"):
        install(archive, folder, sha256="0" * 64)


@pytest.mark.parametrize("mark", [" ", "*"])
def test_the_list_beside_the_archive_is_compared(archive, folder, mark):
    sums = archive.with_name("SHA256SUMS")
    sums.write_text(f"{'0' * 64}  other.zip\n{sha256(archive)} {mark}pack.zip\n")
    install(archive, folder)
    sums.write_text(f"{'0' * 64} {mark}pack.zip\n")
    with pytest.raises(PackRefused, match="has SHA-256"):
        install(archive, folder)
    install(archive, folder, sha256=sha256(archive))


def test_a_list_that_does_not_name_the_archive_says_nothing_of_it(archive, folder):
    archive.with_name("SHA256SUMS").write_text(f"{'0' * 64}  other.zip\nno line of a list\n")
    install(archive, folder)


def test_a_list_that_cannot_be_read_is_told(archive, folder):
    archive.with_name("SHA256SUMS").write_bytes(b"\xff\xfe")
    with pytest.raises(PackRefused, match="SHA256SUMS"):
        install(archive, folder)


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_pack_is_refused(tmp_path, folder, data):
    (tmp_path / "pack.zip").write_bytes(data)
    with pytest.raises(PackRefused) as raised:
        install(tmp_path / "pack.zip", folder)
    assert raised.value.hint
    with pytest.raises(PackRefused, match="no file"):
        install(tmp_path / "nothing.zip", folder)


TRUE = json.dumps(made_up.manifest()).encode()
LONGER = {**made_up.FILES, "licences/torch.txt": b"x" * 100}
CHANGED = {**made_up.FILES, "site/torch/__init__.py": b"__version__ = '2.13.0+harm.ed'\n"}
HOSTILE = {
    "absolute path": {"entries": [(made_up.entry("/etc/passwd"), b"")]},
    "a way out": {"entries": [(made_up.entry("site/../../x"), b"")]},
    "a way out on Windows": {"entries": [(made_up.entry("site\\..\\..\\x"), b"")]},
    "a link": {"entries": [(made_up.entry("site/link", stat.S_IFLNK | 0o777), b"/etc/passwd")]},
    "a device": {"entries": [(made_up.entry("site/null", stat.S_IFCHR | 0o666), b"")]},
    "a folder": {"entries": [(made_up.entry("site/folder/", stat.S_IFDIR | 0o777), b"")]},
    "a file that is not named": {"entries": [(made_up.entry("site/more.py"), b"")]},
    "a file fewer": {"files": {"licences/torch.txt": b""}, "said": TRUE},
    "a longer file": {"files": LONGER, "said": TRUE},
    "other bytes": {"files": CHANGED, "said": TRUE},
    "no manifest": {"said": b""},
    "a manifest of nonsense": {"said": b"[]"},
    "a manifest that is too long": {"said": TRUE + b" " * (1 << 25)},
    "a named link": {
        "files": {},
        "said": json.dumps(made_up.manifest({"site/link": b"/etc"})).encode(),
        "entries": [(made_up.entry("site/link", stat.S_IFLNK | 0o777), b"/etc")],
    },
    "another compression": {
        "files": {},
        "said": json.dumps(made_up.manifest({"site/a": b"a"})).encode(),
        "entries": [(made_up.entry("site/a", compress_type=zipfile.ZIP_LZMA), b"a")],
    },
}


@pytest.mark.parametrize("case", HOSTILE)
def test_an_archive_that_would_harm_is_refused_and_leaves_nothing(case, tmp_path, folder):
    made = made_up.archive(tmp_path / "pack.zip", **HOSTILE[case])
    with pytest.raises(PackRefused) as raised:
        install(made, folder, pytest.fail)
    assert raised.value.hint
    assert left(folder) == ["pack.lock"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "pack.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused(tmp_path, folder):
    made = made_up.archive(tmp_path / "pack.zip", entries=[(made_up.entry("licences/torch.txt"), b"other")])
    with pytest.raises(PackRefused, match="two files of one name"):
        install(made, folder, pytest.fail)


def test_an_encrypted_archive_is_refused(archive, folder):
    data = bytearray(archive.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    with pytest.raises(PackRefused):
        install(archive, folder, pytest.fail)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_damaged_archive_is_refused_or_gives_every_byte(data, tmp_path, tmp_path_factory):
    whole = bytearray(made_up.archive(tmp_path / "pack.zip").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    made = tmp_path / "damaged.zip"
    made.write_bytes(whole[: data.draw(st.integers(0, len(whole)) | st.just(len(whole)))])
    folder = tmp_path_factory.mktemp("home") / "pack"
    try:
        install(made, folder)
    except PackRefused:
        assert not folder.exists()
    else:
        assert content(folder) == made_up.FILES


@pytest.mark.skipif(sys.platform == "win32", reason="the fault is made with POSIX's own means")
def test_a_full_disk_leaves_nothing(tmp_path, folder):
    import resource

    made = made_up.archive(tmp_path / "pack.zip", {**made_up.FILES, "site/large": bytes(1 << 22)})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 21, before[1]))
    try:
        with pytest.raises(PackRefused, match="cannot be changed") as raised:
            install(made, folder, pytest.fail)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "free space" in raised.value.hint
    assert left(folder) == ["pack.lock"]


def test_ctrl_c_leaves_nothing(archive, folder):
    def interrupt(*_report):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keeping.install(archive, folder, pytest.fail, interrupt)
    assert left(folder) == ["pack.lock"]


def test_a_check_hashes_every_file_and_tries_again(archive, folder):
    install(archive, folder)
    assert keeping.check(folder, lambda _folder: PASSED, lambda *_report: None) == PASSED
    library = folder / "site" / "torch" / "lib" / "libtorch.so"
    library.write_bytes(bytes(library.stat().st_size))
    assert find(folder), "a change of no size is for a check to find"
    with pytest.raises(PackRefused, match=r"libtorch\.so has changed"):
        keeping.check(folder, pytest.fail, lambda *_report: None)
    keeping.remove(folder)
    with pytest.raises(PackRefused, match="there is no GPU pack"):
        keeping.check(folder, pytest.fail, lambda *_report: None)
