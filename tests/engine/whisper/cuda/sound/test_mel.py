"""The device's log-mel is Whisper's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.units import HOP  # noqa: E402
from engine.whisper.cuda.sound.mel import Mel  # noqa: E402
from engine.whisper.features import log_mel  # noqa: E402
from tests.fake_gpu import fake_gpu  # noqa: E402

HOST = torch.device("cpu")
# Of a band 80 dB below the loudest float32 leaves three digits, whoever transforms: over 150 sounds torch.fft was at
# most 3.1e-4 from float64, the matrix 1.3e-4, and 99 in 100 of all values within 7e-6.
LARGEST, MEAN = 3e-4, 5e-6
MELS = {n_mels: Mel(n_mels, HOST) for n_mels in (80, 128)}


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=LARGEST)
    assert np.abs(found - np.asarray(expected)).mean() < MEAN


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 200), st.integers(1, 3), st.floats(0, 1), st.integers(0, 99), st.sampled_from([80, 128]))
def test_each_of_a_batch_is_what_the_processor_makes_of_it(hops, batch, loudness, seed, n_mels):
    scale = loudness * 10.0 ** -np.arange(batch)[:, None]  # each has a loudest frame of its own
    sound = np.random.default_rng(seed).normal(0, scale, (batch, hops * HOP)).astype(np.float32)
    found = MELS[n_mels].log_mel(torch.from_numpy(sound)).numpy()
    expected = [log_mel(one, n_mels) for one in sound]
    close(found, expected)


@pytest.mark.parametrize(
    "sound",
    [
        np.sin(2 * np.pi * 440 * np.arange(16000) / 16000),
        np.sin(2 * np.pi * 200 * np.arange(16000) / 16000) + 1e-4 * np.random.default_rng(0).normal(size=16000),
        (np.arange(16000) % 4000 == 0).astype(float),
        np.zeros(16000),
        1e-5 * np.ones(16000),
    ],
    ids=["tone", "tone over a whisper", "clicks", "silence", "almost silence"],
)
@pytest.mark.parametrize("n_mels", [80, 128])
def test_sounds_whose_bands_lie_far_apart(sound, n_mels):
    sound = sound.astype(np.float32)
    found = MELS[n_mels].log_mel(torch.from_numpy(sound)[None])[0].numpy()
    close(found, log_mel(sound, n_mels))


@pytest.mark.parametrize("length", [0, 160, 320, 401])
def test_a_length_that_is_no_number_of_hops_is_refused(length):
    with pytest.raises(ValueError, match="multiple of 160"):
        MELS[80].log_mel(torch.zeros(1, length))


def test_on_a_gpu_it_stays_there_in_float32():
    with fake_gpu() as device:
        found = Mel(128, device.place).log_mel(torch.zeros(3, 16000, device=device.place))
    assert (tuple(found.shape), found.dtype, found.device.type) == ((3, 128, 100), torch.float32, "cuda")
