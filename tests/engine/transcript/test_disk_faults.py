"""Full disks, failing disks, torn writes: captions go on, the person is told once, nothing is lost."""

import errno
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DiskFull, TranscriptError
from engine.transcript.disk import Disk
from engine.transcript.journal import read_lines
from engine.transcript.library import Library
from tests.engine.transcript.said import ID, UNHURRIED, begin, caption, said

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the faults are made with Linux's own means")


class BadDisk(Disk):
    """A disk with a fault at given calls; a sync that fails loses what was not synced, as the kernel may.

    Args:
        faults: Number of the call → an error's number, or "short" for a write that takes half.
    """

    def __init__(self, faults):
        self.faults = dict(faults)
        self.calls = 0
        self.safe = {}

    def _fault(self):
        self.calls += 1
        fault = self.faults.get(self.calls)
        if isinstance(fault, int):
            raise OSError(fault, os.strerror(fault))
        return fault

    def create(self, path):
        self._fault()
        return super().create(path)

    def write(self, fd, line):
        short = self._fault()
        return super().write(fd, line[: max(1, len(line) // 2)] if short else line)

    def sync(self, fd):
        try:
            self._fault()
        except OSError:
            os.ftruncate(fd, self.safe.get(fd, 0))
            raise
        self.safe[fd] = os.fstat(fd).st_size

    def sync_folder(self, folder):
        self._fault()


def texts(folder):
    return [segment.text for segment in Library(Path(folder)).read("last").segments]


def speak(journal, number, told):
    """One caption and one look at the clock; collects what the person is told."""
    for call in (
        lambda: journal.caption(caption(number, said(f"word {number}"))),
        lambda: journal.sync_if_due(number * 100.0),
    ):
        try:
            call()
        except TranscriptError as error:
            told.append(error)


FAULTS = st.sampled_from([errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, "short"])


@UNHURRIED
@given(faults=st.dictionaries(st.integers(4, 40), FAULTS, max_size=20))
def test_no_caption_is_lost_to_any_faults_that_pass(faults):
    with TemporaryDirectory() as folder:
        disk = BadDisk(faults)
        journal, told = begin(Path(folder), disk), []
        for number in range(30):
            speak(journal, number, told)
        disk.faults.clear()
        journal.close()
        assert journal.pending == 0
        assert texts(folder) == [f"word {number}" for number in range(30)]
        assert Library(Path(folder)).sessions()[0].words == 60


@pytest.mark.parametrize("call", range(1, 21))
@pytest.mark.parametrize("fault", [errno.EIO, errno.ENOSPC])
def test_an_error_at_each_of_the_first_calls_loses_nothing(tmp_path, call, fault):
    told = []
    try:
        journal = begin(tmp_path, BadDisk({call: fault}))
    except TranscriptError:
        assert fault == errno.EIO
        assert call <= 3  # no file, no header: the person chooses another folder
        return
    for number in range(8):
        speak(journal, number, told)
    journal.close()
    assert texts(tmp_path) == [f"word {number}" for number in range(8)]
    assert len(told) <= 1


def test_a_failed_sync_is_told_and_never_believed(tmp_path):
    told = []
    journal = begin(tmp_path, BadDisk({6: errno.EIO}))  # create, folder, header, caption, caption, sync
    journal.caption(caption(0, said("one")))
    journal.caption(caption(1, said("two")))
    with pytest.raises(TranscriptError, match="disk failed") as caught:
        journal.sync_if_due(1.0)
    assert "new file" in caught.value.hint
    assert journal.pending == 0
    speak(journal, 2, told)
    assert (tmp_path / f"{ID}.jsonl").stat().st_size == 0  # the kernel dropped all of it
    assert texts(tmp_path) == ["one", "two", "word 2"]
    assert told == []


def test_what_stands_in_two_files_is_read_once(tmp_path):
    class Forgiving(BadDisk):
        def sync(self, fd):
            self._fault()  # it fails, and yet everything arrived

    journal = begin(tmp_path, Forgiving({5: errno.EIO}))
    journal.note("once")
    with pytest.raises(TranscriptError, match="disk failed"):
        journal.sync_if_due(1.0)
    journal.close()
    assert len(list(tmp_path.iterdir())) == 2
    assert [note.text for note in Library(tmp_path).read("last").notes] == ["once"]


def test_a_half_written_line_is_completed_before_the_next(tmp_path):
    disk = BadDisk({4: "short", 5: errno.ENOSPC, 6: errno.ENOSPC})
    journal = begin(tmp_path, disk)
    with pytest.raises(DiskFull):
        journal.caption(caption(0, said("one")))
    journal.caption(caption(1, said("two")))
    assert journal.pending == 2
    journal.caption(caption(2, said("three")))
    assert journal.pending == 0
    assert texts(tmp_path) == ["one", "two", "three"]
    assert len((tmp_path / f"{ID}.jsonl").read_bytes().splitlines()) == 4


def test_a_full_disk_is_told_once_until_all_was_well_between(tmp_path):
    full = dict.fromkeys([4, 5, 6, 9], errno.ENOSPC)
    journal, told = begin(tmp_path, BadDisk(full)), []
    for number in range(3):
        speak(journal, number, told)
    assert [type(error) for error in told] == [DiskFull]
    for number in range(3, 6):
        speak(journal, number, told)
    journal.close()
    assert texts(tmp_path) == [f"word {number}" for number in range(6)]
    assert 1 <= len(told) <= 2


def test_a_disk_that_stays_dead_is_tried_less_and_less_often(tmp_path):
    disk = BadDisk(dict.fromkeys(range(4, 10_000), errno.EIO))
    journal, told = begin(tmp_path, disk), []
    for second in range(3600):
        if second == 0:
            with pytest.raises(TranscriptError):
                journal.caption(caption(0, said("one")))
        try:
            journal.sync_if_due(float(second))
        except TranscriptError as error:
            told.append(error)
    assert told == []
    assert disk.calls < 80
    disk.faults.clear()
    journal.close()
    assert texts(tmp_path) == ["one"]


def test_closing_tells_what_would_be_lost_and_can_be_tried_again(tmp_path):
    disk = BadDisk(dict.fromkeys(range(4, 100), errno.ENOSPC))
    journal = begin(tmp_path, disk)
    with pytest.raises(DiskFull):
        journal.caption(caption(0, said("one")))
    with pytest.raises(DiskFull, match="2 lines"):
        journal.close()
    assert Library(tmp_path).sessions()[0].live
    disk.faults.clear()
    journal.close()
    summary = Library(tmp_path).sessions()[0]
    assert (summary.ended, summary.live, summary.words) == (True, False, 1)


SECTOR = 512


@UNHURRIED
@given(data=st.data(), lines=st.integers(1, 30))
def test_a_power_cut_costs_only_what_was_not_synced(data, lines):
    with TemporaryDirectory() as folder:
        disk = BadDisk({})
        journal, path = begin(Path(folder), disk), Path(folder, f"{ID}.jsonl")
        synced = data.draw(st.integers(0, lines))
        for number in range(lines):
            journal.caption(caption(number, said(f"word {number}")))
            if number + 1 == synced:
                journal.sync_if_due(1.0)
        safe = max(disk.safe.values(), default=0)
        whole = path.read_bytes()
        # The device writes whole sectors, in any order, and the length of the file whenever it likes.
        left = bytearray(whole[:safe].ljust(len(whole), b"\0"))
        for sector in range(safe // SECTOR, len(whole) // SECTOR + 1):
            if data.draw(st.booleans()):
                left[sector * SECTOR : (sector + 1) * SECTOR] = whole[sector * SECTOR : (sector + 1) * SECTOR]
        path.write_bytes(left[: data.draw(st.integers(safe, len(whole)))])
        written = [f"word {number}" for number in range(lines)]
        if synced:
            assert texts(folder)[:synced] == written[:synced]
        found = [record.get("text") for record in read_lines([path])]
        assert set(found) <= {None, *written}


@LINUX
def test_dev_full_keeps_everything_in_memory(tmp_path):
    class FullDevice(Disk):
        def create(self, path):
            path.touch()
            return os.open("/dev/full", os.O_WRONLY)

    journal, told = begin(tmp_path, FullDevice()), []
    for number in range(5):
        speak(journal, number, told)
    assert [type(error) for error in told] == [DiskFull]
    assert journal.pending == 6
    assert "Free some space" in told[0].hint


@contextmanager
def largest_file(size):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@LINUX
def test_a_file_that_may_not_grow_costs_nothing(tmp_path):
    journal, told = begin(tmp_path), []
    with largest_file(1000):
        for number in range(20):
            speak(journal, number, told)
        waiting = journal.pending
    assert waiting > 5
    assert [type(error) for error in told] == [DiskFull]
    journal.sync_if_due(1e6)
    assert journal.pending == 0
    journal.close()
    assert texts(tmp_path) == [f"word {number}" for number in range(20)]


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs the right to mount one")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_fills_up_takes_the_rest_when_space_returns(small_disk):
    journal, told = begin(small_disk), []
    (small_disk / "ballast").write_bytes(bytes(100_000))
    for number in range(400):
        speak(journal, number, told)
    assert journal.pending > 0
    assert [type(error) for error in told] == [DiskFull]
    shown = texts(small_disk)
    assert shown == [f"word {number}" for number in range(len(shown))]
    (small_disk / "ballast").unlink()
    journal.sync_if_due(1e6)
    assert journal.pending == 0
    journal.close()
    assert texts(small_disk) == [f"word {number}" for number in range(400)]
