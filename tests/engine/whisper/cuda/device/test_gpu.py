"""What a GPU does with the calls that the host and the recording device prove right: the same."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.errors import CudaUnavailable, OutOfMemory  # noqa: E402
from engine.records import Window  # noqa: E402
from engine.whisper.cuda.device.gpu import CudaDevice  # noqa: E402
from engine.whisper.cuda.device.host import HostDevice  # noqa: E402
from engine.whisper.cuda.device.presence import cuda_problem  # noqa: E402
from engine.whisper.cuda.sound.way import Sound  # noqa: E402

needs_gpu = pytest.mark.skipif(bool(cuda_problem()), reason=cuda_problem() or "there is a GPU")
SOUND = np.random.default_rng(0).normal(0, 0.1, 40_000).astype(np.float32)


@pytest.mark.skipif(not cuda_problem(), reason="there is a GPU")
def test_without_a_gpu_there_is_no_device():
    with pytest.raises(CudaUnavailable) as caught:
        CudaDevice()
    assert str(caught.value) == cuda_problem()
    assert caught.value.hint


@pytest.fixture(scope="module")
def gpu():
    return CudaDevice(dtype=torch.float32)


@pytest.mark.cuda
@needs_gpu
def test_sound_is_heard_as_on_the_processor(gpu):
    devices = [Sound(device, 80, 20_000) for device in (gpu, HostDevice())]
    for n in range(20):
        start, stop = 320 * (n // 2), 4000 + 1500 * n
        window = Window(SOUND[max(start, stop - 16_000) : stop], max(start, stop - 16_000))
        found, expected = (
            device.fetch(sound.hear(window, 50)).get()[0]
            for device, sound in zip((gpu, HostDevice()), devices, strict=True)
        )
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=3e-4)


@pytest.mark.cuda
@needs_gpu
def test_graphs_that_share_memory_may_be_replayed_in_any_order(gpu):
    with gpu.compute():
        x = torch.arange(4.0, device=gpu.place)
        total = torch.zeros(4, device=gpu.place)
    graphs = [gpu.capture(f"times {n}", lambda given, n=n: (given * n, total.add_(given)), x) for n in range(1, 5)]
    with gpu.compute():
        total.zero_()
    order = (2, 0, 3, 1, 1)
    outputs = [graphs[n].replay()[0] for n in order]
    results = gpu.fetch(*outputs, total).get()
    for n, result in zip(order, results, strict=False):
        assert result.tolist() == [(n + 1) * value for value in range(4)]
    assert results[-1].tolist() == [5.0 * value for value in range(4)]


@pytest.mark.cuda
@needs_gpu
def test_graphs_of_two_streams_run_beside_each_other_and_disturb_nothing(gpu):
    other = gpu.beside("other")
    assert other.beside("another").lost == gpu.lost == ""
    with gpu.compute():
        matrix = torch.rand(512, 512, device=gpu.place) / 256
    devices = {gpu: "mine", gpu.beside("other"): "theirs"}
    kept, graphs = {}, {}
    for device, name in devices.items():
        with device.compute(gpu.mark()):
            kept[name] = torch.zeros(512, 512, device=device.place)
        steps = lambda into=kept[name]: into.copy_((into + 1) @ matrix @ matrix)  # noqa: E731
        graphs[name] = device.capture(name, steps)
        with device.compute():
            kept[name].zero_()
    for _ in range(50):
        for graph in graphs.values():
            graph.replay()
    found = [device.fetch(kept[name]).get()[0] for device, name in devices.items()]
    np.testing.assert_array_equal(*found)


@pytest.mark.cuda
@needs_gpu
def test_a_stream_waits_for_what_another_has_made(gpu):
    other = gpu.beside("other")
    with other.compute():
        made = torch.zeros(1 << 20, device=gpu.place)
        for _ in range(200):
            made.add_(1)
    with gpu.compute(other.mark()):
        assert gpu.fetch(made.sum()).get()[0] == 200 << 20
    other.finish()


@pytest.mark.cuda
@needs_gpu
def test_memory_that_ran_out_leaves_the_gpu_good(gpu):
    with pytest.raises(OutOfMemory), gpu.compute():
        torch.empty(1 << 50, dtype=torch.uint8, device=gpu.place)
    assert not gpu.lost
    assert 0 < gpu.free_bytes() <= gpu.total_bytes()
    with gpu.compute(), gpu.range("after"):
        assert gpu.fetch(torch.ones(2, device=gpu.place)).get()[0].tolist() == [1, 1]


@pytest.mark.cuda
@needs_gpu
def test_only_page_locked_memory_goes_up(gpu):
    with gpu.compute():
        target = torch.zeros(3, device=gpu.place)
    with pytest.raises(ValueError, match="page-locked"):
        gpu.upload(torch.ones(3), target)
    staging = gpu.page_locked((3,), torch.float32)
    staging.numpy()[:] = 7
    event = gpu.upload(staging, target, gpu.mark())
    event.wait()
    assert event.done()
    with gpu.compute(event):
        assert gpu.fetch(target).get()[0].tolist() == [7, 7, 7]
    with pytest.raises(TypeError, match="cannot wait"):
        gpu.upload(staging, target, HostDevice().mark())
