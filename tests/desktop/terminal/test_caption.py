import argparse
import queue

import pytest

from desktop.terminal import caption
from engine.errors import SettingsError
from engine.records import Caption, Level, State, StateChange, Stats


def test_lines_tell_once_what_is_given_up_and_when_it_comes_back(capsys):
    events = queue.SimpleQueue()
    for level in (Level.NORMAL, Level.SLOWER, Level.SLOWER, Level.LIGHTER, Level.NORMAL):
        events.put(Stats(level=level))
    events.put(Caption(0, "And so.", "", True, (), 0, 0, "en"))
    events.put(StateChange(State.IDLE))
    assert caption._watch(events) == 0
    said = capsys.readouterr()
    assert said.out == "And so.\n"
    assert said.err.splitlines() == [
        "undertext: this computer is slow: captions come less often",
        "undertext: this computer is slow: a smaller model listens",
        "undertext: this computer keeps up again",
    ]


@pytest.mark.parametrize("words", [["--keep-sound"], ["--keep-sound", "--save", "kept", "--task", "translate"]])
def test_sound_without_words_is_refused_with_its_mend(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    caption.configure(parser)
    with pytest.raises(SettingsError, match="sound") as caught:
        caption.run(parser.parse_args(["demo", *words]))
    assert "--save" in caught.value.hint or "--task" in caught.value.hint
    assert not list(tmp_path.iterdir())
