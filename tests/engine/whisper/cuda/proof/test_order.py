"""The vector clocks find exactly the clashes that some run of the program has."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.whisper.cuda.proof.order import HOST, Access, Act, clocks, common, faults, merged

LANES = (HOST, "copy", "compute", "encoder")


def reads(buffer, start=0, stop=4):
    return Access(buffer, ((start, stop),), writes=False)


def writes(buffer, start=0, stop=4):
    return Access(buffer, ((start, stop),), writes=True)


def runs(program):
    """Yield every (earlier, later) pair of acts that some run has, by trying all runs.

    The host takes its acts in order: its own it does, those of a stream it starts. A stream does the first act that was
    started and not done, as soon as the events that it waits for have happened.
    """
    queues = {lane: [n for n, act in enumerate(program) if act.lane == lane] for lane in LANES}
    by_event = {act.event: n for n, act in enumerate(program) if act.event is not None}
    seen, open_states = set(), [(0, frozenset())]
    while open_states:
        state = open_states.pop()
        if state in seen:
            continue
        seen.add(state)
        started, done = state
        for lane in LANES:
            n = next((n for n in queues[lane] if n not in done), None)
            if n is None or any(by_event[event] not in done for event in program[n].after):
                continue
            if (n == started) if lane == HOST else (n < started):
                yield from ((before, n) for before in done)
                open_states.append((started + (lane == HOST), done | {n}))
        if started < len(program) and program[started].lane != HOST:
            open_states.append((started + 1, done))


def clashing(program):
    """Pairs of acts, by number, that touch the same bytes, one to write, and that come in both orders."""
    pairs = set(runs(program))
    found = set()
    for one, two in combinations(range(len(program)), 2):
        touch = any(
            a.buffer == b.buffer and (a.writes or b.writes) and common(a.spans, b.spans)
            for a in program[one].accesses
            for b in program[two].accesses
        )
        if touch and {(one, two), (two, one)} <= pairs:
            found.add((one, two))
    return found


@st.composite
def programs(draw):
    acts, events = [], []
    for n in range(draw(st.integers(1, 7))):
        lane = draw(st.sampled_from(LANES))
        after = tuple(draw(st.lists(st.sampled_from(events), max_size=2, unique=True))) if events else ()
        event = n if draw(st.booleans()) else None
        access = draw(st.sampled_from((reads, writes)))
        start = draw(st.integers(0, 3))
        accesses = (access(draw(st.sampled_from("ab")), start, start + draw(st.integers(1, 2))),)
        acts.append(Act(lane, f"act {n}", accesses if draw(st.integers(0, 4)) else (), after, event))
        events += [event] if event is not None else []
    return acts


def accused(program):
    """The pairs of acts that the faults name."""
    numbers = {repr(act.name): n for n, act in enumerate(program)}
    found = set()
    for fault in faults(program):
        now, _, past = fault.partition(" while ")
        found.add((numbers[past.partition(" on ")[0]], numbers[now.partition(" on ")[0]]))
    return found


@settings(max_examples=600, deadline=None)
@given(programs())
def test_a_clash_is_found_exactly_where_some_run_has_one(program):
    real = clashing(program)
    found = accused(program)
    assert found <= real
    # Of several touches of one kind only the newest is named.
    kinds = {(program[one].lane, program[one].accesses, two) for one, two in found}
    assert {(program[one].lane, program[one].accesses, two) for one, two in real} == kinds


@settings(max_examples=200, deadline=None)
@given(programs())
def test_clocks_tell_what_has_happened_in_every_run(program):
    pairs = set(runs(program))
    done = list(clocks(program))
    numbers = [[act.lane for act in program[: n + 1]].count(act.lane) for n, act in enumerate(program)]
    for one, two in combinations(range(len(program)), 2):
        surely = numbers[one] <= done[two][1].get(program[one].lane, 0)
        assert surely == ((two, one) not in pairs)


def test_a_copy_that_is_waited_for_is_in_order():
    upload = Act("copy", "upload", (reads("staging"), writes("ring")), event=1)
    assert not faults([upload, Act("compute", "wait", after=(1,)), Act("compute", "mel", (reads("ring"),))])


def test_a_copy_that_nobody_waits_for_is_not():
    upload = Act("copy", "upload", (reads("staging"), writes("ring")), event=1)
    (fault,) = faults([upload, Act("compute", "mel", (reads("ring"),))])
    assert fault == "'mel' on compute reads ring while 'upload' on copy may still be writing bytes 0–4"


def test_staging_is_not_reused_before_it_was_copied():
    write = Act(HOST, "host write", (writes("staging"),))
    upload = Act("copy", "upload", (reads("staging"), writes("ring")), event=1)
    (fault,) = faults([write, upload, write])
    assert fault == "'host write' on the host writes staging while 'upload' on copy may still be reading bytes 0–4"
    assert not faults([write, upload, Act(HOST, "get", after=(1,)), write])


def test_other_bytes_of_the_same_buffer_may_be_written():
    upload = Act("copy", "upload", (reads("staging", 0, 4),))
    assert not faults([upload, Act(HOST, "host write", (writes("staging", 4, 8),))])


def test_order_is_handed_on_from_lane_to_lane():
    program = [
        Act("copy", "upload", (writes("ring"),), event=1),
        Act("compute", "mel", (reads("ring"), writes("mel")), after=(1,), event=2),
        Act(HOST, "get", after=(2,)),
        Act("copy", "upload", (writes("ring"),)),  # the host knows by `get` that mel has read the ring
    ]
    assert not faults(program)
    assert faults([*program[:2], program[3]])


def test_what_nothing_was_written_to_is_not_read():
    empty = Act("compute", "empty", makes=("x",))
    half = Act("compute", "fill", (writes("x", 0, 4),))
    read = Act("compute", "sum", (reads("x", 0, 8),))
    assert faults([empty, half, read]) == ["'sum' on compute reads x before anything wrote bytes 4–8"]
    assert not faults([empty, half, Act("compute", "fill", (writes("x", 4, 8),)), read])


def test_places_picked_by_number_fill_nothing():
    put = Act("compute", "index_put_", (Access("x", ((0, 8),), writes=True, fills=False),))
    assert faults([Act("compute", "empty", makes=("x",)), put, Act("compute", "sum", (reads("x", 0, 8),))])


def test_what_was_there_before_is_filled():
    assert not faults([Act("compute", "sum", (reads("weights"),))])


def test_a_wait_for_nothing_is_refused():
    with pytest.raises(ValueError, match="event 7"):
        faults([Act("compute", "wait", after=(7,))])


spans = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=6)


def bytes_of(found):
    return {byte for start, stop in found for byte in range(start, stop)}


@given(spans, spans)
def test_spans_are_sets_of_bytes(some, others):
    mine, theirs = merged(some), merged(others)
    assert bytes_of(mine) == bytes_of(some)
    assert all(before[1] < after[0] for before, after in pairwise(mine))
    assert bytes_of(common(mine, theirs)) == bytes_of(some) & bytes_of(others)
