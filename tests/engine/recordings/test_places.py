import os
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.media import listed
from engine.recordings.places import places

NAMES = ["talk", "Talk", "a b", "[1]", "ü", "日本", "-x", "d.o.t", "*", "%s", "'\"", "\n"]
if sys.platform == "win32":
    NAMES = [name for name in NAMES if not set(name) & set('*"\n')]
kinds = st.sampled_from(["wav", "mp3", "MP4", "txt", "jpg"])
trees = st.sets(st.tuples(st.sampled_from(["", "sub", "sub/deep", "other"]), st.sampled_from(NAMES), kinds), min_size=1)


@pytest.fixture
def tree(tmp_path_factory):
    """Make files of (folder, stem, ending) in a new folder."""

    def make(files):
        root = tmp_path_factory.mktemp("tree")
        for folder, stem, ending in files:
            (root / folder).mkdir(parents=True, exist_ok=True)
            (root / folder / f"{stem}.{ending}").touch()
        return root

    return make


@settings(max_examples=30, deadline=None)
@given(trees, st.booleans())
def test_every_recording_of_a_folder_has_a_place_of_its_own(tmp_path_factory, files, apart):
    root = tmp_path_factory.mktemp("tree")
    for folder, stem, ending in files:
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / f"{stem}.{ending}").touch()
    media = {path for path in root.rglob("*.*") if path.is_file() and listed(path)}
    found = places([str(root)], root / "out" if apart else None)
    assert {place.recording for place in found} == media
    assert len({str(place.target).casefold() for place in found}) == len(found) == len(media)
    for place in found:
        within = place.recording.parent.relative_to(root)
        assert place.target.parent == (root / "out" / within if apart else place.recording.parent)


def test_a_transcript_is_called_as_its_recording_unless_another_is_too(tree):
    root = tree([("", "talk", "mp3"), ("", "talk", "mp4"), ("", "song", "wav"), ("", "song", "txt")])
    named = {place.recording.name: place.target.name for place in places([str(root)], None)}
    assert named == {"talk.mp3": "talk.mp3", "talk.mp4": "talk.mp4", "song.wav": "song"}
    (alone,) = places([str(root / "talk.mp3")], None)
    assert alone.target.name == "talk.mp3"  # as if the other had been named too


def test_recordings_of_one_name_from_two_folders_do_not_meet(tree):
    root = tree([("a", "talk", "mp3"), ("b", "talk", "mp3"), ("c/b", "talk", "mp3")])
    files = [str(root / "a/talk.mp3"), str(root / "b/talk.mp3"), str(root / "c/b/talk.mp3")]
    targets = [place.target.name for place in places(files, root / "out")]
    assert targets == ["talk", "talk.mp3", "b talk.mp3"]


def test_a_file_is_meant_once_and_whatever_its_ending(tree):
    root = tree([("", "talk", "bin")])
    path = str(root / "talk.bin")
    assert [place.recording.name for place in places([path, path], None)] == ["talk.bin"]


def test_patterns_are_understood_where_no_shell_did_it(tree):
    root = tree([("", "b", "mp3"), ("", "a", "mp3"), ("", "c", "wav"), ("sub", "d", "mp3")])
    assert [p.recording.name for p in places([str(root / "*.mp3")], None)] == ["a.mp3", "b.mp3"]
    assert [p.recording.name for p in places([os.path.join(root, "**", "*.mp3")], None)] == ["a.mp3", "b.mp3", "d.mp3"]  # noqa: PTH118
    assert [p.recording.name for p in places([str(root / "*.ogg")], None)] == ["*.ogg"]  # and fails by that name


def test_hidden_files_and_folders_are_left_alone(tree):
    root = tree([("", ".hidden", "mp3"), (".cache", "talk", "mp3"), ("", "talk", "mp3")])
    assert [place.recording.name for place in places([str(root)], None)] == ["talk.mp3"]
