"""The rules on the device forbid what openai/whisper's own classes forbid."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")
decoding = pytest.importorskip("whisper.decoding", reason="openai-whisper is not installed (extra dev)")

from whisper.tokenizer import get_tokenizer  # noqa: E402

from engine.whisper.cuda.decoding.rules import LATEST_BEGINNING, Marks, Rules, likeliest  # noqa: E402

HOST = torch.device("cpu")
ROOM = 40

# openai-whisper leaves the files of its vocabularies open.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")

seeds = st.integers(0, 2**32)


def theirs(multilingual):
    tokenizer = get_tokenizer(multilingual, num_languages=99, language="en", task="transcribe")
    never = (*tokenizer.non_speech_tokens, tokenizer.sot, tokenizer.sot_prev, tokenizer.no_speech)
    marks = Marks(
        tokenizer.eot, tokenizer.no_timestamps, tokenizer.no_speech, never, (*tokenizer.encode(" "), tokenizer.eot)
    )
    return tokenizer, marks, tokenizer.timestamp_begin + 1501


def history(draw, marks, vocabulary, begin):
    """Draw tokens that may stand there: text and timestamps, by the rules or against them."""
    times = st.integers(marks.first_time, vocabulary - 1)
    written = draw(st.lists(st.one_of(st.integers(0, marks.end - 1), times), max_size=12))
    if draw(st.booleans()):
        written = [
            *sorted(token for token in written if token >= marks.first_time)[:1],
            *(token for token in written if token < marks.end),
        ]
    return [marks.untimed] * begin + written


@settings(max_examples=60, deadline=None)
@given(st.data(), seeds, st.booleans(), st.integers(1, 5), st.booleans(), st.sampled_from([0.1, 1.0, 6.0]))
def test_logits_are_masked_as_openai_masks_them(data, seed, multilingual, begin, timed, spread):
    tokenizer, marks, vocabulary = theirs(multilingual)
    rows = [history(data.draw, marks, vocabulary, begin) for _ in range(3)]
    make = torch.Generator().manual_seed(seed)
    logits = torch.randn(len(rows), vocabulary, generator=make) * spread
    logits[:, marks.first_time :] += data.draw(st.sampled_from([-4.0, 0.0, 4.0]))
    expected = logits.clone()
    for row, tokens in enumerate(rows):  # theirs are all of one length
        filters = [decoding.SuppressBlank(tokenizer, begin), decoding.SuppressTokens(marks.never)]
        filters += [decoding.ApplyTimestampRules(tokenizer, begin, LATEST_BEGINNING)] if timed else []
        for each in filters:
            each.apply(expected[row : row + 1], torch.tensor([tokens]))
    padded = torch.zeros(len(rows), ROOM, dtype=torch.int64)
    for row, tokens in enumerate(rows):
        padded[row, : len(tokens)] = torch.tensor(tokens)
        padded[row, len(tokens) :] = vocabulary - 1  # what stands behind is not looked at
    places = torch.tensor([len(tokens) - 1 for tokens in rows])
    begins = torch.full((len(rows),), begin)
    rules = Rules(marks, vocabulary, HOST, timed=timed)
    assert torch.equal(rules.masked(logits, padded, places, begins), expected)


def test_the_first_mask_forbids_what_no_text_begins_with():
    _, marks, vocabulary = theirs(multilingual=True)
    rules = Rules(marks, vocabulary, HOST)
    assert set(rules.always.nonzero()[:, 0].tolist()) == set(marks.never)
    assert set(rules.first.nonzero()[:, 0].tolist()) == {*marks.never, *marks.blank}


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_the_language_is_the_one_openai_detects(seed):
    tokenizer, _, vocabulary = theirs(multilingual=True)
    logits = torch.randn(2, vocabulary, generator=torch.Generator().manual_seed(seed)) * 3

    class Model:  # as much of theirs as their function asks for
        dims = type("Dims", (), {"n_audio_ctx": 2, "n_audio_state": 3})
        logits = staticmethod(lambda tokens, features: logits[:, None].clone())

    expected, probabilities = decoding.detect_language(Model, torch.zeros(2, 2, 3), tokenizer)
    found, share = likeliest(logits, torch.tensor(tokenizer.all_language_tokens))
    assert torch.equal(found, expected)
    assert share.tolist() == pytest.approx([max(each.values()) for each in probabilities], rel=1e-5)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_silence_is_the_share_of_its_token(seed):
    _, marks, vocabulary = theirs(multilingual=False)
    logits = torch.randn(2, vocabulary, generator=torch.Generator().manual_seed(seed))
    expected = logits.softmax(1)[:, marks.no_speech]
    assert torch.equal(Rules(marks, vocabulary, HOST).silence(logits), expected)
