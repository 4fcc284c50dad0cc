import pytest

from desktop.updates.answer import MAX_BYTES, NewestUnknown
from desktop.updates.publisher import PUBLISHER, Publisher
from desktop.updates.request import newest
from tests.desktop.updates.publishing import PAGE, certificate, page, publishing, tells

SOON_S = 0.3


@pytest.fixture
def server():
    with publishing() as server:
        yield server


def test_the_newest_version_is_told_after_one_request(server):
    server.answer = tells("0.2.0rc1")
    assert newest(server.publisher).text == "0.2.0rc1"
    assert len(server.asked) == 1


def test_nothing_is_said_of_who_asks(server):
    newest(server.publisher)
    ((line, headers),) = server.asked
    assert line == "GET /newest.json HTTP/1.1"
    assert headers == {
        "Host": server.publisher.newest.split("/")[2],
        "User-Agent": "undertext",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }


def test_a_certificate_is_asked_for_and_believed_where_the_system_does(tmp_path, monkeypatch):
    known = certificate(tmp_path)
    with publishing(known) as server:
        with pytest.raises(NewestUnknown, match="certificate"):
            newest(server.publisher)
        assert server.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(known))
        assert newest(server.publisher).text == "0.0.1"


def test_a_certificate_of_another_is_refused(tmp_path, monkeypatch):
    of_another = certificate(tmp_path, "DNS:undertext.invalid")
    monkeypatch.setenv("SSL_CERT_FILE", str(of_another))
    with publishing(of_another) as server, pytest.raises(NewestUnknown, match="certificate"):
        newest(server.publisher)
    assert server.asked == []


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 Other", "307 Temporary", "308 Permanent"])
def test_no_redirect_is_followed(server, status):
    with publishing() as other:
        server.answer = page(b"", status, f"Location: {other.publisher.newest}")
        with pytest.raises(NewestUnknown, match=f"answers {status[:3]}"):
            newest(server.publisher)
        assert (len(server.asked), other.asked) == (1, [])


@pytest.mark.parametrize("name", ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
def test_no_environment_variable_leads_elsewhere(server, monkeypatch, name):
    with publishing() as other:
        monkeypatch.setenv(name, other.publisher.newest)
        newest(server.publisher)
        assert (len(server.asked), other.asked) == (1, [])


@pytest.mark.parametrize("told", [True, False])
def test_an_answer_that_is_too_large_is_left(server, told):
    server.answer = page(b" " * (1 << 20))
    if not told:
        server.answer = b"HTTP/1.0 200 OK\r\n\r\n" + b'{"version": "0.2.0"}' + b" " * MAX_BYTES
        server.trickles = b" " * 1024
    with pytest.raises(NewestUnknown, match="is no version"):
        newest(server.publisher)


@pytest.mark.parametrize(
    ("answer", "trickles"),
    [
        (b"", b""),
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X: x\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n", b" "),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
)
def test_a_server_that_takes_its_time_is_given_up(server, answer, trickles):
    server.answer, server.trickles = answer, trickles
    with pytest.raises(NewestUnknown, match=r"timed out|does not speak HTTP"):
        newest(server.publisher, SOON_S)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x1b[31mwelcome\r\n\r\n",
        b"HTTP/1.1 \x1b[31m fine\r\n\r\n",
        b"HTTP/1.1 404 \x1b[31m\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\x1b[31m\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08",
        tells("\x1b[31m"),
    ],
)
def test_whatever_is_answered_the_error_is_plain_words(server, answer):
    server.answer = answer
    with pytest.raises(NewestUnknown) as caught:
        newest(server.publisher)
    assert caught.value.sentence.isprintable()


def test_nobody_listens():
    with publishing() as server:
        gone = server.publisher
    with pytest.raises(NewestUnknown, match=r"127\.0\.0\.1 cannot be asked: Connection refused"):
        newest(gone)


@pytest.mark.parametrize(
    "address", ["http://example.org/a", "ftp://127.0.0.1/a", "file:///etc/passwd", "https:///a", "a"]
)
def test_only_encrypted_addresses_are_asked(address):
    with pytest.raises(NewestUnknown, match="not encrypted"):
        newest(Publisher(address, PAGE))


@pytest.mark.parametrize("nobody", [Publisher(), Publisher(page=PAGE), Publisher(newest="https://undertext.invalid/")])
def test_where_there_is_nobody_to_ask_that_is_said(nobody):
    with pytest.raises(NewestUnknown, match="knows no address to ask"):
        newest(nobody)


def test_what_stands_in_the_program_is_nothing_or_encrypted():
    assert {address.partition(":")[0] for address in (PUBLISHER.newest, PUBLISHER.page)} <= {"", "https"}
    assert bool(PUBLISHER.newest) == bool(PUBLISHER.page)
