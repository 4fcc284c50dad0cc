import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.adapt.state import State, Work  # noqa: E402
from engine.errors import AdaptationError  # noqa: E402

ROOT = Path(__file__).parents[3]
WHO = {"model": "ab12", "seed": 1, "batch": 8}


def state(step, size=1000):
    return State(step, 60.0 * step, {"w": torch.full((size,), float(step))}, {"scale": 2.0**step})


@pytest.fixture
def work(tmp_path):
    """A folder that is held, with a state in it."""
    found = Work(tmp_path / "work", WHO)
    with found.held():
        found.keep(state(3))
        yield found


def tensors_of(work):
    return sorted(path.name for path in work.folder.glob("*.safetensors"))


def test_what_is_kept_comes_back(work):
    found = Work(work.folder, WHO).load()
    assert (found.step, found.spent_s, found.numbers) == (3, 180.0, {"scale": 8.0})
    assert torch.equal(found.tensors["w"], torch.full((1000,), 3.0))


def test_there_is_none_before_the_first(tmp_path):
    assert Work(tmp_path / "none", WHO).load() is None


def test_only_the_last_one_stays(work):
    work.keep(state(4))
    assert work.load().step == 4
    assert tensors_of(work) == ["000004.safetensors"]
    work.clear()
    assert work.load() is None
    assert tensors_of(work) == []


def test_other_files_in_the_folder_are_left_alone(work):
    (work.folder / "mine.safetensors").touch()
    work.keep(state(4))
    work.clear()
    assert (work.folder / "mine.safetensors").exists()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"identity": {}}'])
def test_a_damaged_note_is_told_and_not_used(work, damage):
    (work.folder / "state.json").write_bytes(damage)
    with pytest.raises(AdaptationError, match="damaged") as caught:
        work.load()
    assert "Delete" in caught.value.hint


@pytest.mark.parametrize("tear", [lambda path: path.unlink(), lambda path: os.truncate(path, 100)])
def test_torn_tensors_are_told_and_not_used(work, tear):
    tear(work.folder / "000003.safetensors")
    with pytest.raises(AdaptationError, match="damaged"):
        work.load()


@pytest.mark.parametrize("other", [{"seed": 2}, {"model": "cd"}, {"batch": 4, "lora": 8}])
def test_a_state_of_another_adaptation_is_told_and_names_what_differs(work, other):
    with pytest.raises(AdaptationError, match=" and ".join(sorted(other))):
        Work(work.folder, WHO | other).load()


def test_a_full_disk_leaves_the_last_one(work):
    # A limit on the size of files stands for a disk that is full: the write fails half-way.
    code = f"""
import resource, signal, sys
sys.path.insert(0, {str(ROOT)!r})
from tests.engine.adapt.test_state import State, Work, WHO, Path, state
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    Work(Path({str(work.folder)!r}), WHO).keep(state(9, size=100_000))
except OSError as error:
    print("told:", error)
"""
    assert resource  # POSIX only, as the limit is
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert "told:" in found.stdout, found.stderr
    assert work.load().step == 3
    assert tensors_of(work) == ["000003.safetensors"]
    assert not list(work.folder.glob("*.part"))


def test_a_process_that_ends_at_any_moment_leaves_a_whole_state(work):
    # Whatever opens, renames or removes something there is, in turn, the last thing that a process does.
    code = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from tests.engine.adapt.test_state import Work, WHO, Path, state
work = Work(Path({str(work.folder)!r}), WHO)
def keep_and_end(left):
    def end(event, args):
        nonlocal left
        if event in {{"open", "os.rename", "os.remove"}} and str(work.folder) in str(args[0]):
            left -= 1
            if left < 0:
                os._exit(9)
    sys.addaudithook(end)
    work.keep(state(5))
    os._exit(0)
for calls in range(20):
    child = os.fork() or keep_and_end(calls)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(ended, work.load().step)
    if not ended:
        break
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    rows = [tuple(map(int, line.split())) for line in found.stdout.splitlines()]
    assert [ended for ended, _ in rows] == [9] * (len(rows) - 1) + [0], found.stderr
    steps = [step for _, step in rows]
    assert steps == sorted(steps)
    assert set(steps) == {3, 5}


def test_two_do_not_work_in_one_folder(work):
    with pytest.raises(AdaptationError, match="another process"), Work(work.folder, WHO).held():
        pass


def test_a_folder_that_cannot_be_made_is_an_error_with_a_mend(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AdaptationError, match="cannot be used"), Work(tmp_path / "file" / "in", WHO).held():
        pass


def test_the_identity_is_what_json_makes_of_it(work):
    assert json.loads((work.folder / "state.json").read_text())["identity"] == WHO
    same = Work(work.folder, dict(reversed(WHO.items())))
    assert same.load().step == 3
