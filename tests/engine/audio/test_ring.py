"""The ring equals the tail of what was written, and says what it lost."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audio.ring import Ring


def ramp(start, stop, channels):
    """Frames that carry their own index, in every channel another sign of it."""
    index = np.arange(start, stop, dtype=np.float32)[:, None]
    return index * np.array([(-1) ** c * (c + 1) for c in range(channels)], np.float32)


@given(
    capacity=st.integers(1, 40),
    channels=st.integers(1, 3),
    lengths=st.lists(st.integers(0, 100), max_size=30),
    given_storage=st.booleans(),
    data=st.data(),
)
def test_it_equals_the_tail_of_all_that_was_written(capacity, channels, lengths, given_storage, data):
    storage = np.zeros((2 * capacity, channels), np.float32) if given_storage else None
    ring = Ring(capacity, channels, storage)
    total = 0
    for length in lengths:
        ring.write(ramp(total, total + length, channels))
        total += length
        assert ring.written == total
        assert ring.oldest == max(0, total - capacity)
        start = data.draw(st.integers(ring.oldest, total))
        stop = data.draw(st.integers(start, total))
        np.testing.assert_array_equal(ring.read(start, stop), ramp(start, stop, channels))
        np.testing.assert_array_equal(ring.view(start, stop), ramp(start, stop, channels))


@given(
    capacity=st.integers(1, 40),
    steps=st.lists(st.tuples(st.integers(0, 100), st.booleans()), max_size=30),
)
def test_what_is_taken_and_what_was_missed_sum_to_what_was_written(capacity, steps):
    ring = Ring(capacity)
    total = accounted = 0
    for length, reads in [*steps, (0, True)]:
        ring.write(ramp(total, total + length, 1))
        total += length
        if reads:
            missed, frames = ring.take()
            np.testing.assert_array_equal(frames, ramp(accounted + missed, total, 1))
            assert missed == max(0, total - accounted - capacity)
            accounted = total


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (4, 6), (8, 11), (7, 6), (3, 4)])
def test_a_span_that_has_left_or_is_not_there_yet_is_refused(start, stop):
    ring = Ring(5)
    ring.write(ramp(0, 10, 1))
    for get in (ring.read, ring.view):
        with pytest.raises(IndexError, match="is not within"):
            get(start, stop)


def test_mono_samples_may_come_flat():
    ring = Ring(4)
    ring.write(np.arange(6, dtype=np.float32))
    assert ring.view(2, 6)[:, 0].tolist() == [2, 3, 4, 5]


def test_a_view_is_contiguous_and_cannot_be_written():
    ring = Ring(7, 2)
    ring.write(ramp(0, 10, 2))
    view = ring.view(4, 10)
    assert view.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 0


def test_a_ring_without_room_is_refused():
    with pytest.raises(ValueError, match="capacity"):
        Ring(0, 1)


def test_it_lies_in_the_storage_that_it_is_given_mirrored():
    storage = np.zeros((8, 1), np.float32)
    ring = Ring(4, storage=storage)
    ring.write(np.arange(1, 7, dtype=np.float32))
    assert storage[:, 0].tolist() == [5, 6, 3, 4, 5, 6, 3, 4]
    assert np.shares_memory(ring.view(2, 6), storage)


@pytest.mark.parametrize("storage", [np.zeros((4, 1), np.float32), np.zeros((8, 2), np.float32), np.zeros((8, 1))])
def test_storage_of_another_shape_or_dtype_is_refused(storage):
    with pytest.raises(ValueError, match="lies in float32"):
        Ring(4, storage=storage)


def test_a_reader_that_is_lapped_never_sees_a_torn_span():
    """Blocks large enough that numpy copies them without the GIL, so that both threads do run at once."""
    ring = Ring(50_000)
    index = np.arange(20_000, dtype=np.float32)
    blocks = 300

    def write():
        for n in range(blocks):
            ring.write(n + index / len(index))

    writer = threading.Thread(target=write)
    writer.start()
    accounted = 0
    while accounted < blocks * len(index):
        missed, frames = ring.take()
        start, stop = accounted + missed, accounted + missed + len(frames)
        which, place = np.divmod(np.arange(start, stop), len(index))
        expected = which + index[place] / len(index)
        np.testing.assert_allclose(frames[:, 0], expected, atol=1e-4)
        accounted = stop
    writer.join()
