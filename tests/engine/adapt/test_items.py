"""Items: the same for the same number, in step, within bounds, and in the shares of the recipe."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.adapt.corrections import find_corrections
from engine.adapt.degrade import Shares
from engine.adapt.items import RECIPE, Items, Recipe, What
from engine.adapt.library import Library
from engine.adapt.records import MOST_POSITIONS
from engine.adapt.sources import Kind, Missing
from engine.adapt.speakers import Speakers
from engine.adapt.tracks import About, Span, Track, to_pcm, write_sound, write_track
from engine.units import SAMPLES_PER_POSITION, samples
from tests.engine.adapt.corrected_sessions import Said, corrected_session

RATE = 16_000
NUMBERS = st.integers(0, 5_000)


def pieces(seed, lengths_s, text):
    """Yield noises with a mark of their own, each a take."""
    rng = np.random.default_rng(seed)
    for length_s in lengths_s:
        pcm = to_pcm(rng.normal(0, 0.1, samples(length_s)))
        yield pcm, [Span(0, len(pcm), text)]


def track(folder, name, kind, lengths_s, **about):
    path = folder / f"{name}.pcm"
    made = About(kind, name, name, "CC0-1.0", "en" if kind is Kind.SPEECH else "", **about)
    return write_track(
        path, made, *write_sound(path, pieces(len(name), lengths_s, "Something." if kind is Kind.SPEECH else ""))
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    tracks = (
        track(folder, "actor", Kind.SPEECH, [2.0, 4.5, 1.2, 3.3, 13.9]),
        track(folder, "robot", Kind.SPEECH, [5.0, 6.0], made=True),
        track(folder, "secret voice", Kind.SPEECH, [3.0], held_out=True),
        track(folder, "rain", Kind.NOISE, [0.2, 7.0]),
        track(folder, "song", Kind.MUSIC, [40.0]),
        track(folder, "crowd", Kind.BABBLE, [3.0]),
        track(folder, "secret noise", Kind.NOISE, [20.0], held_out=True),
    )
    return Library(tracks, (), Missing(()))


@pytest.fixture(scope="module")
def items(library):
    return Items(library, 3)


@given(number=NUMBERS)
@settings(max_examples=30, deadline=None)
def test_an_item_is_whole(items, number):
    item = items[number]
    for sound in (item.clean, item.heard, item.before):
        assert sound.dtype == np.float32
        assert np.isfinite(sound).all()
        assert np.abs(sound).max(initial=0) <= 1
    assert 0 < len(item.clean) <= samples(30)
    assert item.positions * SAMPLES_PER_POSITION >= len(item.clean)
    assert item.spoken == (items.what(number) is not What.NOBODY)
    assert not (len(item.before) and item.prompt)


def test_every_moment_is_heard_when_it_is(library):
    everything = Shares(untouched=0, room=1, noise=1, narrow=1, gain=1, codec=0)  # codecs: test_degrade.py
    items = Items(library, 9, Recipe(shares=((What.WHOLE, 0.5), (What.CUT, 0.5)), worse=everything))
    for number in range(8):
        item = items[number]
        size = 1 << (2 * len(item.clean)).bit_length()
        spectra = np.fft.rfft(item.heard, size) * np.conj(np.fft.rfft(item.clean, size))
        assert np.argmax(np.fft.irfft(spectra, size)) == 0


@given(number=NUMBERS, others=st.lists(NUMBERS, max_size=3))
@settings(max_examples=8, deadline=None)
def test_an_item_hangs_on_seed_and_number_alone(library, items, number, others):
    fresh = Items(library, 3)
    for other in others:
        _ = fresh[other]
    first, second = items[number], fresh[number]
    assert all(np.array_equal(getattr(first, name), getattr(second, name)) for name in ("clean", "heard", "before"))
    assert (first.positions, first.prompt, first.timed) == (second.positions, second.prompt, second.timed)


def test_views_of_a_sound_share_what_the_original_hears(items):
    for number in range(0, 12, 2):
        first, second = items[number], items[number + 1]
        assert first.clean is second.clean
        assert first.before is second.before
        assert (first.timed, first.prompt, first.spoken) == (second.timed, second.prompt, second.spoken)
        assert not np.array_equal(first.heard, second.heard) or first.positions != second.positions


def test_another_seed_gives_other_items(library, items):
    other = Items(library, 4)
    assert not any(np.array_equal(items[number].clean, other[number].clean) for number in range(10))


def test_kinds_come_as_often_as_the_recipe_says(items):
    count = 4000
    found = Counter(items.what(number) for number in range(count))
    for what, share in RECIPE.shares:
        assert found[what] / count == pytest.approx(share, abs=4 * np.sqrt(share / count))


def test_most_items_have_a_short_margin_and_some_stand_in_30_s(items):
    drawn = [items[number] for number in range(80)]
    short = [item for item in drawn if item.positions < MOST_POSITIONS]
    margins = [item.positions * SAMPLES_PER_POSITION - len(item.clean) for item in short]
    assert 0.6 < len(short) / len(drawn) < 0.95
    assert max(margins) <= samples(2.5) + SAMPLES_PER_POSITION
    assert np.median(margins) < samples(1.2)


def test_what_is_not_degraded_is_heard_as_it_is(library):
    items = Items(library, 1, Recipe(worse=Shares(untouched=1)))
    drawn = [(items.what(number), items[number]) for number in range(40)]
    assert all(np.array_equal(item.clean, item.heard) for what, item in drawn if what is not What.TRAILING)


def test_behind_somebody_who_has_spoken_the_original_hears_nothing(library):
    recipe = Recipe(shares=((What.TRAILING, 1.0),), worse=Shares(untouched=1))
    items = Items(library, 2, recipe)
    for number in range(20):
        item = items[number]
        differs = np.flatnonzero(item.clean != item.heard)
        if len(differs):
            assert not item.clean[differs[0] :].any()


def test_the_words_before_end_where_the_sound_begins(library):
    items = Items(library, 5, Recipe(shares=((What.INSIDE, 1.0),), worse=Shares(untouched=1)))
    for number in range(20):
        item = items[number]
        assert 0 < len(item.before) <= samples(15)
        assert item.spoken


def test_full_items_fill_the_window(library):
    items = Items(library, 6, Recipe(shares=((What.FULL, 1.0),)))
    for number in range(5):
        assert len(items[number].clean) == samples(30)
        assert items[number].positions == MOST_POSITIONS


def test_a_third_of_silence_has_a_prompt(library):
    items = Items(library, 7, Recipe(shares=((What.NOBODY, 1.0),)))
    drawn = [items[number] for number in range(60)]
    assert 0.15 < sum(bool(item.prompt) for item in drawn) / len(drawn) < 0.6
    assert not any(item.spoken or len(item.before) for item in drawn)


def test_what_is_held_out_is_never_drawn(library, items):
    secret = {item.voice for item in library.held_out}
    assert secret == {"secret voice", "secret noise"}
    assert not secret & {track.about.voice for kind in Kind for track in library.of(kind)}


def test_held_out_clips_have_their_text_or_nobody_speaks(library):
    assert Counter(bool(clip.text) for clip in library.held_out) == {True: 1, False: 1}


def test_credits_name_all_that_is_trained_with(library):
    named = [credit.source for credit in library.credits]
    assert named == ["actor", "robot", "rain", "song", "crowd"]
    assert all(credit.hours > 0 and credit.licence for credit in library.credits)


def test_without_any_noise_noise_is_made_up(library):
    alone = Library(library.of(Kind.SPEECH), (), Missing(()))
    items = Items(alone, 8, Recipe(shares=((What.NOBODY, 0.5), (What.TRAILING, 0.5))))
    assert len({len(items[number].heard) for number in range(0, 20, 2)}) == 10


def test_shares_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match="not to 1"):
        Recipe(shares=((What.WHOLE, 0.7),))


def drawn_from(tracks):
    """Return the share of each track, by voice."""
    speakers = Speakers(tracks)
    shares = np.diff(speakers._bounds, prepend=0) / speakers._bounds[-1]
    return {track.about.voice: share for track, share in zip(tracks, shares, strict=True)}


def speech(length_s, voice, **about):
    spans = (Span(0, samples(length_s)),)
    return Track(Path(voice), About(Kind.SPEECH, voice, voice, "CC0-1.0", **about), spans)


def test_the_users_own_is_half_where_there_is_enough_of_it():
    shares = drawn_from((speech(9000, "actor", language="en"), speech(1800, "me", own=True)))
    assert shares["me"] == pytest.approx(0.5)
    assert drawn_from((speech(9, "me", own=True),)) == {"me": 1.0}


def test_people_are_heard_more_than_machines_and_no_language_is_forgotten():
    shares = drawn_from(
        (
            speech(3600, "actor", language="en"),
            speech(3600, "robot", language="en", made=True),
            speech(36, "acteur", language="fr"),
        )
    )
    assert shares["actor"] == pytest.approx(40 * shares["robot"])
    assert 0.15 < shares["acteur"] < 0.35


@pytest.fixture(scope="module")
def corrections(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transcripts")
    said = [*(Said(0.4, 2.0, f"It was told, number {index}.") for index in range(8)), Said(0.4, 1.0, "")]
    corrected_session(folder, said)
    return find_corrections(folder, {"en"})


def test_corrections_take_their_share_and_the_rest_stays_as_it_is(library, corrections):
    items, count = Items(library, 3, corrections=corrections), 4000
    found = Counter(items.what(number) for number in range(count))
    share = corrections.share
    for what, old in (*RECIPE.shares, (What.CORRECTED, None)):
        wanted = share if old is None else (1 - share) * old
        assert found[what] / count == pytest.approx(wanted, abs=5 * np.sqrt(wanted / count))


def test_a_corrected_item_has_its_text_and_is_heard_worse_with_another_margin_each_time(library, corrections):
    everything = Recipe(shares=((What.CORRECTED, 1.0),))
    items = Items(library, 3, Recipe(shares=((What.WHOLE, 1.0),)), corrections=corrections)
    items._recipe = everything
    drawn = [items[number] for number in range(60)]
    assert all(item.spoken == bool(item.told) for item in drawn)
    assert {item.spoken for item in drawn} == {True, False}
    assert {item.timed for item in drawn} == {True, False}
    assert all(item.language == "en" for item in drawn)
    for item in drawn:
        assert item.positions * SAMPLES_PER_POSITION >= len(item.clean)
    for first, second in zip(drawn[::2], drawn[1::2], strict=True):
        assert first.clean is second.clean
        assert first.told is second.told
    assert any(not np.array_equal(item.clean, item.heard) for item in drawn)
