import argparse

import pytest

from desktop.terminal import updates
from desktop.updates.answer import NewestUnknown
from desktop.updates.publisher import Publisher
from tests.desktop.updates.publishing import PAGE, page, publishing, tells


@pytest.fixture
def server():
    with publishing() as server:
        yield server


@pytest.fixture
def command(server, capsys):
    """Run `undertext updates`; return code and output."""

    def run(publisher=server.publisher):
        return updates.run(argparse.Namespace(), publisher, "0.1.0"), capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("published", "said"),
    [
        ("0.2.0", f"Undertext 0.2.0 is there; this is 0.1.0. Get it from {PAGE}\n"),
        ("0.1.0", "Undertext 0.1.0 is up to date: the newest that is published is 0.1.0.\n"),
        ("0.1.0rc1", "Undertext 0.1.0 is up to date: the newest that is published is 0.1.0rc1.\n"),
    ],
)
def test_it_says_what_is_published_after_one_request(command, server, published, said):
    server.answer = tells(published)
    assert command() == (0, said)
    assert len(server.asked) == 1


@pytest.mark.parametrize("answer", [b"", page(b"", "500 Oops"), tells("\x1b[31m9.9")])
def test_what_is_no_answer_is_an_error_with_a_mend(command, server, answer):
    server.answer = answer
    with pytest.raises(NewestUnknown) as caught:
        command()
    assert caught.value.hint
    assert caught.value.sentence.isprintable()


def test_without_an_address_it_says_so(command, server):
    with pytest.raises(NewestUnknown, match="this Undertext knows no address to ask"):
        command(Publisher())
    assert server.asked == []
