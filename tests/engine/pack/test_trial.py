"""A pack tried by a child: what it tells, and how it fails. The torch of these packs is a file or two."""

import sys
from pathlib import Path

import pytest

from engine.errors import PackRefused
from engine.pack.trial import ARGUMENT, Trial, tried

ROOT = Path(__file__).parents[3]
# Without the packages of this environment: only what is in the pack can be imported.
CHILD = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from engine.pack import trial
raise SystemExit(trial.main(sys.argv[1]))
"""
ALONE = (sys.executable, "-S", "-c", CHILD)


@pytest.fixture
def pack(tmp_path):
    """Return what writes a pack whose torch is a line of Python."""

    def written(torch):
        for name, code in (("numpy", ""), ("torch", torch)):
            (tmp_path / "site" / name).mkdir(parents=True)
            (tmp_path / "site" / name / "__init__.py").write_text(code)
        return tmp_path

    return written


@pytest.mark.parametrize(
    ("torch", "reason"),
    [
        ("raise ImportError('libcudart.so.13: cannot open shared object file')", "ImportError: libcudart.so.13"),
        ("import a_module_that_nobody_has", "No module named 'a_module_that_nobody_has'"),
        ("import os; os.abort()", "it ended with"),
        ("raise SystemExit(3)", "it ended with 3"),
        ("import os; os._exit(0)", "it told nothing"),
        ("raise ValueError('a\\n\\nb.\\n')", "b"),
    ],
)
def test_a_pack_that_fails_is_refused_with_the_reason(pack, torch, reason):
    with pytest.raises(PackRefused) as raised:
        tried(pack(torch), ALONE)
    assert str(raised.value).startswith("the self-test of the GPU pack failed: ")
    assert reason in str(raised.value)
    assert "on the processor" in raised.value.hint


def test_a_pack_that_never_ends_is_given_up(pack):
    with pytest.raises(PackRefused, match="did not end"):
        tried(pack("while True: pass"), ALONE, patience_s=1.0)


@pytest.mark.parametrize("said", ["", "no JSON", "[]", "{}", '{"torch": 1, "more": 2}'])
def test_a_child_that_tells_something_else_is_refused(tmp_path, said):
    with pytest.raises(PackRefused, match="told nothing"):
        tried(tmp_path, (sys.executable, "-S", "-c", f"print({said!r})"))


def test_what_cannot_be_started_is_told(tmp_path):
    with pytest.raises(PackRefused, match="did not start"):
        tried(tmp_path, (str(tmp_path / "nothing"),))


def test_the_loaders_own_words_are_no_reason(tmp_path):
    code = "import sys; sys.exit('OSError: a library is missing\\n[PYI-7:ERROR] Failed to execute script')"
    with pytest.raises(PackRefused, match=r"failed: OSError: a library is missing$"):
        tried(tmp_path, (sys.executable, "-S", "-c", code))


def test_a_torch_that_computes_passes(tmp_path):
    """With the torch of this environment: a pack stands behind everything else."""
    torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")
    told = tried(tmp_path, (sys.executable, str(ROOT / "main.py"), ARGUMENT))
    assert isinstance(told, Trial)
    assert told.torch == torch.__version__
    assert told.cuda == (torch.version.cuda or "")
    if not told.cuda:
        assert told.problem == "this PyTorch was built without CUDA"
