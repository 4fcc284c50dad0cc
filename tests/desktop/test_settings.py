import json
import os
import random
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.settings import AppSettings, EngineChoice, OverlaySettings, Place, from_json, remembered, to_json
from desktop.settings_file import MAX_BYTES, Loaded, SettingsFile, decoded
from engine.errors import SettingsError

NAMES = st.text(max_size=3) | st.sampled_from(
    (
        "overlay window source engine places controls x width font_pt hold_s kind visible version model unknown "
        "task vocabulary updates look asked_at newest dismissed"
    ).split()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, JSON, max_size=6))
@settings(max_examples=200)
def test_any_content_gives_usable_settings_that_come_back_unchanged(content):
    chosen, _ = from_json(AppSettings, content)
    again, faults = from_json(AppSettings, json.loads(json.dumps(to_json(chosen))))
    assert faults == []
    assert json.dumps(to_json(again)) == json.dumps(to_json(chosen))


def damaged(count):
    """Yield files of settings that were cut and scribbled over; a seeded walk, for what counts is the number."""
    rng = random.Random(10)
    good = json.dumps(to_json(AppSettings(overlay=OverlaySettings(places={"one": Place(x=5)})))).encode()
    for _ in range(count):
        data = bytearray(good[: rng.randrange(len(good) + 1)] if rng.random() < 0.3 else good)
        for _ in range(rng.randrange(6)):
            if data:
                data[rng.randrange(len(data))] = rng.choice(b'{}[]",:0123456789eE+-.nulltruefalse\\\x00\xff')
        yield bytes(data)


def test_ten_thousand_damaged_files_are_settings_or_refused():
    outcomes = set()
    for data in damaged(10_000):
        try:
            outcomes.add(type(decoded(data)))
        except (TypeError, ValueError, RecursionError):
            outcomes.add("refused")
    assert outcomes == {Loaded, "refused"}


def test_the_program_starts_with_any_damaged_file(tmp_path):
    file = SettingsFile(tmp_path / "settings.json")
    for data in damaged(100):
        (tmp_path / "settings.json").write_bytes(data)
        assert isinstance(file.load().settings, AppSettings)


def test_what_is_saved_is_loaded(tmp_path):
    file = SettingsFile(tmp_path / "new" / "settings.json")
    chosen = AppSettings(
        engine=EngineChoice(model="base", task="translate", vocabulary=("Aoife", "東京")),
        overlay=OverlaySettings(places={"A": Place(x=-7)}),
    )
    file.save(chosen)
    assert file.load().settings == chosen


def test_keys_of_a_newer_version_are_kept_at_every_level():
    content = {"future": [1], "overlay": {"glow": True, "places": {"A": {"x": 1, "z": 9}}}}
    chosen, faults = from_json(AppSettings, content)
    written = to_json(chosen)
    assert faults == []
    assert written["future"] == [1]
    assert written["overlay"]["glow"] is True
    assert written["overlay"]["places"]["A"]["z"] == 9


def test_a_value_out_of_its_range_gives_way_and_is_named():
    chosen, faults = from_json(AppSettings, {"overlay": {"font_pt": 1000, "line_count": 3}})
    assert chosen.overlay.font_pt == OverlaySettings().font_pt
    assert chosen.overlay.line_count == 3
    assert faults == ["AppSettings.overlay.font_pt"]


@pytest.mark.parametrize("terms", ["Aoife", [1], ["a\nb"], ["x"] * 101, {"a": 1}])
def test_a_vocabulary_that_no_model_can_be_shown_gives_way(terms):
    chosen, faults = from_json(EngineChoice, {"vocabulary": terms, "task": "translate"})
    assert (chosen, faults) == (EngineChoice(task="translate"), ["EngineChoice.vocabulary"])


def test_a_whole_number_may_stand_for_a_fraction():
    assert from_json(OverlaySettings, {"hold_s": 6})[0].hold_s == 6.0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("font_pt", 9),
        ("font_pt", True),
        ("opacity", 0.5),
        ("hold_s", float("nan")),
        ("font_family", "x" * 2000),
    ],
)
def test_a_record_refuses_what_is_out_of_range_by_name(field, value):
    with pytest.raises(SettingsError, match=f"OverlaySettings.{field}"):
        OverlaySettings(**{field: value})


def test_a_broken_file_is_set_aside_and_the_one_before_is_taken(tmp_path):
    path = tmp_path / "settings.json"
    file = SettingsFile(path)
    first, second = AppSettings(engine=EngineChoice(model="a")), AppSettings(engine=EngineChoice(model="b"))
    file.save(first)
    file.save(second)
    path.write_text("{ torn")
    loaded = file.load()
    assert loaded.settings == first
    assert loaded.broken == "settings.json.broken"
    assert loaded.from_backup
    assert (tmp_path / "settings.json.broken").read_text() == "{ torn"


def test_a_broken_file_without_a_backup_gives_the_defaults(tmp_path):
    path = tmp_path / "settings.json"
    path.write_bytes(b" " * (MAX_BYTES + 1))
    loaded = SettingsFile(path).load()
    assert loaded.settings == AppSettings()
    assert loaded.broken


def test_no_file_gives_the_defaults_without_a_word(tmp_path):
    loaded = SettingsFile(tmp_path / "settings.json").load()
    assert loaded.settings == AppSettings()
    assert not loaded.broken


def test_only_the_owner_reads_the_files_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        file = SettingsFile(tmp_path / "home" / "settings.json")
        file.save(AppSettings())
        file.save(AppSettings(engine=EngineChoice(model="b")))
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "home").iterdir()}
    assert modes == {"settings.json": 0o600, "settings.json.bak": 0o600}
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def test_a_disk_that_refuses_is_an_error_with_its_mend(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError) as caught:
        SettingsFile(tmp_path / "file" / "settings.json").save(AppSettings())
    assert "Make room" in caught.value.hint


def test_the_oldest_set_of_screens_is_forgotten():
    places = {}
    for index in range(200):
        places = remembered(places, str(index), Place(x=index))
    assert len(places) == 64
    assert list(places)[-1] == "199"
