import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.adapt.run import Goal, Watch, run  # noqa: E402
from engine.adapt.state import Work  # noqa: E402
from engine.errors import AdaptationError  # noqa: E402
from tests.engine.adapt.made_up import NEVER, items, training  # noqa: E402

ROOT = Path(__file__).parents[3]
STEPS = 4
GOAL = Goal(steps=STEPS)
# A run of the test's model in a process of its own, which keeps every state and says so.
CHILD = f"""
import itertools, sys
sys.path.insert(0, {str(ROOT)!r})
from tests.engine.adapt.test_run import GOAL, Watch, Work, Path, draw, run, training
clock = itertools.count(0, 60)
work = Work(Path(sys.argv[1]), {{}})
def tell(progress):
    print(progress.figures.step, flush=True)
with work.held():
    run(training(), draw, work, GOAL, Watch(tell, clock=clock.__next__))
"""


def draw(step):
    return items(step, count=2)


def weights(learner):
    return {name: value.clone() for name, value in learner.state()[0].items()}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The weights and moments of a run that was never broken off."""
    work, learner = Work(tmp_path_factory.mktemp("unbroken"), {}), training()
    with work.held():
        assert run(learner, draw, work, GOAL, Watch()).figures.step == STEPS
    return weights(learner)


@pytest.fixture
def work(tmp_path):
    found = Work(tmp_path / "work", {})
    with found.held():
        yield found


def same(learner, other):
    found = weights(learner)
    assert found.keys() == other.keys()
    for name, value in found.items():
        # Not to the bit: with another number of threads, sums differ by 3e-8. A step that was lost moves all by more.
        torch.testing.assert_close(value, other[name], rtol=1e-5, atol=1e-6)


def test_a_run_that_is_stopped_goes_on_as_if_it_had_not_been(work, unbroken):
    for stop_at in (1, 3, STEPS):
        learner = training()
        run(learner, draw, work, GOAL, Watch(stop=lambda learner=learner, stop_at=stop_at: learner.made == stop_at))
        assert work.load().step == stop_at
    same(learner, unbroken)


def test_a_run_that_is_killed_goes_on_as_if_it_had_not_been(tmp_path, unbroken):
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, tmp_path], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as child:
        for line in child.stdout:
            if int(line) == 2:
                os.kill(child.pid, signal.SIGKILL)
                break
    assert child.returncode == -signal.SIGKILL
    learner, work = training(), Work(tmp_path, {})
    with work.held():
        assert work.load().step in {1, 2}
        run(learner, draw, work, GOAL, Watch())
    same(learner, unbroken)


def test_a_run_that_is_over_is_over(work, unbroken):
    run(training(), draw, work, GOAL, Watch())
    learner = training()
    assert run(learner, draw, work, GOAL, Watch()) is None
    same(learner, unbroken)


def test_a_run_by_the_clock_ends_when_its_time_is_over_all_runs_together(work):
    seen, clock = [], iter(range(0, 10_000, 5)).__next__
    watch = Watch(tell=seen.append, clock=lambda: float(clock()), stop=lambda: len(seen) == 1)
    run(training(), draw, work, Goal(length_s=40.0), watch)
    spent_s = work.load().spent_s
    assert 0 < spent_s < 40
    learner = training()
    last = run(learner, draw, work, Goal(length_s=40.0), Watch(tell=seen.append, clock=watch.clock))
    assert last.done == 1.0
    assert last.left_s == 0
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    assert learner.made == len(seen)


def test_a_state_that_cannot_be_kept_is_told_and_costs_no_step(work, unbroken):
    notes, learner = [], training()
    (work.folder / "000004.safetensors" / "in the way").mkdir(parents=True)
    run(learner, draw, work, GOAL, Watch(note=notes.append))
    same(learner, unbroken)
    assert "cannot be kept" in notes[0]
    assert work.load() is None


def test_a_state_of_another_adaptation_is_not_used(work):
    run(training(), draw, work, Goal(steps=1), Watch())
    with pytest.raises(AdaptationError, match="seed"):
        run(training(), draw, Work(work.folder, {"seed": 2}), GOAL, Watch())


@pytest.mark.parametrize("goal", [{}, {"steps": 3, "length_s": 3.0}])
def test_a_run_ends_by_its_steps_or_by_its_time(goal):
    with pytest.raises(ValueError, match="by its steps or by its time"):
        Goal(**goal)


def test_who_is_taught_by_a_model_that_understands_nothing_is_told(work):
    with pytest.raises(AdaptationError, match="understands nothing of 24 sounds"):
        run(training(ends=NEVER), lambda step: items(step, count=5), work, Goal(steps=20), Watch())
