import io
import json

from hypothesis import given
from hypothesis import strategies as st

from engine.eventlog import EventLog
from engine.records import Caption, Doubt, Failure, Gap, State, StateChange, Stats, Withheld, Word

TEXT = st.text(max_size=20)
WORDS = st.builds(Word, TEXT, st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1))
EVENTS = st.one_of(
    st.builds(StateChange, st.sampled_from(State), TEXT),
    st.builds(Gap, st.integers(0, 10**9), st.integers(0, 10**9), TEXT),
    st.builds(Withheld, st.integers(0, 10**9), st.integers(0, 10**9), TEXT, st.sampled_from(Doubt)),
    st.builds(Failure, TEXT, TEXT, TEXT, fatal=st.booleans()),
    st.builds(Stats),
    st.builds(
        Caption,
        st.integers(0, 99),
        TEXT,
        TEXT,
        st.booleans(),
        st.lists(WORDS, max_size=3).map(tuple),
        st.just(0),
        st.just(0),
        st.just("en"),
    ),
)


def logged(events):
    stream, times = io.StringIO(), iter(range(10**6))
    log = EventLog(stream, clock=lambda: next(times) / 8)
    for event in events:
        log.write(event, 1.5)
    return [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]


@given(st.lists(EVENTS, max_size=5))
def test_an_event_is_a_line_whatever_it_says(events):
    lines = logged(events)
    assert [line["at_s"] for line in lines] == [(i + 1) / 8 for i in range(len(events))]
    assert {line["audio_s"] for line in lines} <= {1.5}
    assert {line["type"] for line in lines} <= {"state", "caption", "gap", "withheld", "stats", "error"}


def test_a_caption_says_what_the_contract_names():
    caption = Caption(3, "And so", " my", False, (Word(" so", 8_000, 16_000, 0.98),), 0, 0, "en")
    line = logged([caption])[0]
    assert line["words"] == [{"text": " so", "start_s": 0.5, "end_s": 1.0, "probability": 0.98}]
    assert (line["segment"], line["committed"], line["unstable"], line["final"]) == (3, "And so", " my", False)


def test_what_is_withheld_says_why():
    line = logged([Withheld(8_000, 16_000, "Thank you.", Doubt.PHANTOM)])[0]
    assert {key: line[key] for key in ("type", "start_s", "end_s", "text", "reason")} == {
        "type": "withheld",
        "start_s": 0.5,
        "end_s": 1.0,
        "text": "Thank you.",
        "reason": "phantom",
    }
