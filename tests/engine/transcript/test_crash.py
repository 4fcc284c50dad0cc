"""kill -9 at any moment loses no word that was acknowledged, and the journal stays readable."""

import os
import random
import signal
import subprocess
import sys

import pytest

from engine.transcript.library import Library

KILLS = 50

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the writers are forked")


@pytest.fixture
def writers():
    command = [sys.executable, "-m", "tests.engine.transcript.killed_writer"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        yield process
        process.stdin.close()


def test_kill_9_at_random_moments_loses_no_acknowledged_word(writers, tmp_path):
    chance = random.Random(9)
    for kill in range(KILLS):
        folder = tmp_path / str(kill)
        writers.stdin.write(f"{folder}\n")
        pid = int(writers.stdout.readline())
        said = [writers.stdout.readline().strip() for _ in range(chance.randrange(60))]
        os.kill(pid, signal.SIGKILL)
        while (word := writers.stdout.readline().strip()) != "gone":
            said.append(word)
        if not said:
            continue
        (summary,) = Library(folder).sessions()
        assert not (summary.ended or summary.live)
        kept = " ".join(segment.text.strip() for segment in Library(folder).read("last").segments).split()
        assert kept[: len(said)] == said
        assert len(kept) <= len(said) + 1  # one may be written and not yet acknowledged
