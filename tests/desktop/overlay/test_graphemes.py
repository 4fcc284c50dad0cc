from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QTextBoundaryFinder

from desktop.overlay.graphemes import clean, clusters, is_rtl, tokens, wraps_between

NASTY = st.text(
    st.sampled_from("ab é́ि中。「日本ก่ำเ👩\u200d👧🏽🇸🇪🇩❤\ufe0f가ᄀ\u1161\u11a8אبً\u0600,\n") | st.characters(),
    max_size=20,
)


def cuts(pieces):
    """Where pieces end, in Qt's unit: 16-bit code units."""
    end, ends = 0, set()
    for piece in pieces:
        end += len(piece.encode("utf-16-le")) // 2
        ends.add(end)
    return ends


def cuts_of_qt(text):
    finder = QTextBoundaryFinder(QTextBoundaryFinder.BoundaryType.Grapheme, text)
    found = set()
    while (cut := finder.toNextBoundary()) != -1:
        found.add(cut)
    return found


@given(NASTY.map(clean))
def test_clusters_are_the_text(text):
    assert "".join(clusters(text)) == text


# Without flags: after another sign Qt 6.11 takes a flag apart, even between the halves of its first letter.
@given(st.text(st.sampled_from("ab é́िक中ก่👩\u200d👧🏽❤\ufe0f가ᄀ\u1161\u11a8אبً"), max_size=20))
def test_what_qt_holds_together_is_not_cut(text):
    assert cuts(clusters(text)) <= cuts_of_qt(text)


def test_flags_are_pairs_of_letters():
    assert list(clusters("❤🇸🇪🇩🇪🇸")) == ["❤", "🇸🇪", "🇩🇪", "🇸"]


@given(NASTY.map(clean))
def test_tokens_are_the_text_without_its_spaces(text):
    assert "".join("".join(token.text for token in tokens(text)).split()) == "".join(text.split())


def test_words_are_kept_whole_and_know_their_space():
    assert [(token.text, token.spaced) for token in tokens("one two-three, four")] == [
        ("one", False), ("two-three,", True), ("four", True),
    ]  # fmt: skip


def test_a_japanese_line_ends_neither_before_a_full_stop_nor_after_a_bracket():
    assert [token.text for token in tokens("「今日は」。晴れ")] == ["「今", "日", "は」。", "晴", "れ"]


def test_a_latin_word_in_chinese_stays_whole():
    assert [token.text for token in tokens("我用Python写")] == ["我", "用", "Python", "写"]


def test_controls_and_lone_surrogates_are_not_shown():
    assert clean("a\0b\r\nc\u2028d\ud800e") == "a b  c d\ufffde"


def test_direction_is_that_of_the_first_letter():
    assert is_rtl("… שלום world")
    assert is_rtl("مرحبا")
    assert not is_rtl("123 hello שלום")
    assert not is_rtl("123")


def test_scripts_with_spaces_do_not_wrap_within_a_word():
    assert not wraps_between("Hel", "lo")
    assert wraps_between("日", "本")
    assert not wraps_between("日", "。")
