import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SettingsError
from engine.records import Word
from engine.vocabulary import check_terms, terms_of
from engine.whisper.prompt import MAX_TERMS, MAX_TEXT, Prompt
from engine.whisper.tokenizer import Tokenizer
from tests.material import engine

TERMS = ("ComfyUI", "Anna Berg")


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer(engine("tiny.en").installed.path)


def test_without_terms_and_text_there_is_no_prompt(tokenizer):
    assert Prompt(tokenizer, ()).tokens(" ") == []


def test_the_terms_stand_before_the_text(tokenizer):
    tokens = Prompt(tokenizer, TERMS).tokens(" And so")
    assert tokens[0] == tokenizer.previous
    text = tokenizer.decode(tokens)
    assert text.endswith(" And so")
    assert all(0 <= text.find(term) < text.find("And so") for term in TERMS)


@settings(deadline=None, max_examples=50)
@given(text=st.text(), lines=st.text(max_size=100))
def test_neither_pushes_the_other_out(tokenizer, text, lines):
    terms = terms_of(lines)
    try:
        check_terms(terms)
        prompt = Prompt(tokenizer, terms)
    except SettingsError:
        return
    tokens = prompt.tokens(text)
    alone = Prompt(tokenizer, ()).tokens(text)
    assert tokens[len(tokens) - len(alone) + 1 :] == alone[1:]
    assert len(tokens) <= 1 + MAX_TERMS + MAX_TEXT


def test_more_terms_than_fit_are_refused_by_number(tokenizer):
    terms = tuple(f"Kowalczyk{index}" for index in range(60))
    with pytest.raises(SettingsError) as caught:
        Prompt(tokenizer, terms)
    fitting = int("".join(filter(str.isdigit, caught.value.hint)))
    Prompt(tokenizer, terms[:fitting])
    with pytest.raises(SettingsError):
        Prompt(tokenizer, terms[: fitting + 1])


def said(text, probability):
    return [Word(text, 0, 1, probability)]


@pytest.mark.parametrize(
    ("word", "probability", "parroted"),
    [
        (" ComfyUI", 0.08, False),
        (" ComfyUI's.", 0.08, False),
        (" ComfyUI", 0.01, True),
        (" anna,", 0.01, True),
        (" Comfite", 0.2, True),
        (" comfort", 0.9, False),
        (" elephant", 0.001, False),
        ("", 0.0, False),
    ],
)
def test_a_term_without_the_sound_of_it_comes_from_the_list(tokenizer, word, probability, parroted):
    assert Prompt(tokenizer, TERMS).parroted(said(word, probability)) is parroted


def test_without_terms_nothing_is_parroted(tokenizer):
    assert not Prompt(tokenizer, ()).parroted(said(" ComfyUI", 0.0))


def test_the_terms_can_be_left_out(tokenizer):
    prompt = Prompt(tokenizer, TERMS)
    assert prompt.tokens("And so", terms=False) == Prompt(tokenizer, ()).tokens("And so")
    assert prompt.tokens("", terms=False) == []
