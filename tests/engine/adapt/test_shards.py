"""Two processes that share a model train it as one would."""

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from safetensors.torch import load_file  # noqa: E402

from engine.adapt.shards import ALONE  # noqa: E402
from tests.engine.adapt.made_up import apart, tokenizer, trained  # noqa: E402
from tests.engine.adapt.one_of_two import WAYS  # noqa: E402

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Return what two processes have made, each by itself."""
    tokenizer()  # skips where there is none
    folder = tmp_path_factory.mktemp("shards")
    program = [sys.executable, "-m", "tests.engine.adapt.one_of_two"]
    started = [subprocess.Popen([*program, str(rank), str(folder)], cwd=ROOT) for rank in range(2)]
    assert [each.wait(200) for each in started] == [0, 0]
    return [load_file(folder / f"{rank}.safetensors") for rank in range(2)]


@pytest.mark.parametrize("way", WAYS)
def test_two_processes_train_as_one_does(shared, way):
    plain = trained(**WAYS[way])
    assert apart(shared[0][way], plain, **WAYS[way]) < (2e-2 if way == "float16" else 1e-3)  # sums in another order


def test_both_end_with_the_same(shared):
    assert all(torch.equal(shared[0][way], shared[1][way]) for way in shared[0])


def test_a_run_of_two_processes_goes_on_after_a_break(shared):
    assert torch.equal(shared[0]["resumed"], shared[0]["plain"])


def test_what_cannot_be_shared_out_evenly_is_refused():
    with pytest.raises(ValueError, match="3 items cannot be shared by 2"):
        type(ALONE)(0, 2).own([1, 2, 3])
