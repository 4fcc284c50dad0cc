"""The names in the table of contexts mean what the engine takes."""

import pytest

from engine.whisper.recognizer import Context
from tests.benchmarks.context import CONTEXTS, PADDED, context


@pytest.mark.parametrize("name", CONTEXTS)
def test_every_name_of_the_table_is_a_context(name):
    assert context(name).name == name


def test_the_parts_of_a_name_are_margin_least_and_filling():
    assert (context("+0.5…30").margin_s, context("+0.5…30").filled) == (0.5, True)
    assert (context("+1≥10").least_s, context("+1≥10").filled) == (10.0, False)
    assert context(PADDED) is Context.PADDED


def test_what_means_nothing_is_refused():
    with pytest.raises(ValueError, match="is no context"):
        context("+x")
