"""The bridge, driven from a real thread."""

import subprocess
import sys
import threading
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desktop.bridge import Bridge
from engine.records import Caption, Failure, Gap, State, StateChange, Stats, Word


def caption(index, *, segment=0, words=()):
    return Caption(segment, "", str(index), False, words, 0, index, "en")


def word(index):
    return Word(f" w{index}", index, index + 1, 1.0)


class Listener:
    """Everything a bridge hands over, and the thread it came in."""

    def __init__(self, bridge):
        self.events, self.threads, self.moments = [], set(), []
        self._bridge = bridge
        for signal in (bridge.caption_changed, bridge.gap_found, bridge.state_changed, bridge.failed):
            signal.connect(self.take)

    def take(self, event):
        self.events.append(event)
        self.threads.add(threading.get_ident())
        self.moments.append(self._bridge._clock())


def send_all(bridge, events):
    thread = threading.Thread(target=lambda: [bridge.send(event) for event in events])
    thread.start()
    thread.join()


def has_last(listener, event):
    return lambda: bool(listener.events) and listener.events[-1] is event


END = StateChange(State.IDLE)


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=30))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_committed_word_is_lost_or_reordered(qtbot, steps):
    bridge = Bridge()
    listener = Listener(bridge)
    segments = sorted(segment for segment, _ in steps)
    sent = [
        caption(index, segment=segment, words=(word(index),) if commits else ())
        for index, (segment, (_, commits)) in enumerate(zip(segments, steps, strict=True))
    ]
    send_all(bridge, [*sent, END])
    qtbot.waitUntil(has_last(listener, END))
    got = [word for event in listener.events[:-1] for word in event.words]
    assert got == [word for event in sent for word in event.words]


def test_of_unstable_captions_that_wait_the_last_wins(qtbot):
    bridge = Bridge()
    listener = Listener(bridge)
    send_all(bridge, [*(caption(index) for index in range(1000)), END])
    qtbot.waitUntil(has_last(listener, END))
    assert [event.unstable for event in listener.events[:-1]] == ["999"]


def test_captions_are_handed_over_at_most_twenty_times_a_second(qtbot):
    bridge = Bridge()
    listener = Listener(bridge)
    stop = threading.Event()

    def talk():
        index = 0
        while not stop.wait(0.002):
            bridge.send(caption(index))
            index += 1

    thread = threading.Thread(target=talk)
    thread.start()
    qtbot.waitUntil(lambda: len(listener.events) >= 5)
    stop.set()
    thread.join()
    moments = listener.moments
    assert all(after - before >= 0.049 for before, after in pairwise(moments))


def test_events_arrive_in_order_in_the_thread_of_the_gui(qtbot):
    bridge = Bridge()
    listener = Listener(bridge)
    events = [StateChange(State.LISTENING), caption(1), Gap(0, 1, "r"), caption(2), Failure("K", "m"), END]
    send_all(bridge, events)
    qtbot.waitUntil(has_last(listener, END))
    assert listener.events == events
    assert listener.threads == {threading.get_ident()}


def test_stats_are_not_passed_on(qtbot):
    bridge = Bridge()
    listener = Listener(bridge)
    send_all(bridge, [Stats(), END])
    qtbot.waitUntil(has_last(listener, END))
    assert listener.events == [END]


CANARY = """
import sys, threading
from PySide6.QtCore import QCoreApplication, QObject, Signal

class Speaker(QObject):
    said = Signal(bool)

app, heard, speaker = QCoreApplication([]), [], Speaker()
speaker.said.connect(heard.append)
before = [sys.getrefcount(value) for value in (None, True)]
for _ in range(5000):
    speaker.said.emit(True)
    speaker.objectName()
heard.clear()
after = [sys.getrefcount(value) for value in (None, True)]
print(max(abs(a - b) for a, b in zip(after, before)))
"""


def test_five_thousand_emits_lose_no_reference():
    # PySide6 6.12 on Python 3.11 aborts here: every emit() drops a reference of True.
    child = subprocess.run([sys.executable, "-c", CANARY], capture_output=True, text=True, timeout=60, check=True)
    assert int(child.stdout) <= 20
