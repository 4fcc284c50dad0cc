"""A machine that is slower than the speech, ten minutes long, on a clock that only decoding moves."""

import random
from itertools import pairwise

import numpy as np
import pytest

from engine.audio.sources import ArraySource, Pacer
from engine.pipeline import TOO_SLOW, Pipeline
from engine.records import Caption, Gap, Level, Stats, Word
from engine.run import Run
from engine.session import POLL_S
from engine.units import SAMPLE_RATE, samples, seconds
from engine.whisper.recognizer import Context, ScriptedRecognizer, SlowRecognizer
from tests.talker import LoudIsSpeech

LOADED_S = 600.0
LENGTH_S = 660.0
WORD_S = 0.3
SENTENCES, REMARKS, MONOLOGUE = (10, 40), (2, 9), (2150, 2150)  # words between two pauses


def talk(words):
    """Return float32 [n] and its script: so many words of 0.3 s, a pause of 0.8 s, and so on."""
    random_ = random.Random(1)
    sound, script, at_s = np.zeros(samples(LENGTH_S), np.float32), [], 1.0
    while at_s + WORD_S * (count := random_.randint(*words)) < LENGTH_S - 1:
        times_s = [at_s + WORD_S * index for index in range(count)]
        script += [Word(_name(random_), samples(s), samples(s + 0.25), 0.9) for s in times_s]
        sound[samples(at_s) : samples(at_s + WORD_S * count)] = 0.9
        at_s += WORD_S * count + 0.8
    return sound, script


def _name(random_):
    return " " + "".join(random_.choices("abcdefghijklmnopqrstuvwxyz", k=6))


class Slow:
    """Plays a talk in real time to a machine, and keeps what came of it.

    Args:
        cost_s: What a window of so many seconds takes under load; afterwards it is a fiftieth.
        lighter_s: The same of a smaller model.
        lighter: Loads the smaller model, where it is not that one.
    """

    def __init__(self, words, cost_s, lighter_s=None, lighter=None, context=Context.SHORT):
        self.sound, self.script = talk(words)
        self.now_s, self.stats, self.events, self.windows = 0.0, [], [], []
        light = self._recognizer(lighter_s, Context.SHORT) if lighter_s else None
        pipeline = Pipeline(
            self._recognizer(cost_s, context),
            detector=LoudIsSpeech(),
            lighter=(lambda: light) if light else lighter,
            clock=lambda: self.now_s,
        )
        self._play(Run(pipeline, None, self._send, lambda *_: None, live=True))

    def _recognizer(self, cost_s, context):
        def cost(window):
            self.windows.append(window)
            return cost_s(seconds(len(window.samples))) * (1 if self.now_s < LOADED_S else 0.02)

        return SlowRecognizer(ScriptedRecognizer(self.script, context=context), cost, self._wait)

    def _wait(self, duration_s):
        self.now_s += duration_s

    def _send(self, event):
        if isinstance(event, Stats):
            self.stats.append((self.now_s, event))
        else:
            self.events.append(event)

    def _play(self, run):
        source = ArraySource(self.sound, SAMPLE_RATE, pacer=Pacer(lambda: self.now_s, self._wait))
        source.open()
        while not source.exhausted:
            run.take(source.read(POLL_S))
            self.stats.append((self.now_s, run.stats))
        run.finish()

    @property
    def words(self):
        return [word for event in self.events if isinstance(event, Caption) for word in event.words]

    @property
    def gaps(self):
        return [event for event in self.events if isinstance(event, Gap)]

    @property
    def levels(self):
        return [stats.level for _, stats in self.stats]

    @property
    def changes(self):
        return sum(before is not after for before, after in pairwise(self.levels))


def proportional(factor):
    return lambda length_s: factor * length_s


def constant(factor):
    return lambda _length_s: factor


SLOW = [
    (proportional, 1.2, SENTENCES),
    (proportional, 2.0, REMARKS),
    (proportional, 4.0, SENTENCES),
    (proportional, 4.0, MONOLOGUE),
    (constant, 1.2, SENTENCES),
    (constant, 2.0, MONOLOGUE),
    (constant, 4.0, REMARKS),
]


@pytest.fixture(scope="module", params=SLOW, ids=lambda each: f"{each[0].__name__} {each[1]}, {each[2][0]} words")
def slow(request):
    cost, factor, words = request.param
    return Slow(words, cost(factor), context=Context.SHORT if cost is proportional else Context.PADDED)


def test_the_engine_never_falls_behind_for_good(slow):
    assert max(stats.lag_s for _, stats in slow.stats) <= 12
    assert max(stats.lag_s for at_s, stats in slow.stats if at_s >= LOADED_S + 15) < 3
    assert slow.levels[-1] is Level.NORMAL


def test_it_is_told_within_five_seconds(slow):
    begins_s = seconds(slow.windows[0].stop)
    assert next(at_s for at_s, stats in slow.stats if stats.level is not Level.NORMAL) - begins_s <= 5


def test_what_is_captioned_and_what_is_left_out_is_the_whole(slow):
    covered = slow.sound == 0
    for span in (*slow.windows, *slow.gaps):
        covered[span.start : span.stop] = True
    assert seconds(np.count_nonzero(~covered)) <= 1
    captioned = set(slow.words)
    assert len(captioned) == len(slow.words)
    lost = [word for word in slow.script if word not in captioned]
    assert all(any(gap.start < word.stop and word.start < gap.stop for gap in slow.gaps) for word in lost)
    assert not any(gap.start < word.stop and word.start < gap.stop for gap in slow.gaps for word in captioned)


def test_each_gap_says_why_and_is_counted(slow):
    assert {gap.reason for gap in slow.gaps} <= {TOO_SLOW}
    assert slow.stats[-1][1].skipped_s == pytest.approx(sum(seconds(gap.stop - gap.start) for gap in slow.gaps))


def test_the_level_does_not_swing(slow):
    assert slow.changes <= 8


def test_a_share_of_the_speech_is_captioned(slow):
    """The slowest decodes a second of sound in four, and cannot caption more than a quarter."""
    assert len(slow.words) >= 0.15 * len(slow.script)


def test_a_smaller_model_captions_what_the_chosen_one_cannot_and_goes_again():
    slow = Slow(SENTENCES, proportional(2.0), proportional(0.06), context=Context.PADDED)
    assert list(dict.fromkeys(slow.levels)) == list(Level)
    assert slow.levels[-1] is Level.NORMAL
    late = [word for word in slow.script if seconds(word.start) > 60]
    assert set(late) <= set(slow.words)
    text = {}
    for caption in slow.events:
        if isinstance(caption, Caption):
            assert caption.committed.startswith(text.get(caption.segment, ""))
            text[caption.segment] = caption.committed


def test_a_smaller_model_that_is_not_there_is_done_without():
    asked = []
    slow = Slow(SENTENCES, proportional(2.0), lighter=lambda: asked.append("for it"))
    assert asked == ["for it"]
    assert set(slow.levels) == {Level.NORMAL, Level.GREEDY, Level.SLOWER}
