import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.updates.answer import MAX_BYTES, NewestUnknown, read
from desktop.updates.versions import Version

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("0.2.0"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("version") | st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary() | JSON.map(lambda content: json.dumps(content).encode()))
def test_any_bytes_are_a_version_or_one_kind_of_error(data):
    try:
        assert isinstance(read(data), Version)
    except NewestUnknown as error:
        assert error.sentence == "what was answered is no version. Try again later."


@given(JSON)
def test_what_else_stands_in_the_answer_is_left_alone(other):
    assert read(json.dumps({"other": other, "version": "0.2.0"}).encode()).text == "0.2.0"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"0.2.0",
        b'"0.2.0"',
        b"{}",
        b'{"version": 2}',
        b'{"version": null}',
        b'{"version": ["0.2.0"]}',
        b'{"version": "0.2.0\\u001b[31m"}',
        b'{"version": "\\ud800"}',
        b'{"version": "0.2.0"',
        b'{"version": "0.2.0"}\0',
        b"[" * MAX_BYTES,
        b"9" * MAX_BYTES,
        b'{"version": "0.2.0"}' + b" " * MAX_BYTES,
        b"\xff\xfe\x00",
    ],
    ids=lambda data: repr(data[:24]),
)
def test_anything_else_is_refused(data):
    with pytest.raises(NewestUnknown):
        read(data)
