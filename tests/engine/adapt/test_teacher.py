"""What the original teaches: its own words of the clean sound, as the reference has them, whoever else is heard."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.adapt.records import Item, Told  # noqa: E402
from engine.adapt.teacher import Original, spectrum  # noqa: E402
from engine.units import SAMPLES_PER_POSITION  # noqa: E402
from engine.whisper.cuda.model.weights import read_checkpoint  # noqa: E402
from engine.whisper.tokenizer import Tokenizer  # noqa: E402
from tests.benchmarks.recordings import load  # noqa: E402
from tests.engine.adapt.made_up import CPU, NEVER, item, tokenizer, unlearned  # noqa: E402
from tests.engine.whisper.cuda.comparison import distance, folder, references_choice, states_of, theirs  # noqa: E402
from tests.material import recording  # noqa: E402
from tests.reference import whisper  # noqa: E402

NAME, CLIP = "float16 tiny.en", "native/jfk.flac"
FIRST_WORDS = " And so my fellow Americans"


@cache
def real():
    return Original(read_checkpoint(folder(NAME)), Tokenizer(folder(NAME)), CPU)


@cache
def jfk(timed=False):
    sound = load(recording(CLIP))
    return Item(sound, 0 * sound, len(sound) // SAMPLES_PER_POSITION, sound[:0], timed=timed)


@cache
def taught(timed=False):
    return real().targets([jfk(timed)])[0]


@pytest.mark.model
def test_it_writes_what_the_reference_finds_likeliest():
    target = taught()
    assert target.tokens[: target.first] == (tokenizer().start, tokenizer().untimed)
    assert list(target.tokens[target.first :]) == references_choice(NAME, CLIP, list(target.tokens))
    assert tokenizer().decode(target.tokens).startswith(FIRST_WORDS)


@pytest.mark.model
def test_its_distribution_and_attention_are_the_references():
    target, model = taught(), whisper(folder(NAME))
    with torch.no_grad():
        truth = theirs(model, real().aligned, torch.tensor([target.tokens]), states_of(NAME, CLIP))
    assert target.places == tuple(range(len(target.tokens) - 1))
    assert distance(target.hidden @ real().embeddings.T, truth.logits[0, :-1]) < 1e-5
    seen = truth.attention[0, :, target.first - 1 : -1, : jfk().positions]
    assert distance(target.attention, seen) < 1e-4


@pytest.mark.model
def test_in_less_time_it_teaches_the_same_but_for_a_thousandth_of_a_nat():
    (swift,) = Original(read_checkpoint(folder(NAME)), tokenizer(), CPU, swift=True).targets([jfk()])
    assert swift.tokens == taught().tokens
    exact, near = ((each.hidden @ real().embeddings.T).log_softmax(1) for each in (taught(), swift))
    assert 0 <= float((exact.exp() * (exact - near)).sum(1).mean()) < 1e-3


@pytest.mark.model
def test_with_times_its_text_begins_and_ends_with_one():
    target = taught(timed=True)
    assert target.tokens[: target.first] == (tokenizer().start,)
    zero = tokenizer().untimed + 1
    text = target.tokens[target.first :]
    assert text[0] == zero
    assert zero < text[-2] <= zero + jfk().positions + 50
    assert tokenizer().decode(text).startswith(FIRST_WORDS)


@pytest.mark.model
def test_the_words_before_are_the_prompt():
    cut = len(jfk().clean) // 2
    late = replace(jfk(), clean=jfk().clean[cut:], heard=jfk().heard[cut:], positions=250, before=jfk().clean[:cut])
    (target,) = real().targets([late])
    assert target.tokens[0] == tokenizer().previous
    assert tokenizer().decode(target.tokens[: target.start]).startswith(FIRST_WORDS)
    assert target.attention.shape[1:] == (len(target.tokens) - target.first, 250)


def test_what_it_teaches_of_an_item_does_not_hang_on_the_others():
    items = [item(seed, timed=seed % 2 == 0) for seed in range(6)]
    items[1] = replace(items[1], before=items[2].clean)
    items[4] = replace(items[4], prompt="Before that, somebody said this.")
    together = unlearned().targets(items)
    assert sum(target is not None for target in together) >= 3
    for each, found in zip(items, together, strict=True):
        (alone,) = unlearned().targets([each])
        if found is None or alone is None:
            assert found is alone
        else:
            assert alone.tokens == found.tokens
            assert distance(found.hidden, alone.hidden) < 1e-5
            assert distance(found.attention, alone.attention) < 1e-5


def test_views_of_a_sound_are_taught_the_same_words():
    first = item(0)
    second = replace(first, heard=0.5 * first.heard, positions=first.positions // 2)
    one, other = unlearned().targets([first, second])
    assert one.tokens == other.tokens
    assert one.hidden is other.hidden
    assert torch.equal(one.attention[:, :, : second.positions], other.attention)


def test_a_text_that_the_original_doubts_is_not_taught():
    assert unlearned().targets([item(0)])[0] is not None
    assert unlearned(doubtful=0.0).targets([item(0)])[0] is None


def test_a_text_without_an_end_or_one_that_goes_round_in_circles_is_not_taught():
    assert unlearned(NEVER).targets([item(0), item(1, spoken=False)])[0] is None


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("prompt", ["", "It was said before."])
def test_where_nobody_speaks_nothing_is_written(timed, prompt):
    (target,) = unlearned().targets([item(0, spoken=False, timed=timed, prompt=prompt)])
    words = tokenizer()
    told = [words.previous, *words.encode(f" {prompt}")] if prompt else []
    behind = [words.start, words.untimed + 1] if timed else [words.start, words.untimed]
    assert target.tokens == (*told, *behind, words.end)
    assert target.start == len(told)
    assert target.hidden is None
    assert target.tokens[target.places[-1] + 1] == words.end


def test_a_sound_is_shown_with_silence_behind_it_or_cut_off():
    sound = item(3).clean
    assert spectrum(sound, 100, 80).shape == (80, 200)
    assert torch.equal(spectrum(sound[: 50 * SAMPLES_PER_POSITION], 50, 80), spectrum(sound, 50, 80))


TOLD = (Told("He sails on Sunday.", 8_000, 16_000), Told("So do I.", 20_000, 28_000))


def long(**given):
    """Return two seconds of which a person has told what is said."""
    sound = np.zeros(32_000, np.float32)
    return Item(sound, sound, 100, sound[:0], **{"told": TOLD, **given})


@pytest.mark.parametrize("prompt", ["", "Before that, somebody said this."])
def test_what_a_person_told_is_the_text(prompt):
    words = tokenizer()
    (target,) = unlearned().targets([long(prompt=prompt)])
    assert target.told
    assert target.hidden is target.attention is None
    text = [*words.encode(" He sails on Sunday."), *words.encode(" So do I."), words.end]
    assert target.tokens[target.first :] == tuple(text)
    assert target.tokens[target.start : target.first] == (words.start, words.untimed)
    assert (target.start > 0) == bool(prompt)
    assert target.places == tuple(range(target.first - 1, len(target.tokens) - 1))


def test_with_times_each_line_stands_between_its_own_and_the_first_begins_at_none():
    words = tokenizer()
    (target,) = unlearned().targets([long(timed=True)])
    zero = words.untimed + 1
    text = target.tokens[target.first :]
    assert [token - zero for token in text if token >= zero] == [0, 50, 62, 88]
    assert text[-2:] == (zero + 88, words.end)
    assert words.decode(text) == " He sails on Sunday. So do I."
    # Where the opening is nothing but the start, that place is the original's: it says whether somebody speaks.
    assert target.start not in target.places


@pytest.mark.parametrize(
    "text", ["word " * 200, "<|endoftext|>", "<|startoftranscript|> hello"], ids=["too much", "end", "none"]
)
def test_what_nobody_can_have_said_is_not_taught(text):
    assert unlearned().targets([long(told=(Told(text, 0, 32_000),))]) == [None]


def test_told_items_change_nothing_of_the_others():
    others = [item(0), item(1, spoken=False), item(2)]
    mixed = unlearned().targets([others[0], long(), others[1], others[2], long(timed=True)])
    alone = unlearned().targets(others)
    assert [each.tokens for each in (mixed[0], mixed[2], mixed[3])] == [each.tokens for each in alone]
    assert [bool(each.told) for each in mixed] == [False, True, False, False, True]
