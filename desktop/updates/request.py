"""Ask a publisher for the newest version: one GET over HTTPS. Besides the model store, the only opener of connections.

It goes to the address that is given and nowhere else: no redirect is followed, no proxy asked, no cookie kept. It
says nothing of who asks but what no connection hides, the internet address: no version, system, language or number of
this copy.
"""

import io
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, urlsplit

from desktop.updates.answer import MAX_BYTES, NewestUnknown, read
from desktop.updates.publisher import Publisher
from desktop.updates.versions import Version

PATIENCE_S = 5.0
_HEADERS = {"User-Agent": "undertext", "Connection": "close"}
_LOOPBACK = ("127.0.0.1", "::1")


def newest(publisher: Publisher, patience_s: float = PATIENCE_S) -> Version:
    """Return the newest version that is published.

    Args:
        publisher: Where to ask: https; plain http only on this machine itself.
        patience_s: How long to wait, for the connection and from then on for all of the answer.

    Raises:
        NewestUnknown: There is nobody to ask, no connection, or no sensible answer.
    """
    if not publisher.is_known:
        raise NewestUnknown(
            "this Undertext knows no address to ask", hint="Look for a newer one where you have it from."
        )
    return read(_get(urlsplit(publisher.newest), patience_s))


def _get(address: SplitResult, patience_s: float) -> bytes:
    try:
        with closing(_connection(address, patience_s)) as connection:
            connection.request("GET", address.path or "/", headers=_HEADERS)
            source: Any = _Until(connection.sock, time.monotonic() + patience_s)
            answer = HTTPResponse(source, method="GET")
            answer.begin()
            if answer.status != 200:
                raise NewestUnknown(f"{address.hostname} answers {answer.status}", hint="Try again later.")
            return answer.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise NewestUnknown(
            f"{address.hostname} cannot be asked: {reason}", hint="Check the network and try again."
        ) from error
    except HTTPException as error:  # whose words may be the server's own, and are not repeated
        raise NewestUnknown(f"{address.hostname} does not speak HTTP", hint="Try again later.") from error


def _connection(address: SplitResult, patience_s: float) -> HTTPConnection:
    if address.scheme == "https" and address.hostname:
        return HTTPSConnection(address.hostname, address.port, timeout=patience_s)
    if address.scheme == "http" and address.hostname in _LOOPBACK:  # nobody else can read along
        return HTTPConnection(address.hostname, address.port, timeout=patience_s)
    raise NewestUnknown(f"{address.geturl()} is not encrypted", hint="Versions are asked for over https only.")


class _Until(io.RawIOBase):
    """What comes over a connection up to a moment.

    The timeout of a socket begins anew with every byte: a server that sends one now and then would never be given up.
    """

    def __init__(self, sock: Any, until_s: float) -> None:
        self._sock, self._until_s = sock, until_s

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return what `HTTPResponse` reads; nothing else of a socket does it ask for."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left_s)
        return int(self._sock.recv_into(buffer))
