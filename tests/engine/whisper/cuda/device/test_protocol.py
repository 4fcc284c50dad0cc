"""The device that needs no GPU keeps to the manners of one; and an error of torch becomes one of ours."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import CudaUnavailable, OutOfMemory

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.whisper.cuda.device.host import HostDevice  # noqa: E402
from engine.whisper.cuda.device.protocol import Guard  # noqa: E402
from tests.fake_gpu import fake_gpu  # noqa: E402

EXHAUSTED = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be reported asynchronously"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: not enough memory: you tried to allocate"),
    RuntimeError("Triton Error [CUDA]: out of memory"),
    MemoryError(),
]
FAILED = [
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    torch.AcceleratorError("CUDA error: device-side assert triggered"),
    RuntimeError("CUDA error: unspecified launch failure"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`"),
    RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered"),
    RuntimeError("CUDA driver error: unknown error"),
]


def said(error):
    return str(error)[:40] or type(error).__name__


def every_call(device):
    """What can be asked of a device, each as a function without arguments."""
    tensor = torch.zeros(2)
    return [
        lambda: device.page_locked((2,), torch.float32),
        lambda: device.upload(tensor, tensor.clone()),
        lambda: device.compute().__enter__(),
        device.mark,
        lambda: device.fetch(tensor),
        lambda: device.capture("graph", lambda: None),
        lambda: device.beside("other"),
        device.finish,
    ]


@pytest.mark.parametrize("error", EXHAUSTED, ids=said)
def test_memory_that_ran_out_leaves_the_device_good(error):
    device = HostDevice()
    with pytest.raises(OutOfMemory, match="no memory left") as caught, device.compute():
        raise error
    assert caught.value.__cause__ is error
    assert caught.value.hint
    assert not device.lost
    for call in every_call(device):
        call()


@pytest.mark.parametrize("error", FAILED, ids=said)
def test_a_device_that_failed_refuses_everything_ever_after(error):
    device = HostDevice()
    graph = device.capture("before", lambda: None)
    with pytest.raises(CudaUnavailable, match="failed") as caught, device.compute():
        raise error
    assert caught.value.__cause__ is error
    assert str(error).splitlines()[0] in device.lost
    for call in [*every_call(device), graph.replay]:
        with pytest.raises(CudaUnavailable, match="failed"):
            call()


@pytest.mark.parametrize("error", [RuntimeError("shapes do not match"), ValueError("no"), KeyError("CUDA error")])
def test_an_error_of_the_program_stays_what_it_is(error):
    device = HostDevice()
    with pytest.raises(type(error)), device.compute():
        raise error
    assert not device.lost


def test_memory_that_ran_out_under_a_capture_is_told_from_a_failure():
    guard = Guard("chip")
    with pytest.raises(OutOfMemory), guard():
        try:
            raise torch.OutOfMemoryError("CUDA out of memory")
        finally:
            raise torch.AcceleratorError("CUDA error: operation failed due to a previous error during capture")
    assert not guard.lost


def test_torchs_own_exhaustion_is_translated():
    device = HostDevice()
    with pytest.raises(OutOfMemory), device.compute():
        torch.empty(1 << 58, dtype=torch.uint8)


def test_what_was_fetched_is_not_overwritten():
    device = HostDevice()
    tensor = torch.arange(3)
    pending = device.fetch(tensor, tensor * 2)
    tensor.zero_()
    once, twice = pending.get()
    assert once.tolist() == [0, 1, 2]
    assert twice.tolist() == [0, 2, 4]
    once[:] = 7
    assert tensor.tolist() == [0, 0, 0]


def test_an_upload_carries_what_the_host_wrote():
    device = HostDevice()
    staging = device.page_locked((4,), torch.float32)
    staging.numpy()[:] = np.arange(4)
    target = torch.zeros(6, device=device.place)
    event = device.upload(staging[1:3], target[2:4], device.mark())
    event.wait()
    assert event.done()
    assert target.tolist() == [0, 0, 1, 2, 0, 0]


@pytest.mark.parametrize("target", [torch.zeros(3), torch.zeros(2, dtype=torch.float16), torch.zeros(2, 1)])
def test_an_upload_into_another_shape_or_dtype_is_refused(target):
    device = HostDevice()
    with pytest.raises(ValueError, match=r"float32 \[2\] cannot be uploaded into"):
        device.upload(device.page_locked((2,), torch.float32), target)


@given(st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), max_size=6))
@settings(max_examples=25, deadline=None)
def test_a_graph_gives_what_its_function_gives_and_keeps_its_state(calls):
    device = HostDevice()
    total, given_ = torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.int64)

    def step(x):
        total.add_(x)
        return total * 2, x

    graph = device.capture("step", step, given_)
    outputs = graph.outputs
    expected = np.zeros(3, np.int64)
    for call in calls:
        doubled, same = graph.replay(torch.tensor(call))
        expected += call
        assert doubled.tolist() == (2 * expected).tolist()
        assert same.tolist() == call
        assert (doubled, same) == outputs  # the very tensors, whoever is replayed between


def test_capturing_runs_a_function_once():
    device = HostDevice()
    count = torch.zeros(1)
    graph = device.capture("count", lambda: count.add_(1))
    assert count.item() == 1
    graph.replay()
    assert count.item() == 2


def test_an_output_is_its_graphs_own():
    device = HostDevice()
    state = torch.zeros(1)
    graph = device.capture("count", lambda: state.add_(1))
    (output,) = graph.replay()
    state.fill_(9)
    assert output.item() == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((torch.zeros(2),), r"graph 'add' takes 2 tensors, not 1"),
        ((torch.zeros(2), torch.zeros(3)), r"graph 'add' takes float32 \[2\] as tensor 1, not float32 \[3\]"),
        ((torch.zeros(2).half(), torch.zeros(2)), r"graph 'add' takes float32 \[2\] as tensor 0, not float16 \[2\]"),
    ],
)
def test_a_graph_names_an_argument_that_does_not_fit(arguments, complaint):
    device = HostDevice()
    graph = device.capture("add", lambda a, b: a + b, torch.ones(2), torch.ones(2))
    with pytest.raises(ValueError, match=complaint):
        graph.replay(*arguments)
    assert graph.replay()[0].tolist() == [2, 2]


def test_float16_on_a_gpu_has_the_same_shapes_and_refuses_a_host_tensor():
    with fake_gpu() as device:
        staging = device.page_locked((4, 8), torch.float16)
        target = torch.zeros(4, 8, dtype=device.dtype, device=device.place)
        with device.compute(device.upload(staging, target)):
            graph = device.capture("square", lambda x: x @ x.T, target)
            (square,) = graph.replay(target)
            with pytest.raises(RuntimeError, match="same device"):
                target + staging
    assert staging.device.type == "cpu"
    assert (tuple(square.shape), square.dtype, square.device.type) == ((4, 4), torch.float16, "cuda")
