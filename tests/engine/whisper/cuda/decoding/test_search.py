"""What the search writes is what openai-whisper writes: the same weights, the same encoder states, real recordings."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")
decoding = pytest.importorskip("whisper.decoding", reason="openai-whisper is not installed (extra dev)")

from engine.whisper.cuda.decoding.orders import FAR, Order  # noqa: E402
from engine.whisper.cuda.decoding.rules import Rules  # noqa: E402
from engine.whisper.cuda.decoding.search import Search  # noqa: E402
from tests.whispers import DEVICE, SMALL, SMALL_MARKS, marks, model, openai, small, states, tokenizer  # noqa: E402

CLIPS = (
    ("native/jfk.flac", 3.0, 7.3),
    ("ljspeech/LJ001-0001.wav", 0.0, 6.0),
    ("speechocean/011560100.wav", 0.0, 30.0),
)
LONGEST = 60

# openai-whisper leaves the files of its vocabularies open.
pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"),
]


def opening(name):
    words = tokenizer(name)
    return [words.start] if name != "base" else [words.start, words.language("en"), words.transcribe]


class Decoder:
    """Our search over the encoder states of clips, entered one by one."""

    def __init__(self, name, *, windows=1, beams=1, timed=False, watched=False):
        self.words, self.model, self.name = tokenizer(name), model(name), name
        rules = Rules(marks(name), self.model.dims.vocabulary, DEVICE.place, timed=timed)
        self.memory = self.model.memory(windows, 1500)
        self.entrance = self.memory if windows == 1 else self.model.memory(1, 1500)
        self.search = Search(self.model, DEVICE, rules, self.memory, beams=beams, watched=watched)
        self.timed = timed
        self.begins = [0] * windows

    def enter(self, clip, *, slot=0, prompt="", prefix="", draft=(), behind=FAR, longest=LONGEST):
        before = [self.words.previous, *self.words.encode(prompt)] if prompt else []
        untimed = [] if self.timed else [self.words.untimed]
        told = [*before, *opening(self.name), *untimed, *self.words.encode(prefix)]
        sound = states(self.name, *clip)
        self.model.remember(sound, self.entrance)
        self.entrance.lengths.fill_(sound.shape[1])
        if self.entrance is not self.memory:
            for mine, new in ((self.memory.keys, self.entrance.keys), (self.memory.values, self.entrance.values)):
                mine[:, slot] = new[:, 0]
            self.memory.lengths[slot] = sound.shape[1]
        self.search.tell(Order(told, len(before), longest, tuple(draft), behind), slot)
        self.search.enter(self.entrance)
        self.begins[slot] = len(told)

    def finish(self):
        self.search.finish()
        assert self.search.finished.all()
        return self.texts()

    def texts(self):
        tokens, lengths, self.scores = self.search.chosen()
        rows = zip(tokens.tolist(), lengths.tolist(), self.begins, strict=True)
        return [row[begin : begin + length] for row, length, begin in rows]

    def decode(self, clip, **further):
        self.enter(clip, **further)
        return self.finish()[0]


decoder = cache(Decoder)


@cache
def greedy(name, clip):
    return tuple(decoder(name).decode(clip))


def theirs(name, clip, *, beams=1, timed=False, prompt="", prefix=""):
    sound = states(name, *clip)
    options = decoding.DecodingOptions(
        language="en",
        beam_size=beams if beams > 1 else None,
        without_timestamps=not timed,
        prompt=tokenizer(name).encode(prompt) or None,
        prefix=tokenizer(name).encode(prefix) or None,
        sample_len=LONGEST,
        fp16=False,
    )
    return decoding.decode(openai(name, sound.shape[1]), sound[0], options)


@pytest.mark.parametrize(
    ("name", "clips", "beams"),
    [("live", CLIPS[1:], 1), ("live", CLIPS[1:], 5), ("tiny.en", CLIPS[:1], 1), ("base", CLIPS[:1], 5)],
)
def test_texts_are_those_of_openai_whisper(name, clips, beams):
    for clip in clips:
        mine = decoder(name, beams=beams)
        expected = theirs(name, clip, beams=beams)
        assert mine.decode(clip) == expected.tokens
        assert mine.scores.item() / (len(expected.tokens) + 1) == pytest.approx(expected.avg_logprob, abs=1e-4)
        assert mine.search.silence.item() == pytest.approx(expected.no_speech_prob, abs=1e-4)


@pytest.mark.parametrize("beams", [1, 5])
def test_prompt_and_prefix_are_taken_as_openai_whisper_takes_them(beams):
    told = {"prompt": " The weather was fine, and", "prefix": " Printing,"}
    mine = decoder("live", beams=beams)
    assert mine.decode(CLIPS[1], **told) == theirs("live", CLIPS[1], beams=beams, **told).tokens


@pytest.mark.parametrize("beams", [1, 5])
def test_timestamps_are_those_of_openai_whisper(beams):
    mine = decoder("tiny.en", beams=beams, timed=True)
    assert mine.decode(CLIPS[0]) == theirs("tiny.en", CLIPS[0], beams=beams, timed=True).tokens


@settings(max_examples=6, deadline=None)
@given(st.sampled_from(CLIPS), st.integers(0, 30), st.lists(st.integers(0, 50000), max_size=40))
def test_a_draft_changes_nothing_however_much_of_it_is_right(clip, right, wrong):
    text = list(greedy("live", clip))
    assert decoder("live").decode(clip, draft=[*text[:right], *wrong]) == text


def test_a_draft_that_is_right_leaves_only_the_end_to_be_written():
    text = greedy("live", CLIPS[0])
    mine = decoder("live")
    mine.enter(CLIPS[0], draft=text)
    assert mine.search.finished.all()
    assert mine.texts() == [list(text)]


@settings(max_examples=6, deadline=None)
@given(st.integers(1, 24), st.integers(0, 24))
def test_no_more_is_written_than_there_is_room_for(longest, drafted):
    text = greedy("live", CLIPS[1])
    assert decoder("live").decode(CLIPS[1], longest=longest, draft=text[:drafted]) == list(text[:longest])


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 320), st.integers(0, 30))
def test_a_text_ends_before_the_token_that_attends_behind(behind, drafted):
    text = greedy("live", CLIPS[0])
    mine = decoder("live", watched=True)
    told = [*opening("live"), mine.words.untimed]
    found = mine.decode(CLIPS[0], behind=behind, draft=text[:drafted])
    first = torch.zeros(1, dtype=torch.int64)
    _, attention = mine.model.read(torch.tensor([[*told, *text]]), first, mine.model.cache(1), mine.memory, watch=True)
    peaks = attention[0].mean(0).argmax(1)[len(told) - 1 :]
    expected = next((i for i in range(len(text)) if peaks[i] >= behind), len(text))
    assert found == list(text[:expected])


class SmallDecoder:
    """Our search in a small model of random weights, over random encodings."""

    def __init__(self, seed, *, windows=1, beams=1):
        self.model = small(seed)
        self.memory = self.model.memory(windows, SMALL.positions)
        self.entrance = self.memory if windows == 1 else self.model.memory(1, SMALL.positions)
        rules = Rules(SMALL_MARKS, SMALL.vocabulary, DEVICE.place)
        self.search = Search(self.model, DEVICE, rules, self.memory, beams=beams)
        self.begins = [0] * windows

    def enter(self, window, slot=0, draft=()):
        seed, told, longest = window
        make = torch.Generator().manual_seed(seed)
        sound = torch.randn(1, 3 + seed % 30, SMALL.width, generator=make)
        for memory, index in ((self.entrance, 0), (self.memory, slot)):
            part = type(memory)(memory.keys[:, index : index + 1], memory.values[:, index : index + 1], memory.lengths)
            self.model.remember(sound, part)
            memory.lengths[index] = sound.shape[1]
        self.search.tell(Order([41, 49, *told], 0, longest, draft), slot)
        self.search.enter(self.entrance)
        self.begins[slot] = 2 + len(told)

    def finish(self):
        self.search.finish()
        tokens, lengths, _ = self.search.chosen()
        return [row[a : a + n] for row, n, a in zip(tokens.tolist(), lengths.tolist(), self.begins, strict=True)]

    def decode(self, window, draft=()):
        self.enter(window, draft=draft)
        return self.finish()[0]


small_windows = st.tuples(st.integers(0, 1000), st.lists(st.integers(0, 39), max_size=6).map(tuple), st.integers(1, 40))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2), st.sampled_from([1, 3, 5]),
       st.lists(st.tuples(st.integers(0, 3), small_windows, st.integers(0, 9)), min_size=2, max_size=9))  # fmt: skip
def test_windows_side_by_side_are_decoded_as_each_alone(seed, beams, arrivals):
    """Windows enter at any time, into any slot; the one that was there has finished."""
    mine, alone = SmallDecoder(seed, windows=4, beams=beams), SmallDecoder(seed, beams=beams)
    expected = {}
    for slot, window, steps in arrivals:
        if slot in expected:
            assert mine.finish()[slot] == expected[slot]
        mine.enter(window, slot)
        expected[slot] = alone.decode(window)
        mine.search.advance(steps)
    found = mine.finish()
    assert {slot: found[slot] for slot in expected} == expected


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2), small_windows, st.integers(0, 40), st.lists(st.integers(0, 39), max_size=40))
def test_a_draft_changes_nothing_whatever_the_weights(seed, window, right, wrong):
    mine = SmallDecoder(seed)
    text = mine.decode(window)
    assert mine.decode(window, draft=[*text[:right], *wrong]) == text
