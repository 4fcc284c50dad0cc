"""The fake GPU indexes as torch does."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from tests.fake_gpu import _get, fake_gpu  # noqa: E402

NUMBERS = torch.tensor([1, 0])
INDICES = [
    0,
    -1,
    slice(1, 3),
    slice(None, None, 2),
    (slice(None), 1),
    (Ellipsis, 0),
    (0, Ellipsis, slice(0, 2)),
    (None, 1, slice(None), None),
    (slice(None), None, slice(1, 2)),
    NUMBERS,
    (slice(None), NUMBERS),
    (NUMBERS, NUMBERS),
    (NUMBERS[:, None], NUMBERS),
    (0, slice(None), NUMBERS),
]


@pytest.mark.parametrize("index", INDICES, ids=range(len(INDICES)))
def test_an_index_picks_what_torch_picks(index):
    tensor = torch.arange(60).reshape(3, 4, 5)
    assert torch.equal(_get(tensor, index), tensor[index])


def test_a_tensor_of_the_host_among_those_of_the_device_raises():
    with fake_gpu() as device:
        there, here = torch.zeros(3, device=device.place), torch.zeros(3)
        for mixed in (lambda: there + here, lambda: torch.stack([there, here]), lambda: there @ here):
            with pytest.raises(RuntimeError, match="device"):
                mixed()


def test_what_is_made_on_the_device_is_there_and_stays():
    with fake_gpu() as device:
        x = torch.tensor([1.0, 2.0, 3.0], device=device.place)
        x[1:] = 0.0
        x[torch.tensor([0], device=device.place)] = 1.0
        x.copy_(x.half().float())
        assert x[None, 1:].device.type == "cuda"
        assert x.to("cpu").device.type == "cpu"
        assert device.fetch(x).get()[0].tolist() == [0, 0, 0]
