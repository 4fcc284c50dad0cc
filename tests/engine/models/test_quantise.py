import io
from contextlib import suppress
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.models.quantise import quantise
from engine.whisper.model_bin import joined, read_index
from tests.engine.models.made_up import TYPES, variables, weights

EMBEDDINGS = "decoder/embeddings/weight"


def contents(raw):
    """Return every variable of a model file as an array."""
    types = {number: name for name, number in TYPES.items()}
    index = read_index(io.BytesIO(raw))
    return {
        variable.name: np.frombuffer(raw, types[variable.type_id], prod(variable.shape), variable.offset).reshape(
            variable.shape
        )
        for variable in index.variables
    }


def quantised(raw):
    target = io.BytesIO()
    quantise(io.BytesIO(raw), target)
    return target.getvalue()


def test_an_index_tells_names_shapes_and_aliases():
    index = read_index(io.BytesIO(weights(variables())))
    assert [variable.name for variable in index.variables] == list(variables())
    assert index.vocabulary == 64
    assert index.aliases == (("decoder/projection/weight", EMBEDDINGS),)


def test_matrices_and_embeddings_become_int8_and_nothing_else_changes():
    before, after = variables(), contents(quantised(weights(variables())))
    for name, value in before.items():
        if f"{name}_scale" in after:
            assert after[name].dtype == np.int8
        else:
            np.testing.assert_array_equal(after[name], value)
            assert after[name].dtype == value.dtype
    scaled = {name.removesuffix("_scale") for name in after if name.endswith("_scale")}
    assert scaled == {EMBEDDINGS, "decoder/layer_0/ffn/linear_0/weight"}


finite = st.floats(-60_000, 60_000, width=16)


@settings(max_examples=100, deadline=None)
@given(arrays(np.float16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=finite))
def test_a_row_is_off_by_at_most_half_a_step(matrix):
    after = contents(quantised(weights({EMBEDDINGS: matrix})))
    scales = after[f"{EMBEDDINGS}_scale"].astype(np.float64)[:, None]
    error = np.abs(after[EMBEDDINGS] / scales - matrix.astype(np.float64))
    assert np.all(error <= 0.5 / scales * 1.0001)
    largest = np.abs(after[EMBEDDINGS].astype(int)).max(axis=1)
    assert np.all(largest[np.any(matrix != 0, axis=1)] == 127)


def test_a_quantised_model_stays_as_it_is():
    once = quantised(weights(variables()))
    assert quantised(once) == once


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_cut_file_is_refused(data):
    raw = weights(variables())
    stop = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(ValueError, match="it "):
        read_index(io.BytesIO(raw[:stop]))


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_damage_is_refused_or_harmless_to_the_reader(data):
    raw = bytearray(weights(variables()))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with suppress(ValueError):  # anything else would reach the person as a traceback
        read_index(io.BytesIO(bytes(raw)))


@pytest.mark.parametrize("more", [b"\0", b"\0" * 4096])
def test_a_file_with_something_behind_its_end_is_refused(more):
    with pytest.raises(ValueError, match="after its end"):
        read_index(io.BytesIO(weights(variables()) + more))


@given(raw=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=4), reads=st.lists(st.integers(0, 90)))
@settings(max_examples=60, deadline=None)
def test_parts_read_as_one_file(tmp_path_factory, raw, cuts, reads):
    folder = tmp_path_factory.mktemp("parts")
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    parts = [folder / str(number) for number in range(len(edges) - 1)]
    for part, start, stop in zip(parts, edges, edges[1:], strict=False):
        part.write_bytes(raw[start:stop])
    with joined(parts) as file:
        for length in reads:
            at = file.tell()
            assert file.read(length) == raw[at : at + length]
        file.seek(0)
        assert file.read() == raw
