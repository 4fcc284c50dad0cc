"""The model on a GPU that is not there: everything on one device, in one dtype, through a fused kernel of attention."""

from dataclasses import dataclass

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from torch.overrides import TorchFunctionMode  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from engine.whisper.cuda.model.dims import HEAD, Dims, Precision, shapes  # noqa: E402
from engine.whisper.cuda.model.precision import precise  # noqa: E402
from engine.whisper.cuda.model.weights import Checkpoint  # noqa: E402
from engine.whisper.cuda.model.whisper import Whisper, _attended  # noqa: E402
from tests.fake_gpu import fake_gpu  # noqa: E402

GPU = torch.device("cuda")
DIMS = Dims(80, 51865, 384, 6, 2, 3, 1500, 448, ((1, 0), (2, 5)))
TURBO = Dims(128, 51866, 1280, 20, 2, 2, 1500, 448, ((1, 0), (1, 5)))
K, BEAMS = 2, 5
CAPABILITIES = (75, 80, 86, 89, 90, 120)  # T4, A100, RTX 30, RTX 40, H100, RTX 50


def model_of(dims, device, dtype, precision=Precision.FLOAT16):
    sizes = shapes(dims)
    checkpoint = Checkpoint(dims, (), lambda name: torch.zeros(sizes[name]))
    return Whisper(checkpoint, device, dtype, precise=precise(precision))


def numbers(device, *values):
    return torch.tensor(values, device=device)


class Run:
    """Encodes, reads a prompt of 4 tokens and takes a step, for `K` windows of `BEAMS` rows."""

    def __init__(self, dims, device, dtype, positions=1500, precision=Precision.FLOAT16):
        model = model_of(dims, device, dtype, precision)
        self.states = model.encode(torch.zeros(K, dims.mels, 2 * positions, dtype=dtype, device=device))
        self.cache, self.memory = model.cache(K * BEAMS), model.memory(K, positions)
        model.remember(self.states, self.memory)
        prompt, places = numbers(device, *[[1, 2, 3, 4]] * K), numbers(device, *[4] * K * BEAMS)
        self.read, self.read_attention = model.read(
            prompt, numbers(device, *[0] * K), self.cache, self.memory, beams=BEAMS, watch=True
        )
        rows = torch.zeros(K * BEAMS, dims.tokens, dtype=torch.int32, device=device)
        self.step, self.step_attention = model.step(places, places, self.cache, self.memory, rows=rows, watch=True)
        self.logits = model.logits(self.step)


@pytest.mark.parametrize("dims", [DIMS, TURBO], ids=["tiny", "turbo"])
@pytest.mark.parametrize(
    ("dtype", "precision", "capability"),
    [
        (torch.float16, Precision.FLOAT16, (8, 6)),
        (torch.bfloat16, Precision.FLOAT16, (8, 6)),
        (torch.float16, Precision.INT8, (7, 5)),
        (torch.float16, Precision.FP8, (8, 9)),
        (torch.float16, Precision.FP8, (8, 6)),
    ],
    ids=str,
)
def test_every_result_has_its_shape_and_dtype_and_is_on_the_gpu(monkeypatch, dims, dtype, precision, capability):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device=None: capability)
    with fake_gpu(), torch.no_grad():
        run = Run(dims, GPU, dtype, precision=precision)
    kept = (dims.decoder_layers, K * BEAMS, dims.heads, 448, HEAD)
    heard = (dims.decoder_layers, K, dims.heads, 1500, HEAD)
    expected = {
        "states": ((K, 1500, dims.width), dtype),
        "read": ((K, 4, dims.width), dtype),
        "read_attention": ((K, 2, 4, 1500), torch.float32),
        "step": ((K * BEAMS, dims.width), dtype),
        "step_attention": ((K * BEAMS, 2, 1500), torch.float32),
        "logits": ((K * BEAMS, dims.vocabulary), torch.float32),
    }
    for name, (shape, kind) in expected.items():
        found = getattr(run, name)
        assert (tuple(found.shape), found.dtype, found.device.type) == (shape, kind, "cuda"), name
    for found, shape in ((run.cache, kept), (run.memory, heard)):
        for tensor in (found.keys, found.values):
            assert (tuple(tensor.shape), tensor.dtype, tensor.device.type) == (shape, dtype, "cuda")


@pytest.mark.parametrize("stray", ["mel", "tokens", "places", "rows"])
def test_a_tensor_in_main_memory_is_no_tensor_on_the_gpu(stray):
    def where(name):
        return torch.device("cpu") if name == stray else GPU

    with fake_gpu(), torch.no_grad(), pytest.raises(RuntimeError, match="device"):
        model = model_of(DIMS, GPU, torch.float16)
        states = model.encode(torch.zeros(1, 80, 3000, dtype=torch.float16, device=where("mel")))
        cache, memory = model.cache(2), model.memory(1, 1500)
        model.remember(states, memory)
        model.read(numbers(where("tokens"), [1, 2]), numbers(GPU, 0), cache, memory, beams=2)
        rows = torch.zeros(2, 448, dtype=torch.int32, device=where("rows"))
        places = numbers(where("places"), 2, 2)
        model.step(numbers(GPU, 1, 2), places, cache, memory, rows=rows)


# --- which kernel of attention


@dataclass
class Call:
    """A call of attention: its tensors, and whether the math kernel was allowed."""

    query: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor
    mask: torch.Tensor | None
    math: bool


class Calls(TorchFunctionMode):
    """Notes every call of attention."""

    def __init__(self):
        super().__init__()
        self.noted = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.nn.functional.scaled_dot_product_attention:
            self.noted.append(Call(*args, (kwargs or {}).get("attn_mask"), torch.backends.cuda.math_sdp_enabled()))
        return function(*args, **(kwargs or {}))


def flash_takes(call: Call, capability: int) -> bool:
    """torch's rule (ATen/native/transformers/cuda/sdp_utils.cpp, `can_use_flash_attention`)."""
    return capability >= 80 and call.mask is None and _dense(call) and call.query.dtype != torch.float32


def efficient_takes(call: Call, capability: int) -> bool:
    """torch's rule (the same file, `can_use_mem_efficient_attention`)."""
    fine = call.query.dtype != torch.bfloat16 or capability >= 80
    return fine and _dense(call) and (call.mask is None or call.mask.stride(-1) == 1)


def _dense(call: Call) -> bool:
    tensors = (call.query, call.keys, call.values)
    return (
        all(tensor.dim() == 4 and tensor.shape[-1] == HEAD and tensor.stride(-1) == 1 for tensor in tensors)
        and len({tensor.shape[:2] for tensor in tensors}) == 1
        and all(tensor.shape[2] for tensor in tensors)
    )


def calls(dims, dtype, positions):
    with fake_gpu(), torch.no_grad(), Calls() as found:
        Run(dims, GPU, dtype, positions)
    encoder, decoder = found.noted[: dims.encoder_layers], found.noted[dims.encoder_layers :]
    assert len(decoder) == 2 * dims.decoder_layers
    return encoder, decoder


@pytest.mark.parametrize("positions", [1500, 1499, 750, 300, 13])
@pytest.mark.parametrize("dims", [DIMS, TURBO], ids=["tiny", "turbo"])
def test_the_math_kernel_is_never_allowed_and_by_torchs_rules_never_needed(dims, positions):
    encoder, decoder = calls(dims, torch.float16, positions)
    assert not any(call.math for call in encoder + decoder)
    for capability in CAPABILITIES:
        assert all(flash_takes(call, capability) == (capability >= 80) for call in encoder)
        assert all(efficient_takes(call, capability) for call in encoder + decoder)


@pytest.mark.parametrize("positions", [1500, 1499, 13])
def test_a_mask_needs_no_copy_because_its_rows_are_aligned(positions):
    """The efficient kernel wants rows at multiples of 8 elements, and torch pads what is not (`preprocess_mask`)."""
    _, decoder = calls(DIMS, torch.float16, positions)
    for call in decoder:
        assert call.mask.dtype == call.query.dtype  # it would make one of a bool in every layer
        assert not any(stride % 8 for stride in call.mask.stride()[:-1])
        assert not call.mask.storage_offset() % 8


class Kernels(TorchDispatchMode):
    """Notes the names of the operations that run."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.append(function.name())
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_on_the_processor_every_attention_of_encoder_and_prompt_is_flash(dtype):
    with torch.no_grad(), Kernels() as kernels:
        Run(DIMS, torch.device("cpu"), dtype, 40)
    flash = [name for name in kernels.names if "flash_attention" in name]
    assert len(flash) == DIMS.encoder_layers + 2 * DIMS.decoder_layers
    assert not any("attention_math" in name for name in kernels.names)


@pytest.mark.filterwarnings("ignore")  # torch says why no kernel would do
def test_what_only_the_math_kernel_could_do_raises():
    some = torch.randn(1, 2, 5, HEAD)
    learned = torch.zeros(1, 1, 5, 5, requires_grad=True)  # flash has no gradient of a mask
    with pytest.raises(RuntimeError, match="No available kernel"):
        _attended(some, some, some, learned)
