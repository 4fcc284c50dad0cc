"""The whole program as a child process, in a home of its own, with the models that the tests share."""

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from desktop.assets import DEMO_CLIP
from desktop.terminal.caption import LEVELS
from tests import material
from tests.sound_server import until

ROOT = Path(__file__).parents[1]
UNDERTEXT = Path(sys.executable).with_name("undertext")
ALL_IN_S = 240  # for what takes seconds: the machine may be busy


class Program:
    """Runs `undertext …` and looks at what it leaves.

    Args:
        folder: A new one.
    """

    def __init__(self, folder):
        models = Path(os.environ.get("UNDERTEXT_TEST_MODELS", ROOT / "build" / "models"))
        models.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        (self.home / "models").symlink_to(models)
        self.events_file = folder / "events.jsonl"
        self.kept = folder / "kept"
        self._process = None

    def run(self, *arguments, command=(UNDERTEXT,), **environment):
        """Run it to its end; return what it printed, and its exit code."""
        return subprocess.run(
            [*command, *map(str, arguments)],
            capture_output=True,
            encoding="utf-8",
            timeout=ALL_IN_S,
            check=False,
            cwd=ROOT,
            env=self.env(**environment),
        )

    @contextlib.contextmanager
    def running(self, *arguments, **streams):
        """Run it while the block does; its events go to `events_file`, its transcript to `kept`."""
        self.events_file.unlink(missing_ok=True)
        words = (*map(str, arguments), "--events", self.events_file, "--save", self.kept)
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
        with subprocess.Popen([UNDERTEXT, *words], cwd=ROOT, env=self.env(), encoding="utf-8", **pipes) as process:
            self._process = process
            try:
                yield process
            finally:
                process.kill()

    def env(self, **more):
        """Return the environment of the child."""
        return {**os.environ, "UNDERTEXT_HOME": str(self.home), **more}

    def events(self):
        """Return the events that were wholly written so far."""
        return read_events(self.events_file)

    def hears(self, condition, what):
        """Wait for the first event that is so, and return it."""
        return self.shows(lambda events: next(filter(condition, events), None), what)

    def shows(self, condition, what):
        """Wait until the events so far are so, or the program has ended, which is a failure."""

        def met():
            ended = self._process.poll() is not None
            value = condition(self.events())
            assert value or not ended, f"it ended with {self._process.returncode} before {what}"
            return value

        return until(met, what, ALL_IN_S)


def light_model():
    """Return the model that costs least here: tests share two cores."""
    return material.engine("live" if (material.SHARED / "models").is_dir() else "tiny.en").model


def read_events(path):
    """Return the events of a log that may still grow."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def is_listening(event):
    """Whether sound is heard from here on."""
    return event["type"] == "state" and event["state"] == "listening"


def is_committing(event):
    """Whether words become final."""
    return event["type"] == "caption" and event["words"]


def committed(events):
    """Return every word that was shown as final, in order."""
    return "".join(word["text"] for event in events if event["type"] == "caption" for word in event["words"]).split()


def plain(text):
    """Return text as words without case and punctuation, as error rates count them."""
    return " ".join(re.findall(r"[\w']+", text.lower()))


def troubles(said):
    """Return what a program complained of; that this computer is busy may be true, where tests share it."""
    return [line for line in said.splitlines() if not any(level in line for level in LEVELS.values())]


def cut_demo(path, length_s):
    """Write the first seconds of the demo clip to a file."""
    command = ["ffmpeg", "-v", "error", "-y", "-i", DEMO_CLIP, "-t", str(length_s), path]
    subprocess.run(command, check=True, timeout=60)
    return path
