"""The recording device finds every fault that was put into a small program, and none in one that is right."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.whisper.cuda.device.host import HostDevice  # noqa: E402
from engine.whisper.cuda.proof.buffers import changed, spans  # noqa: E402
from engine.whisper.cuda.proof.recording import RecordingDevice  # noqa: E402


class Program:
    """Sums of sound on a device: a ring that is staged, uploaded, and worked on by a graph, update by update."""

    def __init__(self, device, slots=2):
        self.device = device
        self.staging = device.page_locked((slots, 8), torch.float32)
        self.sound = self.staging.numpy()
        with device.compute():
            self.ring = torch.zeros(slots, 8, device=device.place)
            self.total = torch.zeros(8, device=device.place)
            self.matrix = torch.ones(8, 8, device=device.place)
            self.place = torch.zeros((), dtype=torch.int64, device=device.place)
            self.graph = device.capture("sum", self.step)
            self.total.zero_()
            self.place.zero_()

    def step(self):
        row = self.ring.index_select(0, self.place.reshape(1))[0]
        self.total.add_(torch.nn.functional.gelu(self.matrix @ row))
        self.place.copy_((self.place + 1) % len(self.ring))
        return self.total.sum()

    def update(self, n, sound):
        slot = n % len(self.ring)
        self.sound[slot] = sound
        event = self.device.upload(self.staging[slot], self.ring[slot])
        with self.device.compute(event):
            (result,) = self.graph.replay()
            pending = self.device.fetch(result)
        return pending.get()[0].item()


def recorded(run):
    """Record a program, and return what is wrong with it; what it returns lives longer than it."""
    with RecordingDevice() as device:
        kept = run(device)
    del kept
    return device.faults()


def one(faults, *parts):
    """There is one fault, and it says these things."""
    assert len(faults) == 1, faults
    for part in parts:
        assert re.search(part, faults[0]), faults[0]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 99), min_size=1, max_size=6), st.integers(1, 3))
def test_a_program_that_is_right_has_no_fault_and_the_same_results(sounds, slots):
    with RecordingDevice() as device:
        program = Program(device, slots)
        found = []
        for n, sound in enumerate(sounds):
            with device.update(f"update {n}"):
                found.append(program.update(n, sound))
    assert device.faults() == []
    plain = Program(HostDevice(), slots)
    assert found == [plain.update(n, sound) for n, sound in enumerate(sounds)]
    assert len(device.acts) > 5 * len(sounds)


def test_an_upload_that_compute_does_not_wait_for():
    def run(device):
        program = Program(device)
        program.sound[0] = 1
        device.upload(program.staging, program.ring)
        program.graph.replay()

    faults = recorded(run)
    one(faults, "'index_select' on compute reads", "while 'upload' on copy may still be writing bytes 0–64")


def test_staging_that_is_written_before_it_was_copied():
    def run(device):
        program = Program(device)
        program.sound[0] = 1
        device.upload(program.staging[0], program.ring[0])
        program.sound[1] = 1  # another row: may be
        program.sound[0] = 2

    one(recorded(run), "'host write' on the host writes page-locked", "'upload' on copy may still be reading")


def test_a_ring_on_the_device_that_is_overwritten_while_it_is_read():
    def run(device):
        program = Program(device)
        program.sound[0] = 1
        with device.compute(device.upload(program.staging[0], program.ring[0])):
            program.graph.replay()
        program.sound[1] = 1
        device.upload(program.staging[1], program.ring[0])

    one(recorded(run), "'upload' on copy writes", "while 'index_select' on compute may still be reading")


def test_behind_a_mark_the_ring_may_be_overwritten():
    def run(device):
        program = Program(device)
        program.sound[0] = 1
        with device.compute(device.upload(program.staging[0], program.ring[0])):
            program.graph.replay()
        program.sound[1] = 1
        device.upload(program.staging[1], program.ring[0], device.mark())

    assert not recorded(run)


def test_work_on_torchs_default_stream():
    def run(device):
        program = Program(device)
        ready = torch.ones(8, device=device.place)
        with device.compute():
            program.total.add_(ready)

    one(recorded(run), "'add_' on compute reads ones", "while 'ones' on torch's default stream may still be writing")


def test_after_finish_everything_is_in_order():
    def run(device):
        ready = torch.ones(8, device=device.place)
        device.finish()
        with device.compute():
            ready.add_(1)

    assert not recorded(run)


def test_memory_that_nothing_was_written_to():
    def run(device):
        with device.compute():
            empty = torch.empty(4, 8, device=device.place)
            empty[:2].zero_()
            empty[:2].sum()
            empty[:3].sum()

    one(recorded(run), "'sum' on compute reads empty", "before anything wrote bytes 64–96")


def test_a_cache_that_is_filled_by_number_only():
    def run(device):
        with device.compute():
            cache = torch.empty(4, 8, device=device.place)
            cache.index_copy_(0, torch.zeros(1, dtype=torch.int64, device=device.place), cache.new_ones(1, 8))
            cache.sum()

    one(recorded(run), "'sum' on compute reads empty", "before anything wrote")


READS = [
    lambda x: x.item(),
    lambda x: x.tolist(),
    lambda x: x.cpu(),
    lambda x: x.to("cpu"),
    lambda x: x.numpy(),
    np.asarray,
    lambda x: bool(x > 0),
    int,
    float,
    lambda x: x.nonzero(),
    lambda x: torch.equal(x, x),
    lambda x: x.reshape(1)[x.reshape(1) > 0],
    torch.unique,
    lambda x: torch.tensor([1.0], device=x.device),
    lambda x: x.copy_(torch.tensor(1.0).reshape(1)[0]),
]


@pytest.mark.parametrize("read", READS)
def test_a_second_read_in_an_update(read):
    def run(device):
        program = Program(device)
        with device.update("update"), device.compute():
            read(program.total[0])
            program.update(0, 1)

    one(recorded(run), "^'update' waits 2 times for the device, not 1: .*, get$")


def test_an_update_that_reads_nothing():
    def run(device):
        with device.update("update"):
            pass

    one(recorded(run), "'update' waits 0 times")


@pytest.mark.parametrize("what", ["mark", "finish", "release", "page_locked", "done", "wait"])
def test_what_waits_besides_a_read(what):
    def run(device):
        with device.update("update", waits=0):
            event = device.mark()
            calls = {
                "mark": device.mark,
                "finish": device.finish,
                "release": device.release,
                "page_locked": lambda: device.page_locked((1,), torch.float32),
                "done": event.done,
                "wait": event.wait,
            }
            calls[what]()

    assert bool(recorded(run)) == (what in {"finish", "page_locked", "wait"})


@pytest.mark.parametrize("read", READS)
def test_a_graph_that_reads_back(read):
    def run(device):
        x = torch.ones((), device=device.place)
        device.capture("peek", lambda: [read(x)][1:])

    faults = recorded(run)
    assert any("in graph 'peek'" in fault for fault in faults), faults


@pytest.mark.parametrize(
    "call",
    [
        lambda device: device.mark(),
        lambda device: device.finish(),
        lambda device: device.fetch(torch.ones(1, device=device.place)),
        lambda device: device.page_locked((1,), torch.float32),
        lambda device: device.upload(device.staging, device.target),
        lambda device: device.graph.replay(),
        lambda device: device.compute(device.event).__enter__(),
    ],
)
def test_a_graph_that_asks_the_device(call):
    def run(device):
        device.staging, device.target = device.page_locked((1,), torch.float32), torch.ones(1, device=device.place)
        device.graph, device.event = device.capture("other", lambda: None), device.mark()
        device.capture("asks", lambda: [call(device)][1:])

    assert any("in graph 'asks'" in fault for fault in recorded(run))


def test_a_graph_that_keeps_what_it_made():
    kept = []

    def run(device):
        x = torch.ones(3, device=device.place)
        device.capture("keep", lambda: kept.append(x + 1))

    one(recorded(run), r"graph 'keep' keeps add float32 \[3\] .*, which it made itself")


def test_a_graph_that_counts_in_python():
    def run(device):
        x = torch.ones(3, device=device.place)
        places = iter(range(3))

        def step():
            x[next(places)].zero_()

        graph = device.capture("count", step)
        graph.replay()

    one(recorded(run), "graph 'count' would not do at a replay what was captured", r"\(4, 8\)")


def assigned(values):
    """What is wrong with a graph that assigns one of these numbers each time it runs."""

    def run(device):
        x = torch.zeros(3, device=device.place)
        place = torch.zeros(1, dtype=torch.int64, device=device.place)
        left = iter(values)

        def step():
            x[1:2] = x[place] = next(left)

        graph = device.capture("assign", step)
        for _ in values[1:]:
            graph.replay()

    return recorded(run)


def test_a_number_may_be_assigned_in_a_graph_if_it_stays_the_same():
    assert not assigned([2.0, 2.0, 2.0])
    one(assigned([2.0, 3.0]), "graph 'assign' would not do at a replay what was captured")


def test_a_number_assigned_to_a_single_place_is_copied_by_torch():
    def run(device):
        x = torch.zeros(3, device=device.place)
        with device.update("assign"):
            x[1] = 2.0  # a fill would be a slice, `x[1:2]`

    assert not recorded(run)


def test_a_graph_whose_tensor_was_exchanged():
    def run(device):
        held = {"x": torch.ones(3, device=device.place)}
        graph = device.capture("exchange", lambda: held["x"].add_(1))
        device.finish()
        held["x"] = torch.ones(3, device=device.place)
        device.finish()
        graph.replay()

    one(recorded(run), "graph 'exchange' would not do at a replay what was captured")


def test_a_graph_on_the_hosts_memory():
    def run(device):
        memory = device.page_locked((3,), torch.float32)
        device.capture("host", lambda: [memory.add_(1)][1:])

    assert any("works on the host's memory in graph 'host'" in fault for fault in recorded(run))


def test_memory_of_both_sides_in_one_operation():
    def run(device):
        with device.compute():
            torch.ones(3, device=device.place) + torch.ones(3)

    assert any("'add' mixes memory of the host and of the device" in fault for fault in recorded(run))


def test_a_number_of_the_host_may_go_with_a_tensor_of_the_device():
    def run(device):
        with device.compute():
            torch.ones(3, device=device.place) + torch.tensor(2.0)
            torch.where(torch.ones(3, device=device.place) > 0, 1.0, 2.0)

    assert not recorded(run)


def test_work_of_the_host_on_its_own_memory_is_no_launch():
    def run(device):
        memory = device.page_locked((3,), torch.float32)
        with device.update("host", waits=0):
            memory.copy_(torch.tensor([1.0, 2.0, 3.0]) + 1)
            assert memory.sum().item() == 9

    assert not recorded(run)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_what_is_brought_to_the_device_is_there_and_was_waited_for(dtype):
    def run(device):
        with device.compute(), device.update("load"):
            there = torch.from_numpy(np.ones(3, np.float32)).to(device.place, dtype)
            there.add_(torch.ones(3, device=device.place))

    assert not recorded(run)


def test_only_page_locked_memory_goes_up():
    with RecordingDevice() as device:
        source, target = torch.ones(3), torch.ones(3, device=device.place)
        with pytest.raises(ValueError, match="page-locked"):
            device.upload(source, target)


def test_an_event_of_another_device_is_refused():
    with RecordingDevice() as device, pytest.raises(TypeError, match="cannot wait"):
        device.compute(HostDevice().mark()).__enter__()


def test_outside_nothing_is_logged():
    with RecordingDevice() as device:
        x = torch.ones(3, device=device.place)
    acts = len(device.acts)
    assert acts == 1
    (x + 1).tolist()
    assert len(device.acts) == acts


class Turns:
    """One stream fills memories in turn, another takes them: each behind the other's events, but for one left out.

    Args:
        device: Whose stream takes.
        memories: So many.
        without: The event that nobody waits for: its kind, and the turn that should have.
    """

    def __init__(self, device, memories, without=None):
        self.device, self.other, self.without = device, device.beside("other"), without
        with self.other.compute():
            self.memories = [torch.zeros(8, device=device.place) for _ in range(memories)]
            self.count = torch.zeros(8, device=device.place)
        with device.compute(self.other.mark()):
            self.total = torch.zeros(8, device=device.place)
        self.fills = [self.other.capture("fill", lambda to=each: self.fill(to)) for each in self.memories]
        self.takes = [device.capture("take", lambda of=each: self.take(of)) for each in self.memories]
        with self.other.compute():
            self.count.zero_()
        with device.compute(self.other.mark()):
            self.total.zero_()

    def fill(self, memory):
        memory.copy_(self.count.add_(1) * 2)

    def take(self, memory):
        self.total.copy_(self.total * 3 + memory)

    def run(self, turns):
        taken = [None] * len(self.memories)
        for turn in range(turns):
            number = turn % len(self.memories)
            free = [taken[number]] if taken[number] and self.without != ("taken", turn) else []
            with self.other.compute(*free):
                self.fills[number].replay()
            ready = [self.other.mark()] if self.without != ("ready", turn) else []
            with self.device.compute(*ready):
                self.takes[number].replay()
            taken[number] = self.device.mark()
        return self.device.fetch(self.total).get()[0].tolist()


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 3), st.integers(1, 6), st.sampled_from([None, "ready", "taken"]), st.data())
def test_two_streams_that_compute_are_in_order_exactly_with_every_event(memories, turns, kind, data):
    first = memories if kind == "taken" else 0  # a memory in which nothing was yet is waited for by nobody
    without = (kind, data.draw(st.integers(first, turns - 1))) if kind and turns > first else None
    with RecordingDevice() as device:
        found = Turns(device, memories, without).run(turns)
    assert found == Turns(HostDevice(), memories).run(turns)
    faults = device.faults()
    assert bool(faults) == (without is not None)
    if without:
        # The two graphs work on one memory, in either order; what stands behind in the stream is disturbed as well.
        words = {"ready": ("on compute reads", "on other may still be writing"),
                 "taken": ("on other writes", "on compute may still be reading")}[kind]  # fmt: skip
        assert any(all(word in fault for word in words) for fault in faults), faults


class OnePool(RecordingDevice):
    """All its streams take memory for their graphs from one pool."""

    def beside(self, name):
        other = super().beside(name)
        other.pool = self.pool
        return other


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=6),
    st.sampled_from([OnePool, RecordingDevice]),
)
def test_a_pool_that_two_streams_share_is_found_wherever_one_does_not_wait(replays, kind):
    with kind() as device:
        sides = [device, device.beside("other")]
        graphs = []
        for side in sides:
            with side.compute():
                x = torch.ones(8, device=device.place)
            graphs.append(side.capture(f"graph on {side.lane}", lambda x=x: x.copy_(x * 2)))
        before = None
        ordered = True
        for side, waits in replays:
            switched = before is not None and before != side
            with sides[side].compute(*[sides[before].mark()] if switched and waits else []):
                graphs[side].replay()
            ordered &= waits or not switched
            before = side
    faults = device.faults()
    assert bool(faults) == (kind is OnePool and not ordered)
    told = r"'replay of graph on (\w+)' on \1 writes the pool of compute's graphs while 'replay of graph on (?!\1)"
    assert all(re.match(told, fault) for fault in faults), faults


def test_graphs_that_make_nothing_share_nothing():
    with OnePool() as device:
        sides = [device, device.beside("other")]
        for side in sides:
            with side.compute():
                x = torch.ones(8, device=device.place)
            side.capture("add", lambda x=x: x.add_(1)[:0]).replay()
    assert not device.faults()


@pytest.mark.parametrize("kept", ["", "order", "host", "life", "one stream"])
def test_memory_that_is_let_go_of_is_its_streams_again(kept):
    """Unless that stream comes behind what the other did, or the host has waited, or it is not let go of."""
    held = []

    def run(device):
        other = device.beside("other")
        with device.compute():
            x, total = torch.ones(8, device=device.place), torch.zeros(8, device=device.place)
        with (device if kept == "one stream" else other).compute(device.mark()):
            total.add_(x)
        held.append(total)
        if kept == "order":
            device.compute(other.mark()).__enter__()
        if kept == "host":
            device.finish()
        if kept == "life":
            held.append(x)

    faults = recorded(run)
    if kept:
        assert not faults
    else:
        one(faults, "'reuse' on compute writes ones", "while 'add_' on other may still be reading bytes 0–32")


def test_what_was_made_before_is_there_for_a_stream_beside():
    def run(device):
        with device.compute():
            weights = torch.ones(8, device=device.place)
        other = device.beside("other")
        with other.compute():
            weights.sum()
        return weights

    assert not recorded(run)


def test_what_was_made_since_is_not():
    def run(device):
        other = device.beside("other")
        with device.compute():
            weights = torch.ones(8, device=device.place)
        with other.compute():
            weights.sum()
        return weights

    one(recorded(run), "'sum' on other reads ones", "while 'ones' on compute may still be writing")


def test_a_graph_runs_on_the_stream_that_it_was_captured_for():
    with RecordingDevice() as device:
        x = torch.ones(8, device=device.place)
        device.finish()
        graph = device.beside("other").capture("add", lambda: x.add_(1))
        begun = len(device.acts)
        with device.compute():
            graph.replay()
    assert {act.lane for act in device.acts[begun:]} == {"other"}


@pytest.mark.parametrize("beside", [False, True])
def test_a_read_belongs_to_the_stream_that_is_asked_for_it(beside):
    def run(device):
        other = device.beside("other")
        with other.compute():
            x = torch.ones(8, device=device.place)
        (other if beside else device).fetch(x).get()

    assert bool(recorded(run)) != beside


def test_copies_beside_wait_for_none_of_the_others():
    def run(device):
        other = device.beside("other")
        staging = device.page_locked((2, 8), torch.float32)
        with device.compute():
            x = torch.ones(8, device=device.place)
        device.finish()
        staging.numpy()[:] = 1
        device.upload(staging[0], x)
        other.upload(staging[1], x)

    one(recorded(run), "'upload' on other's copy writes", "while 'upload' on copy may still be writing")


def test_all_streams_have_ended_after_finish():
    def run(device):
        other = device.beside("other")
        with other.compute():
            x = torch.ones(8, device=device.place)
        device.finish()
        with device.compute():
            x.add_(1)
        return x

    assert not recorded(run)


@st.composite
def views(draw):
    """A tensor, and a view of it by slices, transposes, broadcasts and windows."""
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    tensor = torch.arange(int(np.prod(shape)), dtype=draw(st.sampled_from([torch.int16, torch.int64]))).reshape(shape)
    view = tensor
    for _ in range(draw(st.integers(0, 4))):
        axis = draw(st.integers(0, view.dim() - 1))
        kind = draw(st.sampled_from(["slice", "transpose", "expand", "unfold"]))
        if kind == "slice":
            start = draw(st.integers(0, view.shape[axis]))
            view = view.movedim(axis, 0)[start :: draw(st.integers(1, 2))].movedim(0, axis)
        elif kind == "transpose":
            view = view.transpose(0, axis)
        elif kind == "expand":
            view = view[None].expand(2, *view.shape)
        elif view.shape[axis]:
            view = view.unfold(axis, draw(st.integers(1, view.shape[axis])), draw(st.integers(1, 3)))
    return tensor, view


@settings(max_examples=150, deadline=None)
@given(views())
def test_the_spans_of_a_view_are_the_bytes_of_its_elements(tensor_view):
    tensor, view = tensor_view
    size = tensor.element_size()
    expected = {byte for n in set(view.reshape(-1).tolist()) for byte in range(n * size, (n + 1) * size)}
    found = [byte for start, stop in spans(view) for byte in range(start, stop)]
    assert sorted(found) == sorted(expected)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=30))
def test_what_has_changed_is_told_to_the_byte(pairs):
    before, now = (np.array([pair[side] for pair in pairs], np.uint8) for side in (0, 1))
    found = [byte for start, stop in changed(before, now) for byte in range(start, stop)]
    assert found == [n for n, (old, new) in enumerate(pairs) if old != new]
