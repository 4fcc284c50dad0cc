"""Errors are counted where a script has no words as well."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.languages import bare, character_errors


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("Uma raposa velha.", "uma raposa, velha", (0, 14)),
        ("真っ昼間なのに", "真っ昼間、なの", (1, 7)),
        ("fraternité", "fraternite\u0301", (0, 10)),
        ("fraternité", "fraternite", (1, 10)),
        ("그는", "", (2, 2)),
        ("", "Amara.org", (8, 0)),
    ],
)
def test_letters_are_counted_and_marks_are_not(said, heard, errors):
    assert character_errors(said, heard) == errors


@given(st.text(), st.text())
def test_it_is_a_distance(said, heard):
    errors, count = character_errors(said, heard)
    assert count == len(bare(said))
    assert abs(count - len(bare(heard))) <= errors <= max(count, len(bare(heard)))
    assert character_errors(heard, said)[0] == errors
    assert character_errors(said, said)[0] == 0
