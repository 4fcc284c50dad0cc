"""Corrections: found with their own sound, a few held out, the rest drawn alone and with what follows."""

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.adapt.corrections import ENOUGH_S, LONGEST, SHARE, SOURCE, Corrections, find_corrections
from engine.errors import AdaptationError
from engine.transcript.library import Library
from engine.transcript.sound import sound_files
from engine.units import samples
from tests.engine.adapt.corrected_sessions import Said, corrected_session

ENGLISH = {"en"}
SEGMENTS = st.lists(
    st.builds(Said, st.floats(0, 3), st.floats(0.3, 4), st.sampled_from([None, "", "Told.", "It was told."])),
    min_size=1,
    max_size=8,
)


def told(count, **given):
    return [Said(0.4, 1.0 + 0.1 * index, f"It was told, number {index}.", **given) for index in range(count)]


@settings(max_examples=15, deadline=None)
@given(segments=SEGMENTS)
def test_each_correction_has_its_own_sound_and_no_neighbours(segments):
    with TemporaryDirectory() as folder:
        _, heard = corrected_session(Path(folder), segments)
        wanted = [at for at, said in enumerate(segments) if said.correction is not None]
        if not wanted:
            with pytest.raises(AdaptationError):
                find_corrections(Path(folder), ENGLISH)
            return
        found = find_corrections(Path(folder), ENGLISH).segments
        assert [each.place for each in found] == wanted
        assert [each.text for each in found] == [segments[at].correction for at in wanted]
        for each in found:
            assert np.array_equal(each.pcm, heard[slice(*each.span)])
            assert 0 <= each.first < each.last <= len(each.pcm)
            assert each.last - each.first == pytest.approx(samples(segments[each.place].length_s), abs=32)
        for before, after in pairwise(found):
            assert before.span[1] <= after.span[0]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """Two sessions of twelve corrected segments each, and what is found in them; nobody spoke in one."""
    folder = tmp_path_factory.mktemp("transcripts")
    heard = {}
    for number in range(2):
        segments = [*told(11), Said(0.4, 1.0, "")]
        name, heard[name] = corrected_session(folder, segments, number=number)
    return find_corrections(folder, ENGLISH), heard


@settings(deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_lesson_is_the_sound_of_what_is_told_in_it(spoken, seed):
    corrections, _ = spoken
    lesson = corrections.draw(np.random.default_rng(seed))
    assert 0 < len(lesson.sound) <= LONGEST
    assert np.abs(lesson.sound).max() <= 1
    times = [at for each in lesson.told for at in (each.start, each.stop)]
    assert times == sorted(times)
    assert all(0 <= at <= len(lesson.sound) for at in times)
    texts = {each.text for each in corrections.learned}
    assert {each.text for each in lesson.told} <= texts
    again = corrections.draw(np.random.default_rng(seed))
    assert np.array_equal(lesson.sound, again.sound)
    assert lesson.told == again.told


def test_lessons_are_of_one_segment_and_of_several_with_and_without_a_prompt(spoken):
    corrections, heard = spoken
    lessons = [corrections.draw(np.random.default_rng(seed)) for seed in range(60)]
    assert {len(lesson.told) for lesson in lessons} >= {0, 1, 2, 3}
    assert {bool(lesson.prompt) for lesson in lessons} == {True, False}
    whole = b"".join(sound.tobytes() for sound in heard.values())
    for lesson in lessons[:10]:
        assert np.round(lesson.sound * 32768).astype(np.int16).tobytes() in whole


def test_a_fifth_is_held_out_and_never_drawn(spoken):
    corrections, _ = spoken
    clips = corrections.held_out
    assert len(clips) == 24 // 5
    assert len(corrections.learned) == 24 - len(clips)
    sounds = [clip.sound[samples(0.3) : samples(1.0)].tobytes() for clip in clips]
    for seed in range(60):
        drawn = corrections.draw(np.random.default_rng(seed)).sound.tobytes()
        assert not any(sound in drawn for sound in sounds)


@pytest.mark.parametrize(("count", "kept"), [(1, 0), (2, 0), (3, 1), (8, 2), (9, 3), (15, 3), (40, 8)])
def test_of_few_corrections_a_few_are_held_out_and_most_are_learned(spoken, count, kept):
    some = Corrections((spoken[0].segments * 2)[:count])
    assert len(some.learned) == count - kept


def test_a_person_who_corrects_more_holds_out_mostly_the_same(spoken):
    all_of_them = spoken[0].segments
    before, after = (set(map(id, Corrections(some).learned)) for some in (all_of_them[:20], all_of_them))
    held = [each for each in all_of_them[:20] if id(each) not in before]
    assert sum(id(each) not in after for each in held) >= len(held) - 2


def test_little_that_was_corrected_is_a_small_share_of_what_is_heard(spoken):
    corrections, _ = spoken
    assert corrections.length_s < ENOUGH_S
    assert corrections.share == pytest.approx(SHARE * corrections.length_s / ENOUGH_S)
    assert Corrections(corrections.segments * 20).share == SHARE


def test_the_card_is_told_how_much_and_not_what(spoken):
    corrections, _ = spoken
    assert corrections.credit.source == SOURCE
    assert corrections.credit.hours == pytest.approx(corrections.length_s / 3600)
    assert "told" not in repr(corrections.credit)


def test_other_corrections_have_another_fingerprint(tmp_path):
    name, _ = corrected_session(tmp_path, told(3))
    first = find_corrections(tmp_path, ENGLISH).fingerprint
    assert find_corrections(tmp_path, ENGLISH).fingerprint == first
    Library(tmp_path).correct(name, 1, "Told otherwise.")
    assert find_corrections(tmp_path, ENGLISH).fingerprint != first


def test_without_sound_or_in_another_language_nothing_is_learned(tmp_path):
    corrected_session(tmp_path, told(3), number=1, keep_sound=False)
    corrected_session(tmp_path, told(3), number=2, language="de")
    with pytest.raises(AdaptationError, match="nothing was corrected") as caught:
        find_corrections(tmp_path, ENGLISH)
    assert "keep the sound" in caught.value.hint
    assert len(find_corrections(tmp_path, {"de", "en"}).segments) == 3


def test_sound_that_was_lost_is_left_out(tmp_path):
    name, _ = corrected_session(tmp_path, told(6))
    (file,) = sound_files(tmp_path, name)
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[: len(whole) // 2])
    found = find_corrections(tmp_path, ENGLISH).segments
    assert 1 <= len(found) < 6
    assert [each.place for each in found] == list(range(len(found)))
