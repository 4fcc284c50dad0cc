import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version as Pep440

from desktop.updates.versions import Version
from desktop.version import VERSION

NUMBERS = st.integers(0, 999_999) | st.integers(0, 2)
STAGES = st.just("") | st.builds("{}{}".format, st.sampled_from(["a", "b", "rc"]), NUMBERS)
VERSIONS = st.builds(
    lambda numbers, stage: ".".join(map(str, numbers)) + stage, st.lists(NUMBERS, min_size=1, max_size=4), STAGES
)


@given(VERSIONS, VERSIONS)
def test_the_order_is_that_of_pep_440(one, other):
    mine, theirs = Version.parse(one), Version.parse(other)
    assert (mine < theirs, mine == theirs) == (Pep440(one) < Pep440(other), Pep440(one) == Pep440(other))


@given(st.lists(VERSIONS, max_size=6))
def test_any_versions_can_be_put_in_order(texts):
    ordered = sorted(map(Version.parse, texts))
    assert ordered == sorted(ordered, reverse=True)[::-1]


@given(st.text() | st.from_regex(r"v?\d+(\.\d+)*((a|b|rc|dev)\d*)?", fullmatch=True) | VERSIONS)
def test_any_text_is_a_plain_version_or_refused(text):
    try:
        version = Version.parse(text)
    except ValueError:
        return
    assert version.text == text
    assert len(text) <= 35
    assert text.isascii()
    assert text.replace(".", "").isalnum()


# No versions, or of kinds that Undertext has none of.
STRANGE = (
    "1. .1 1..2 v1.0 1.0-rc1 1.0rc 1.0.dev1 1.0.post1 1!2.0 1.0+local 1.2.3.4.5 1111111 ٣.١ 1.0RC1 nan 1e9 -1".split()
)


@pytest.mark.parametrize("text", [*STRANGE, "", " 1.0", "1.0\n", "1.0\0", "1.0\x1b[2J", "1" * 5000])
def test_what_undertext_is_not_numbered_with_is_no_version(text):
    with pytest.raises(ValueError, match=r"^no version$"):
        Version.parse(text)


def test_this_undertext_has_a_version():
    assert Version.parse(VERSION).text == VERSION
