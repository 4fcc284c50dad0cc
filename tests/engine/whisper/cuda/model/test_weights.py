"""What is read of a folder is what was written into it, by Hugging Face and by CTranslate2's own converter."""

import copy
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.errors import ModelCorrupt  # noqa: E402
from engine.whisper.cuda.model.dims import Dims, shapes  # noqa: E402
from engine.whisper.cuda.model.weights import read_checkpoint  # noqa: E402
from engine.whisper.cuda.model.whisper import Whisper  # noqa: E402
from engine.whisper.model_bin import read_index  # noqa: E402
from engine.whisper.tokenizer import Tokenizer  # noqa: E402
from tests.engine.whisper.cuda.published import POSITIONS, SHAPES, SMALL, checkpoint_of, config, random_model  # noqa: E402
from tests.reference import transformers  # noqa: E402

ctranslate2 = pytest.importorskip("ctranslate2", reason="CTranslate2 is not installed")
from ctranslate2.converters.transformers import WhisperLoader  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

TINY = (80, 64, 1, 1, 40)  # of which every byte can be turned
ALIGNED, SUPPRESSED = [[2, 1], [1, 0]], [1, 2, 7]  # in no order: read by layer
TYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
# ‖Δ‖/‖tensor‖ of the worst tensor; int8 as CTranslate2 rounds it, int16 with its one scale a matrix.
QUANTISED = {"int8": 5e-3, "int8_float32": 5e-3, "int8_float16": 5e-3, "int8_bfloat16": 5e-3, "int16": 1e-3}


@pytest.fixture(scope="module")
def model():
    return random_model(SMALL)


def hugging_face(model, folder, dtype=torch.float32, **kwargs) -> Path:
    """Save a model as Hugging Face's library does."""
    saved = copy.deepcopy(model).to(dtype)
    saved.generation_config.alignment_heads = ALIGNED
    saved.generation_config.suppress_tokens = SUPPRESSED
    saved.save_pretrained(folder, **kwargs)
    return folder


def converted(model, folder, quantization=None) -> Path:
    """Save a model as CTranslate2's converter does; it quantises in place, so that a copy is given to it."""
    spec = WhisperLoader().get_model_spec(copy.deepcopy(model))
    spec.register_vocabulary([str(token) for token in range(model.config.vocab_size)])
    spec.config.alignment_heads = [pair for pair in ALIGNED if pair[0] < model.config.decoder_layers]
    spec.config.suppress_ids, spec.config.suppress_ids_begin, spec.config.lang_ids = SUPPRESSED, [], []
    spec.validate()
    spec.optimize(quantization=quantization)
    folder.mkdir(exist_ok=True)
    spec.save(str(folder))
    return folder


def refusal(folder) -> str:
    """Return the sentence with which a folder is refused."""
    with pytest.raises(ModelCorrupt) as caught:
        read_checkpoint(folder)
    assert "\n" not in str(caught.value)
    assert not str(caught.value).endswith(".")
    assert caught.value.hint
    return str(caught.value)


def worst(found, expected) -> float:
    """Return the largest ‖found − expected‖ / ‖expected‖ of any tensor."""
    pairs = ((found.tensor(name).float(), expected.tensor(name).float()) for name in shapes(expected.dims))
    return max(float((ours - theirs).norm() / theirs.norm()) for ours, theirs in pairs)


@pytest.mark.parametrize("type_name", TYPES)
@pytest.mark.parametrize("parts", [{}, {"max_shard_size": "400KB"}], ids=["one file", "several"])
def test_safetensors_are_read_as_they_were_saved(model, tmp_path, type_name, parts):
    dtype = TYPES[type_name]
    found = read_checkpoint(hugging_face(model, tmp_path, dtype, **parts))
    assert len(list(tmp_path.glob("*.safetensors"))) > 3 or not parts
    assert (found.dims.alignment_heads, found.suppressed) == (((1, 0), (2, 1)), tuple(SUPPRESSED))
    expected = checkpoint_of(model)
    for name, shape in shapes(found.dims).items():
        tensor = found.tensor(name)
        assert (tensor.dtype, tuple(tensor.shape)) == (dtype, shape)
        assert torch.equal(tensor, expected.tensor(name).to(dtype)), name


@pytest.mark.parametrize("type_name", TYPES)
def test_what_ctranslate2_converts_is_read_as_it_was(model, tmp_path, type_name):
    found, expected = read_checkpoint(converted(model, tmp_path, type_name)), checkpoint_of(model)
    assert (found.dims.alignment_heads, found.suppressed) == (((1, 0), (2, 1)), tuple(SUPPRESSED))
    for name in shapes(expected.dims):
        assert torch.equal(found.tensor(name), expected.tensor(name).to(TYPES[type_name])), name


@pytest.mark.parametrize("quantization", QUANTISED)
def test_what_ctranslate2_quantises_is_read_as_near_as_it_can_be(model, tmp_path, quantization):
    found = read_checkpoint(converted(model, tmp_path, quantization))
    assert 0 < worst(found, checkpoint_of(model)) < QUANTISED[quantization]
    dtypes = {found.tensor(name).dtype for name in shapes(found.dims)}
    assert dtypes <= {torch.float32, TYPES.get(quantization.partition("_")[2], torch.float32)}


def test_ctranslate2_encodes_what_ours_does_of_the_same_folder(model, tmp_path):
    folder = converted(model, tmp_path)
    theirs = ctranslate2.models.Whisper(str(folder), compute_type="float32", intra_threads=1)
    mel = np.random.default_rng(0).standard_normal((1, SMALL[0], 2 * POSITIONS), np.float32)
    expected = torch.from_numpy(np.array(theirs.encode(ctranslate2.StorageView.from_array(mel))))
    with torch.inference_mode():
        found = Whisper(read_checkpoint(folder), torch.device("cpu"), torch.float32).encode(torch.from_numpy(mel))
    assert (found - expected).norm() / expected.norm() < 1e-5


@pytest.mark.parametrize("name", SHAPES)
def test_every_published_shape_is_listed_tensor_by_tensor(name):
    mels, width, encoder, decoder, vocabulary = SHAPES[name]
    dims = Dims(mels, vocabulary, width, width // 64, encoder, decoder, 1500, 448, ())
    with torch.device("meta"):
        state = transformers.WhisperModel(config(SHAPES[name], 1500)).state_dict()
    keys_have_no_bias = width * (encoder + 2 * decoder)
    held = sum(value.numel() for value in state.values()) + keys_have_no_bias
    assert sum(int(np.prod(shape)) for shape in shapes(dims).values()) == held


def test_a_model_without_its_last_projection_is_read_alike(model, tmp_path):
    model.model.save_pretrained(tmp_path)
    assert worst(read_checkpoint(tmp_path), checkpoint_of(model)) == 0


def test_without_a_generation_config_nothing_is_suppressed_and_the_upper_heads_align(model, tmp_path):
    hugging_face(model, tmp_path)
    (tmp_path / "generation_config.json").unlink()
    config = json.loads((tmp_path / "config.json").read_text()) | {"suppress_tokens": None}
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = read_checkpoint(tmp_path)
    assert found.suppressed == ()
    assert found.dims.alignment_heads == ((1, 0), (1, 1), (2, 0), (2, 1))


def test_weights_are_read_without_a_tokenizer_whose_absence_is_said_by_itself(model, tmp_path):
    read_checkpoint(hugging_face(model, tmp_path))
    with pytest.raises(ModelCorrupt, match=r"tokenizer\.json"):
        Tokenizer(tmp_path)


def test_other_weights_in_the_folder_are_let_alone(model, tmp_path):
    hugging_face(model, tmp_path)
    (tmp_path / "adapter.safetensors").write_bytes(b"of somebody else")
    assert worst(read_checkpoint(tmp_path), checkpoint_of(model)) == 0


# --- what is refused


def test_an_empty_folder_is_refused(tmp_path):
    assert "config.json" in refusal(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert "no model.bin and no model.safetensors" in refusal(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"a"', "[" * 100_000, "\x00", "{'a': 1}"])
def test_a_config_that_is_none_is_refused(model, tmp_path, text):
    hugging_face(model, tmp_path)
    (tmp_path / "config.json").write_text(text)
    assert "config.json" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"encoder_attention_heads": None}, "heads"),
        ({"encoder_attention_heads": 3}, "heads"),
        ({"encoder_attention_heads": "2"}, "heads"),
        ({"encoder_attention_heads": 2.0}, "heads"),
        ({"alignment_heads": [[3, 0]]}, "outside"),
        ({"alignment_heads": [[0, 2]]}, "outside"),
        ({"alignment_heads": [[0, -1]]}, "numbers"),
        ({"alignment_heads": [[0]]}, "pairs"),
        ({"alignment_heads": {"a": 1}}, "pairs"),
        ({"suppress_tokens": "all"}, "numbers"),
        ({"suppress_tokens": [True]}, "numbers"),
    ],
)
def test_settings_that_do_not_fit_are_refused(model, tmp_path, changed, said):
    hugging_face(model, tmp_path)
    (tmp_path / "generation_config.json").unlink()
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | changed))
    assert said in refusal(tmp_path)


def test_a_config_without_heads_is_refused(model, tmp_path):
    hugging_face(model, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["encoder_attention_heads"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert "encoder_attention_heads" in refusal(tmp_path)


def test_a_missing_part_is_refused(model, tmp_path):
    hugging_face(model, tmp_path, max_shard_size="400KB")
    sorted(tmp_path.glob("*.safetensors"))[1].unlink()
    assert "model-00002" in refusal(tmp_path)


def without(model, folder, names, **replaced):
    """Save a model by hand, without some tensors."""
    hugging_face(model, folder)
    state = {name: value for name, value in model.state_dict().items() if name not in {*names, "proj_out.weight"}}
    save_file(state | replaced, folder / "model.safetensors")


KEPT = sorted(random_model(TINY).state_dict())


@pytest.mark.parametrize("name", [name for name in KEPT if name != "proj_out.weight"])
def test_any_missing_tensor_is_refused(tmp_path, name):
    without(random_model(TINY), tmp_path, [name])
    refusal(tmp_path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_tensor_of_another_shape_or_type_is_refused(tmp_path, data):
    model = random_model(TINY)
    name = data.draw(st.sampled_from([name for name in KEPT if name != "proj_out.weight"]))
    value = model.state_dict()[name]
    axis = data.draw(st.integers(0, value.dim() - 1))
    wrong = data.draw(st.sampled_from(["longer", "shorter", "deeper", "whole numbers"]))
    # A model may know more tokens, and be shown more or less.
    assume(wrong in {"deeper", "whole numbers"} or axis > 0 or "embed" not in name)
    # How many bands it hears is its own affair, too.
    assume(wrong in {"deeper", "whole numbers"} or (name, axis) != ("model.encoder.conv1.weight", 1))
    made = {
        "longer": lambda: torch.cat([value, value.narrow(axis, 0, 1)], axis),
        "shorter": lambda: value.narrow(axis, 0, value.shape[axis] - 1).clone(),
        "deeper": value[None].clone,
        "whole numbers": lambda: value.to(torch.int8),
    }[wrong]()
    without(model, tmp_path, [], **{name: made})
    refusal(tmp_path)


class Whole:
    """A small model in a folder: its weights, and where in their file the index stands."""

    def __init__(self, folder, name):
        (converted if name == "model.bin" else hugging_face)(random_model(TINY), folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        self.path = folder / name
        self.content = self.path.read_bytes()
        self.expected = checkpoint_of(random_model(TINY))

    def index(self):
        """Return the offsets of the bytes that are no weights."""
        if self.path.suffix == ".safetensors":
            return range(8 + int.from_bytes(self.content[:8], "little"))
        outside = np.ones(len(self.content), bool)
        for variable in read_index(io.BytesIO(self.content)).variables:
            outside[variable.offset : variable.offset + variable.bytes] = False
        return np.flatnonzero(outside)

    def damaged(self, content):
        self.path.write_bytes(content)
        return self.path.parent


@pytest.fixture(scope="module", params=["model.bin", "model.safetensors"])
def whole(request, tmp_path_factory):
    return Whole(tmp_path_factory.mktemp("whole"), request.param)


@settings(max_examples=80, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_any_truncation_is_refused(whole, share):
    refusal(whole.damaged(whole.content[: int(share * len(whole.content))]))


@settings(max_examples=300, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_of_the_index_is_refused_or_changes_no_weight(whole, share, bit):
    content, index = bytearray(whole.content), whole.index()
    content[index[int(share * len(index))]] ^= 1 << bit
    try:
        found = read_checkpoint(whole.damaged(content))
    except ModelCorrupt as error:
        assert "\n" not in str(error)
        return
    assert worst(found, whole.expected) == 0


def test_what_is_no_model_at_all_is_refused(model, tmp_path):
    converted(model, tmp_path)
    (tmp_path / "model.bin").write_bytes(b"PK\x03\x04" + bytes(1000))
    refusal(tmp_path)
