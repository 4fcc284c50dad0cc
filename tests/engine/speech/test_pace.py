import math
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.records import Level
from engine.speech.pace import FLOOR_S, LATE_S, Cost, Pace
from engine.units import samples

STEP_S = 0.5
FIXED_S, SHARE = st.floats(0, 2), st.floats(0, 2.5)
LENGTHS_S = st.lists(st.floats(0.3, 12), min_size=1, max_size=12)


class Machine:
    """Decodes somebody who never pauses, each second of sound as often as the pace allows."""

    def __init__(self, cost_s, lighter_s=None, step_s=STEP_S):
        self.pace = Pace(step_s, lighter=lighter_s is not None)
        self.levels, self.delays_s, self.skipped_s = [], [], 0.0
        self.now_s = 0.0
        self._cost_s, self._lighter_s, self._step_s = cost_s, lighter_s, step_s
        self._fed_s = self._start_s = 0.0

    def run(self, until_s):
        while self.now_s < until_s:
            self._turn()

    def _turn(self):
        self.now_s = max(self.now_s, self._fed_s + 0.1)
        began_s, heard_s = self.now_s, self.now_s
        waited_s, oldest_s = heard_s - self._fed_s - 0.1, self._fed_s
        self.pace.begin(waited_s, began_s)
        self.levels.append(self.pace.level)
        self.pace.arrived(samples(heard_s), began_s)
        self._fed_s = heard_s
        if heard_s - self._start_s >= self._step_s * self.pace.stretch:
            self._decode(heard_s)
        self.delays_s.append(self.now_s - oldest_s)
        self.pace.end(self.now_s)
        self.levels.append(self.pace.level)

    def _decode(self, heard_s):
        longest_s = self.pace.longest_s(samples(heard_s), self.now_s)
        length_s = min(heard_s - self._start_s, longest_s)
        self.skipped_s += heard_s - self._start_s - length_s
        took_s = (self._lighter_s if self.pace.level is Level.LIGHTER else self._cost_s)(length_s)
        self.now_s += took_s
        self.pace.decoded(samples(length_s), took_s, self.now_s)
        self._start_s = heard_s

    @property
    def changes(self):
        return sum(before is not after for before, after in pairwise(self.levels))


def line(fixed_s, share):
    return lambda length_s: fixed_s + share * length_s


@given(LENGTHS_S, FIXED_S, SHARE, st.floats(0, 10))
def test_a_window_that_has_room_takes_no_more_than_there_is(lengths_s, fixed_s, share, room_s):
    cost = Cost()
    for length_s in lengths_s:
        cost.add(length_s, fixed_s + share * length_s)
    longest_s = cost.longest(room_s)
    assert longest_s >= 0
    if 0 < longest_s < math.inf:
        assert cost.of(longest_s) <= room_s + 1e-6
    assert cost.at_most(longest_s if longest_s < math.inf else 1.0) >= 0


@given(FIXED_S, SHARE, st.floats(0.3, 12))
def test_what_decodes_took_is_learnt(fixed_s, share, length_s):
    cost, true_s = Cost(), line(fixed_s, share)
    for each_s in (1.0, 3.0, 5.0, 7.0):
        cost.add(each_s, true_s(each_s))
    assert math.isclose(cost.of(length_s), true_s(length_s), rel_tol=0.1, abs_tol=0.1)


def test_a_padded_model_is_expected_to_cost_the_same_whatever_the_window():
    short, padded = Cost(), Cost()
    short.add(1.0, 2.5)
    padded.add(1.0, 2.5, padded=True)
    assert short.of(4.0) == 10.0
    assert padded.of(4.0) == 4.0


def test_a_machine_that_slows_down_is_known_at_once():
    cost = Cost()
    for length_s in (2.0, 3.0, 4.0, 5.0):
        cost.add(length_s, 0.1 * length_s)
    cost.add(4.0, 8.0)
    assert cost.of(4.0) == 8.0


@settings(deadline=None, max_examples=60)
@given(FIXED_S, SHARE)
def test_nothing_waits_longer_than_it_may_however_slow_the_machine(fixed_s, share):
    machine = Machine(line(fixed_s, share))
    machine.run(600)
    assert max(machine.delays_s) <= 12


@settings(deadline=None, max_examples=60)
@given(FIXED_S, SHARE, st.floats(0.1, 1))
def test_a_machine_that_stays_as_it_is_soon_stays_at_a_level(fixed_s, share, lighter):
    """Steps back that prove wrong come twice as late each time."""
    cost_s = line(fixed_s, share)
    machine = Machine(cost_s, lambda length_s: lighter * cost_s(length_s))
    machine.run(600)
    assert machine.changes <= 16


@settings(deadline=None, max_examples=40)
@given(FIXED_S, SHARE)
def test_what_a_load_took_comes_back_after_it(fixed_s, share):
    loaded = [True]
    machine = Machine(lambda length_s: line(fixed_s, share)(length_s) if loaded[0] else 0.05)
    machine.run(60)
    loaded[0] = False
    machine.run(60 + 20)
    machine.delays_s.clear()
    machine.run(60 + 260)
    assert machine.levels[-1] is Level.NORMAL
    assert max(machine.delays_s) <= 0.5
    assert machine.skipped_s <= 70


@given(st.floats(0, 0.2), st.floats(0, 0.02))
def test_a_machine_that_keeps_up_gives_up_nothing(fixed_s, share):
    machine = Machine(line(fixed_s, share))
    machine.run(120)
    assert set(machine.levels) == {Level.NORMAL}
    assert machine.skipped_s == 0


def test_the_wide_search_goes_first_and_the_model_last():
    machine = Machine(line(0, 3), line(0, 2))
    machine.run(60)
    assert list(dict.fromkeys(machine.levels)) == list(Level)


def test_without_a_smaller_model_the_chosen_one_stays():
    machine = Machine(line(0, 3))
    machine.run(60)
    assert machine.levels[-1] is Level.SLOWER
    machine = Machine(line(0, 3), line(0, 2))
    machine.run(60)
    machine.pace.forgo_lighter()
    machine.run(120)
    assert machine.levels[-1] is Level.SLOWER


def test_the_model_comes_back_only_where_it_would_fit():
    """The smaller one keeps up easily, and says what the other would take now."""
    load = [1.0]
    machine = Machine(lambda n: load[0] * n, lambda n: 0.02 * load[0] * n)
    machine.run(300)
    assert machine.levels[-1] is Level.LIGHTER
    assert machine.levels.count(Level.LIGHTER) > 0.9 * len(machine.levels)
    load[0] = 0.05
    machine.run(360)
    assert machine.levels[-1] is Level.NORMAL


def test_what_waits_for_the_first_look_is_no_delay():
    pace = Pace(STEP_S)
    pace.begin(3.0, 1000.0)
    pace.arrived(samples(3), 1000.0)
    pace.end(1000.5)
    assert pace.level is Level.NORMAL


@given(st.lists(st.tuples(st.floats(0.5, 12), st.floats(0, 30)), max_size=20))
def test_where_nothing_waits_nothing_is_given_up_however_long_it_takes(decodes):
    """A file that is read as fast as possible is never late."""
    pace, now_s = Pace(STEP_S, lighter=True), 0.0
    for length_s, took_s in decodes:
        now_s += took_s
        assert pace.longest_s(samples(length_s), now_s) == math.inf
        pace.decoded(samples(length_s), took_s, now_s)
        assert not pace.is_last_look(samples(length_s))
        assert (pace.level, pace.thorough, pace.stretch) == (Level.NORMAL, True, 1)


def test_sound_that_comes_too_late_to_be_decoded_is_left_out_whole():
    pace = Pace(STEP_S)
    pace.arrived(samples(10), 100.0)
    pace.decoded(samples(2), 2.0, 100.0)
    assert pace.longest_s(samples(10), 100.0) == LATE_S
    assert FLOOR_S <= pace.longest_s(samples(8), 101.5) <= LATE_S - 3
    assert pace.longest_s(samples(8), 103.0) == 0


def test_a_fast_machine_catches_up_with_sound_that_has_waited_long():
    pace = Pace(STEP_S)
    pace.arrived(samples(30), 100.0)
    pace.decoded(samples(2), 0.1, 100.0)
    assert pace.longest_s(samples(12), 100.0) > 12
    assert pace.longest_s(samples(12), 101.6) == 0


def test_how_late_sound_is_counts_from_when_it_came():
    pace = Pace(STEP_S)
    pace.arrived(samples(10), 100.0)
    assert pace.late_s(samples(8), 101.0) == 3.0
