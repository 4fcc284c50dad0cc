import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ModelCorrupt
from engine.whisper.tokenizer import LANGUAGES, Tokenizer
from tests.material import engine

SENTENCES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=40)


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer(engine("tiny.en").installed.path)


@settings(deadline=None)
@given(text=SENTENCES, language=st.sampled_from(["en", "ja", "ar"]))
def test_words_joined_are_the_text_and_their_tokens_all_tokens(tokenizer, text, language):
    tokens = tokenizer.encode(text)
    words = tokenizer.words(tokens, language)
    assert "".join(word.text for word in words) == tokenizer.decode(tokens)
    assert [token for word in words for token in word.tokens] == tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" And so, my fellow", [" And", " so,", " my", " fellow"]),
        (' He said "no" (twice).', [" He", " said", ' "no"', " (twice)."]),
        (" it's unbelievable...", [" it's", " unbelievable..."]),
    ],
)
def test_punctuation_goes_with_its_word(tokenizer, text, words):
    assert [word.text for word in tokenizer.words(tokenizer.encode(text), "en")] == words


def test_scripts_without_spaces_are_divided_at_characters(tokenizer):
    words = tokenizer.words(tokenizer.encode("真っ昼間。"), "ja")
    assert [word.text for word in words] == ["真", "っ", "昼", "間。"]


def test_special_tokens_are_no_text(tokenizer):
    assert tokenizer.decode([tokenizer.start, tokenizer.end, tokenizer.untimed]) == ""


def test_a_folder_without_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(ModelCorrupt, match=r"tokenizer\.json"):
        Tokenizer(tmp_path)


def test_whisper_knows_a_hundred_languages():
    assert len(set(LANGUAGES)) == 100
