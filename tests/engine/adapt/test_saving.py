import errno
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.adapt.saving import refuse_foreign, save, write_float16
from engine.errors import SettingsError
from engine.models.checks import Trust
from engine.models.installed import NOTE, installed
from engine.whisper.model_bin import DTYPES, read_index
from engine.whisper.recognizer import Context
from tests.engine.models import made_up

NOTED = {"adapted_from": {"model": "made-up"}}
TRAINED = {name: value.astype(np.float32) + 1 for name, value in made_up.variables().items() if "ffn" in name}


def arrays(content):
    """Return the variables of a model by name."""
    file = io.BytesIO(content)
    return {
        each.name: np.frombuffer(
            content, DTYPES[each.type_id], offset=each.offset, count=int(np.prod(each.shape))
        ).reshape(each.shape)
        for each in read_index(file).variables
    }


@pytest.fixture
def original(tmp_path):
    return made_up.write(tmp_path / "original", made_up.files())


def made(original, target):
    save(
        original,
        TRAINED,
        target,
        NOTED,
        describe=lambda folder: f"Measured in {folder.name[:1]}: {len(list(folder.iterdir()))}",
    )


class TestWeights:
    @given(share=st.floats(0, 1))
    def test_what_was_trained_is_averaged_with_the_original_and_the_rest_stays(self, share):
        before, out = made_up.variables(), io.BytesIO()
        write_float16(io.BytesIO(made_up.weights(before)), TRAINED, out, share)
        after = arrays(out.getvalue())
        assert list(after) == list(before)
        for name, old in before.items():
            wanted = old + share if name in TRAINED else old
            assert after[name].dtype == old.dtype
            np.testing.assert_allclose(after[name].astype(np.float32), wanted.astype(np.float32), atol=4e-3)

    def test_aliases_and_settings_stay(self):
        source, out = made_up.weights(made_up.variables()), io.BytesIO()
        write_float16(io.BytesIO(source), {}, out)
        assert out.getvalue() == source

    def test_float32_becomes_float16(self):
        wide = {name: value.astype(np.float32) if value.ndim else value for name, value in made_up.variables().items()}
        out = io.BytesIO()
        write_float16(io.BytesIO(made_up.weights(wide)), {}, out)
        assert out.getvalue() == made_up.weights(made_up.variables())

    @pytest.mark.parametrize(
        "weights", [{"decoder/other": np.zeros(3, np.float32)}, {"decoder/layer_norm/gamma": np.zeros(3, np.float32)}]
    )
    def test_weights_of_another_model_are_refused(self, weights):
        with pytest.raises(ValueError, match="the original has no decoder"):
            write_float16(io.BytesIO(made_up.weights(made_up.variables())), weights, io.BytesIO())


class TestFolder:
    def test_what_is_left_is_two_models_made_for_short_windows(self, original, tmp_path):
        target = tmp_path / "out" / "mine"
        made(original, target)
        for folder in (target, target / "float16"):
            assert installed(folder, None, Trust.UNKNOWN, "").context is Context.SHORT
            assert (folder / "vocabulary.txt").read_bytes() == made_up.files()["vocabulary.txt"]
        assert (target / "README.md").read_text().startswith("Measured in .")
        sizes = [(folder / "model.bin").stat().st_size for folder in (target, target / "float16")]
        assert sizes[0] < sizes[1]
        assert [path.name for path in target.parent.iterdir()] == ["mine"]

    def test_a_former_one_is_replaced(self, original, tmp_path):
        made(original, tmp_path / "mine")
        (tmp_path / "mine" / "old").touch()
        refuse_foreign(tmp_path / "mine")
        made(original, tmp_path / "mine")
        assert not (tmp_path / "mine" / "old").exists()

    def test_what_a_killed_process_left_is_swept_and_nothing_else(self, original, tmp_path):
        for name, note in ((".mine-a1b2", json.dumps(NOTED)), (".mine-other", "{}")):
            (tmp_path / name).mkdir()
            (tmp_path / name / NOTE).write_text(note)
        made(original, tmp_path / "mine")
        assert sorted(path.name for path in tmp_path.iterdir()) == [".mine-other", "mine", "original"]

    def test_what_breaks_leaves_nothing_and_the_former_one_as_it_was(self, original, tmp_path):
        made(original, tmp_path / "mine")
        before = (tmp_path / "mine" / "model.bin").stat().st_mtime_ns

        def full(_folder):
            raise OSError(errno.ENOSPC, "No space left on device")

        with pytest.raises(OSError, match="No space"):
            save(original, {}, tmp_path / "mine", NOTED, describe=full)
        assert (tmp_path / "mine" / "model.bin").stat().st_mtime_ns == before
        assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "original"]

    @pytest.mark.parametrize("name", ["new", "empty"])
    def test_a_new_folder_may_be_written(self, tmp_path, name):
        (tmp_path / "empty").mkdir()
        refuse_foreign(tmp_path / name)

    @pytest.mark.parametrize("content", ["{", "[]", json.dumps({"context": "short"})])
    def test_a_folder_of_somebody_elses_is_refused(self, tmp_path, content):
        (tmp_path / NOTE).write_text(content)
        with pytest.raises(SettingsError, match="something else"):
            refuse_foreign(tmp_path)

    def test_a_file_is_refused(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(SettingsError, match="no folder"):
            refuse_foreign(tmp_path / "file")
        with pytest.raises(SettingsError, match="cannot be written"):
            refuse_foreign(tmp_path / "file" / "inside")
