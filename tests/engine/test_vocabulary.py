import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SettingsError
from engine.settings import EngineSettings
from engine.vocabulary import LONGEST_TERM, MOST_TERMS, check_terms, terms_of


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        ("ComfyUI\nAoife", ("ComfyUI", "Aoife")),
        ("\ufeff  Anna \t Berg \r\n\n# people\nAoife\nAoife\n", ("Anna Berg", "Aoife")),
        ("東京\nC#", ("東京", "C#")),
    ],
)
def test_each_line_is_a_term(text, terms):
    assert terms_of(text) == terms


@given(st.text())
def test_terms_are_read_as_they_are_written(text):
    terms = terms_of(text)
    assert terms_of("\n".join(terms)) == terms
    assert len(set(terms)) == len(terms)


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        (["x"] * (MOST_TERMS + 1), "101 names"),
        (["x" * (LONGEST_TERM + 1)], "61 characters"),
        ([""], "empty"),
        ([" x"], "blanks"),
        (["a\0b"], "cannot be seen"),
        (["<|endoftext|>"], "own marks"),
    ],
)
def test_what_no_model_can_be_shown_is_refused_with_its_mend(terms, fault):
    with pytest.raises(SettingsError, match=fault) as caught:
        check_terms(terms)
    assert caught.value.hint


def test_the_engine_refuses_it_too():
    with pytest.raises(SettingsError, match="own marks"):
        EngineSettings(vocabulary=("<|startoftranscript|>",))
    with pytest.raises(SettingsError, match="task"):
        EngineSettings(task="explain")
