"""The usual ways of making Whisper live, over a model that follows a script."""

from types import SimpleNamespace

import numpy as np

from engine.records import AudioBlock
from engine.units import SAMPLE_RATE
from tests.benchmarks.baselines import FixedPieces, LocalAgreementBuffer

BLOCK_S = 0.5


class ScriptedModel:
    """Hears one word a second, named by its number since the first call's sound began; a sentence is three words.

    The buffer's first sample holds the second in which it begins, so that the script knows where it is.
    """

    def __init__(self):
        self.calls = []

    def transcribe(self, samples, **settings):
        start = round(float(samples[0])) if len(samples) else 0
        self.calls.append((start, len(samples) / SAMPLE_RATE, settings))
        words = [
            SimpleNamespace(word=f" w{start + at}", start=at + 0.1, end=at + 0.9, probability=1.0)
            for at in range(len(samples) // SAMPLE_RATE)
        ]
        groups = [words[at : at + 3] for at in range(0, len(words), 3)]
        segments = [
            SimpleNamespace(text="".join(w.word for w in g), words=g, end=g[-1].end, no_speech_prob=0.0) for g in groups
        ]
        return segments, None


def feed(captioner, duration_s, start_s=0.0):
    """Feed sound whose samples say in which second they lie."""
    captions = []
    for block in range(round(duration_s / BLOCK_S)):
        at_s = start_s + block * BLOCK_S + np.arange(round(BLOCK_S * SAMPLE_RATE)) / SAMPLE_RATE
        captions += captioner.feed(AudioBlock(np.floor(at_s).astype(np.float32)[:, None], SAMPLE_RATE))
    return captions


def test_pieces_are_transcribed_by_themselves_and_at_once_final():
    model = ScriptedModel()
    captions = feed(FixedPieces(model, "en"), 11)
    assert [caption.committed for caption in captions] == ["w0 w1 w2 w3 w4", "w5 w6 w7 w8 w9"]
    assert [(start, length) for start, length, _ in model.calls] == [(0, 5), (5, 5)]


def test_the_last_piece_may_be_short():
    captioner = FixedPieces(ScriptedModel(), "en")
    feed(captioner, 7)
    assert [caption.committed for caption in captioner.finish()] == ["w5 w6"]


def test_words_are_final_when_two_transcripts_agree():
    captions = feed(LocalAgreementBuffer(ScriptedModel(), "en"), 3)
    assert [(caption.committed, caption.unstable) for caption in captions] == [
        ("", "w0"),
        ("w0", " w1"),
        ("w0 w1", " w2"),
    ]


def test_the_end_makes_the_last_hypothesis_final():
    captioner = LocalAgreementBuffer(ScriptedModel(), "en")
    feed(captioner, 3)
    assert [(caption.committed, caption.final) for caption in captioner.finish()] == [("w0 w1 w2", True)]


def test_a_late_buffer_transcribes_once_for_all_that_waits():
    model = ScriptedModel()
    captioner = LocalAgreementBuffer(model, "en")
    block = AudioBlock(np.zeros((SAMPLE_RATE, 1), np.float32), SAMPLE_RATE)
    captioner.feed(block, hurry=True)
    captioner.feed(block, hurry=True)
    captioner.feed(block)
    assert [length for _, length, _ in model.calls] == [3]


def test_a_long_buffer_is_cut_where_a_segment_is_committed_and_what_left_it_becomes_the_prompt():
    model = ScriptedModel()
    captions = feed(LocalAgreementBuffer(model, "en"), 40)
    assert max(length for _, length, _ in model.calls) <= 20
    text = " ".join(caption.committed for caption in captions if caption.final)
    assert text.split() == [f"w{n}" for n in range(len(text.split()))], "no word is lost or said twice"
    assert model.calls[-1][2]["initial_prompt"].startswith("w0 w1")
