import pytest

from engine.whisper.recognizer import Context


@pytest.mark.parametrize("context", [Context.SHORT, Context.FILLED, Context.PADDED])
def test_a_context_is_found_by_its_name(context):
    assert Context.named(context.name) is context


@pytest.mark.parametrize("name", ["", "long", "SHORT", 3, None])
def test_a_name_that_means_nothing_is_refused(name):
    with pytest.raises(ValueError, match="no context"):
        Context.named(name)
