import pytest

from desktop import headless
from engine.records import Caption


def caption(committed, unstable):
    return Caption(0, committed, unstable, False, (), 0, 0, "en")


def test_the_picture_shows_settled_and_unstable_words(qapp, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    headless._paint([caption("Settled words", " and more"), caption("Settled words and more.", "")])
    assert (tmp_path / headless.PICTURE).exists()


def test_without_captions_there_is_no_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    headless._paint([])
    assert list(tmp_path.iterdir()) == []


def test_the_event_log_gives_the_captions_back(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text(
        '{"type": "state", "state": "listening"}\n'
        '{"type": "caption", "segment": 3, "committed": "One", "unstable": " two", "final": false, "language": "en"}\n'
    )
    (found,) = headless._captions(path)
    assert (found.segment, found.committed, found.unstable) == (3, "One", " two")


def test_a_folder_that_cannot_be_written_is_told_with_its_mend(qapp, tmp_path, monkeypatch):
    monkeypatch.setattr(headless, "PICTURE", tmp_path / "missing" / "overlay.png")
    with pytest.raises(headless.SettingsError) as caught:
        headless._paint([caption("One", " two")])
    assert "may write" in caught.value.hint
