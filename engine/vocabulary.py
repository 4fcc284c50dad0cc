"""The user's names and terms: words that a model would not spell as they are spelt."""

from collections.abc import Sequence

from engine.errors import SettingsError

MOST_TERMS = 100
LONGEST_TERM = 60  # characters


def terms_of(text: str) -> tuple[str, ...]:
    """Return the terms of a text: one a line, each once; empty lines and those that begin with # are none."""
    lines = (" ".join(line.split()) for line in text.removeprefix("\ufeff").splitlines())
    return tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def check_terms(terms: Sequence[str]) -> None:
    """See that a model can be shown these terms.

    Raises:
        SettingsError: There are too many, or one of them cannot be used.
    """
    if len(terms) > MOST_TERMS:
        raise SettingsError(
            f"there are {len(terms)} names and terms, and {MOST_TERMS} are the most",
            hint="Keep those that come up often.",
        )
    for term in terms:
        if fault := _fault(term):
            raise SettingsError(f"the term {term[:24]!r} {fault}", hint="Write one name or term a line.")


def _fault(term: str) -> str:
    """Return what is wrong with a term, or nothing."""
    if len(term) > LONGEST_TERM:
        return f"has {len(term)} characters, more than {LONGEST_TERM}"
    if term != term.strip() or not term:
        return "is empty, or has blanks around it"
    if not term.isprintable():
        return "has characters that cannot be seen"
    return "looks like one of Whisper's own marks" if "<|" in term else ""
