import json
import sys

import pytest

from engine.errors import PackRefused
from engine.installing import mend
from engine.pack import keeping
from engine.pack.installed import Pack, bring, find
from engine.pack.manifest import NAME
from engine.pack.trial import Trial
from engine.whisper.driver import Card, Driver
from engine.whisper.graphics_card import find_gpu
from engine.whisper.ladder import Lost
from tests.engine.pack import made_up

L4 = Driver("550.54.14", "12.4", (Card("NVIDIA L4", 24 << 30, (8, 9)),))


@pytest.fixture(autouse=True)
def path(monkeypatch):
    """Let the test change where Python looks."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    return sys.path


@pytest.fixture
def frozen(monkeypatch):
    """Be a packaged program, as far as Python tells."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)


@pytest.fixture
def folder(tmp_path):
    made = made_up.archive(tmp_path / "pack.zip")
    keeping.install(made, tmp_path / "gpu" / "pack", lambda _folder: Trial("", "", "", ""), lambda *_report: None)
    return tmp_path / "gpu" / "pack"


def shorten(folder):
    (folder / "site" / "torch" / "lib" / "libtorch.so").write_bytes(b"short")


def lose_a_file(folder):
    (folder / "licences" / "torch.txt").unlink()


def lose_the_manifest(folder):
    (folder / NAME).unlink()


def tear_the_manifest(folder):
    (folder / NAME).write_bytes((folder / NAME).read_bytes()[:-1])


def put_a_file_for_a_folder(folder):
    for path in sorted((folder / "site").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (folder / "site").rmdir()
    (folder / "site").touch()


DAMAGE = [shorten, lose_a_file, lose_the_manifest, tear_the_manifest, put_a_file_for_a_folder]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_damaged_pack_is_not_used_and_the_obstacle_says_so(folder, damage, path):
    damage(folder)
    with pytest.raises(PackRefused, match="damaged"):
        find(folder)
    before = list(path)
    obstacle = find_gpu(L4, Lost(), lying_in(folder))
    assert "damaged" in obstacle.sentence
    assert "undertext gpu install" in obstacle.mend
    assert path == before


def lying_in(folder):
    pack = Pack()
    pack.lies_in(lambda: folder)
    return pack


@pytest.mark.parametrize("other", [{"python": "3.9"}, {"torch": "2.9.0"}, {"processor": "riscv64"}])
def test_a_pack_of_another_undertext_is_not_used_and_the_obstacle_says_how_to_mend_it(tmp_path, other, path):
    """As after an upgrade of Undertext to another Python or torch."""
    program = made_up.program(**other)
    folder = tmp_path / "pack"
    (folder / "site").mkdir(parents=True)
    (folder / NAME).write_text(json.dumps(made_up.manifest({}, program)))
    before = list(path)
    obstacle = find_gpu(L4, Lost(), lying_in(folder))
    assert next(iter(other.values())) in obstacle.sentence
    assert obstacle.mend == "Get the GPU pack that was published with this version of Undertext."
    assert path == before
    assert find(folder, program)


def test_without_a_pack_nothing_changes(tmp_path, path):
    before = list(path)
    lying_in(tmp_path / "nothing").bring()
    Pack().bring()
    assert find(tmp_path / "nothing") is None
    assert path == before


def test_python_looks_into_a_pack_behind_everything_else_and_once(folder, path):
    before = list(path)
    pack = lying_in(folder)
    pack.bring()
    pack.bring()
    assert path == [*before, str(folder / "site")]


def test_a_pack_is_not_looked_at_where_there_is_no_card():
    pack = Pack()
    pack.lies_in(lambda: pytest.fail("it was looked at"))
    assert find_gpu(None, Lost(), pack).sentence == "there is no NVIDIA driver"


def test_a_packaged_program_without_torch_is_told_of_the_pack(frozen, monkeypatch, path):
    monkeypatch.setattr(sys, "path", [])
    for name in [name for name in sys.modules if name.partition(".")[0] in {"torch", "safetensors"}]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(
        sys, "meta_path", [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
    )
    obstacle = find_gpu(L4, Lost(), Pack())
    assert obstacle.sentence == "torch and safetensors is not installed"
    assert "undertext gpu install FILE" in obstacle.mend


def test_what_is_in_a_pack_can_be_imported(tmp_path, path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "only_in_a_pack.py").write_text("HERE = 1")
    bring(tmp_path)
    import only_in_a_pack

    assert only_in_a_pack.HERE


def test_adapting_and_clusters_still_want_the_source(frozen):
    assert "from its source" in mend("gpu", "gpu")
    assert "from its source" in mend("cluster", "cluster")
