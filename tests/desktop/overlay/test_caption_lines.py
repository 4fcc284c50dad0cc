from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.overlay.caption_lines import CaptionLines, LineRules
from desktop.overlay.graphemes import clusters
from engine.records import Caption, Word
from engine.units import samples

WIDTH = 12


def caption(committed, unstable="", *, segment=0, final=False, start=0, words=(), language="en"):
    return Caption(segment, committed, unstable, final, words, start, start, language)


def lines_of(text, *, width=WIDTH, now=0.0, **rules):
    lines = CaptionLines(len, width, LineRules(**rules))
    lines.show(caption(text), now)
    return lines


def read(lines):
    return [line.text for line in lines.visible]


def squeezed(text):
    return "".join(text.split())


@dataclass(frozen=True)
class Talk:
    """What a session sends: (seconds since the last, caption)."""

    steps: list
    committed: str


WORDS = st.lists(
    st.sampled_from(
        [
            "a",
            "be",
            "sea",
            "word",
            "longer",
            "punctuated,",
            "extraordinarily",
            "日本語",
            "👩\u200d👧🏽",
            "שלום",
            "e\u0301",
        ]
    ),
    max_size=6,
)


@st.composite
def talks(draw):
    steps, everything, at = [], "", 0
    for segment in range(draw(st.integers(1, 4))):
        committed, start = "", at
        at += draw(st.sampled_from([0, samples(2)]))
        for _ in range(draw(st.integers(1, 6))):
            new = "".join(f" {word}" for word in draw(WORDS))
            committed += new
            everything += new
            unstable = "".join(f" {word}" for word in draw(WORDS))
            words = (Word(new, at, at + samples(0.5), 1.0),) if new else ()
            at += samples(0.5)
            steps.append(
                (
                    draw(st.sampled_from([0.0, 0.05, 0.5, 9.0])),
                    Caption(segment, committed, unstable, False, words, start, at, "en"),
                )
            )
        steps.append((0.0, Caption(segment, committed, "", True, (), start, at, "en")))
    return Talk(steps, everything)


def play(talk, lines):
    """Yield what is seen at every moment at which it can have changed."""
    now = 0.0
    for wait_s, event in talk.steps:
        until = now + wait_s
        while (next_s := lines.next_change_s(now)) is not None and now + next_s < until:
            now += next_s + 1e-6
            lines.due(now)
            yield lines.visible
        now = max(now, until)
        lines.show(event, now)
        yield lines.visible
    while (next_s := lines.next_change_s(now)) is not None:
        now += next_s + 1e-6
        lines.due(now)
        yield lines.visible


@given(talks(), st.integers(1, 3))
@settings(max_examples=150)
def test_every_committed_word_is_seen_in_order_and_none_moves_to_another_line(talk, line_count):
    seen = {}
    for visible in play(talk, CaptionLines(len, WIDTH, LineRules(line_count=line_count))):
        for line in visible:
            assert line.committed.startswith(seen.get(line.number, ""))
            seen[line.number] = line.committed
    assert squeezed("".join(seen[number] for number in sorted(seen))) == squeezed(talk.committed)


@given(talks(), st.integers(1, 3))
def test_what_is_seen_is_a_run_of_lines_that_only_rolls_up(talk, line_count):
    top = 0
    for visible in play(talk, CaptionLines(len, WIDTH, LineRules(line_count=line_count))):
        numbers = [line.number for line in visible]
        assert len(numbers) <= line_count
        assert numbers == sorted(numbers)
        if numbers:
            assert numbers[0] >= top
            top = numbers[0]


@given(talks(), st.integers(1, 30))
def test_no_line_is_wider_than_the_screen_unless_one_character_is(talk, width):
    for visible in play(talk, CaptionLines(len, width)):
        for line in visible:
            assert len(line.text) <= width or len(list(clusters(line.text))) == 1


@given(talks())
def test_the_screen_is_clear_in_the_end(talk):
    lines = CaptionLines(len, WIDTH)
    for _ in play(talk, lines):
        pass
    assert lines.visible == ()
    assert lines.next_change_s(0) is None


@given(talks(), st.integers(1, 30))
def test_rewrapping_keeps_every_word_that_was_seen(talk, width):
    lines = CaptionLines(len, WIDTH)
    for _, event in talk.steps:
        lines.show(event, 0.0)
    before = squeezed("".join(read(lines)))
    lines.rewrap(len, width, LineRules(line_count=1_000))
    assert squeezed("".join(read(lines))).startswith(before)


def test_words_are_wrapped_at_the_width():
    assert read(lines_of("one two three four")) == ["one two", "three four"]


def test_unstable_words_come_after_committed_ones_and_may_change():
    lines = CaptionLines(len, WIDTH)
    lines.show(caption("one", " tow three"), 0)
    assert [(line.committed, line.unstable) for line in lines.visible] == [("one", " tow"), ("", "three")]
    lines.show(caption("one two", " tree"), 1)
    assert [(line.committed, line.unstable) for line in lines.visible] == [("one two", " tree")]


def test_a_third_line_rolls_the_first_away():
    lines = lines_of("one two three four")
    lines.show(caption("one two three four five"), 5)
    assert read(lines) == ["three four", "five"]


def test_unstable_words_never_push_the_open_line_away():
    lines = CaptionLines(len, WIDTH)
    lines.show(caption("one", " two three four five six seven eight"), 0)
    assert read(lines) == ["one two", "three four"]


def test_a_burst_rolls_line_by_line():
    lines = lines_of("one two three four five six seven eight")
    assert read(lines) == ["one two", "three four"]
    assert lines.next_change_s(0) == LineRules().roll_s
    assert not lines.due(0.1)
    assert lines.due(1)
    assert read(lines) == ["three four", "five six"]
    assert lines.due(2)
    assert read(lines) == ["five six", "seven eight"]


def test_finished_words_stay_for_the_hold_and_go():
    lines = CaptionLines(len, WIDTH)
    lines.show(caption("one", final=True), 10)
    assert lines.next_change_s(11) == 3
    assert not lines.due(13.9)
    assert lines.due(14)
    assert read(lines) == []


def test_unfinished_words_stay_until_the_session_ends():
    lines = lines_of("one")
    assert lines.next_change_s(100) is None
    lines.finish(100)
    assert lines.next_change_s(100) == 4


def test_after_a_clear_the_next_words_begin_a_new_line():
    lines = CaptionLines(len, WIDTH)
    lines.show(caption("one", final=True), 0)
    lines.due(4)
    lines.show(caption("two", segment=1), 5)
    assert read(lines) == ["two"]


def test_a_new_segment_goes_on_after_a_space():
    lines = lines_of("one")
    lines.show(caption("two", segment=1, start=samples(1)), 1)
    assert read(lines) == ["one two"]


def test_a_new_segment_begins_a_line_after_a_pause():
    lines = lines_of("one")
    lines.show(caption("", " two", segment=1, start=samples(2)), 1)
    assert read(lines) == ["one", "two"]
    lines.show(caption("two", segment=1, start=samples(2)), 2)
    assert read(lines) == ["one", "two"]


def test_a_word_wider_than_the_screen_is_cut_between_graphemes():
    assert read(lines_of("e\u0301e\u0301e\u0301", width=3)) == ["e\u0301", "e\u0301"]


def test_chinese_wraps_between_characters():
    assert read(lines_of("今天天气很好。我们", width=5)) == ["今天天气很", "好。我们"]


def test_segments_of_a_script_without_spaces_are_joined_without_one():
    lines = lines_of("今天")
    lines.show(caption("很好", segment=1), 1)
    assert read(lines) == ["今天很好"]


def test_the_language_sets_the_direction_of_a_line():
    lines = CaptionLines(len, 40)
    lines.show(caption("Python הוא שפה", language="he"), 0)
    assert lines.visible[0].rtl


def test_a_space_between_committed_and_unstable_may_stand_on_either_side():
    lines = CaptionLines(len, WIDTH)
    lines.show(caption("one ", "two"), 0)
    assert read(lines) == ["one two"]
    lines.show(caption("one two", ""), 0)
    assert read(lines) == ["one two"]


def test_a_new_session_starts_clear():
    lines = lines_of("one")
    lines.reset()
    assert read(lines) == []
    lines.show(caption("two"), 1)
    assert read(lines) == ["two"]


def test_a_mark_that_comes_late_stands_close_to_its_word():
    lines = lines_of("computer")
    lines.show(caption(". So", segment=1), 1)
    assert read(lines) == ["computer. So"]
