"""Fetch one file over HTTPS, going on where an earlier try was cut. The engine's only module that fetches anything.

What was received is written at once, so that even a killed process goes on from its last byte. The server's
ETag stands beside the partial file: a resume is asked for with If-Range, and any other ETag, range or length
starts over.
"""

import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Any, TypeAlias
from urllib.parse import urlsplit

from engine.errors import DownloadFailed, ModelCorrupt
from engine.models.pins import Measure, Pin, measure

_BLOCK = 1 << 16  # at most this much is lost when the process dies between a read and its write
_LARGEST = 1 << 34  # no model is larger; a server that says so is not believed
_LOOPBACK = ("127.0.0.1", "::1")

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with a file's name, the bytes had so far and the bytes in all; what it raises ends the download."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server.

    Attributes:
        timeout_s: Without a byte for so long, the connection is dead.
        window_s: Every so often at least `least_bytes` must have come, or the connection is as good as dead.
        least_bytes: See `window_s`.
        tries: So many failures in a row without one new byte end the download; a hub that cannot be reached at all
            ends it at once.
        pause_s: Before the second try; doubled each time.
    """

    timeout_s: float = 20.0
    window_s: float = 60.0
    least_bytes: int = 1 << 16
    tries: int = 5
    pause_s: float = 0.5


class _Retry(Exception):
    """This try failed in a way that another may mend."""


def fetch(url: str, pin: Pin, target: Path, progress: Progress, patience: Patience | None = None) -> Measure:
    """Bring one file to `target`, whatever is already there of it, and check it.

    Args:
        url: https; plain http only to this machine itself.
        pin: Name, and size and checksum where known.
        target: Where the partial and then the whole file lies; its ETag stands in `<target>.etag`.
        progress: See `Progress`.
        patience: See `Patience`.

    Returns:
        The measure of the whole file.

    Raises:
        DownloadFailed: No connection, no space, or the server refuses; what came is kept for the next try.
        ModelCorrupt: The server's file is not the pinned one; nothing is kept.
    """
    if not _plain(url):
        _refuse_unencrypted(url)
    transfer = _Transfer(url, pin, target, progress, patience or Patience())
    fresh = not transfer.had
    transfer.complete()
    found = measure(pin.name, (target,))
    if not pin.holds(found) and not fresh:  # the beginning may have been damaged since: once more, from nothing
        transfer.restart()
        transfer.complete()
        found = measure(pin.name, (target,))
    if not pin.holds(found):
        transfer.restart()
        raise ModelCorrupt(
            f"{pin.name} from {urlsplit(url).netloc} has SHA-256 {found.sha256}, not the published one",
            hint="Try again later; if it stays so, the file was replaced or the connection is tampered with.",
        )
    return found


def get(url: str, patience: Patience | None = None) -> bytes:
    """Return a small answer, at most 1 MiB.

    Raises:
        DownloadFailed: It cannot be had.
    """
    if not _plain(url):
        _refuse_unencrypted(url)
    try:
        with _open(url, {}, (patience or Patience()).timeout_s) as response:
            return response.read(1 << 20)
    except (OSError, HTTPException) as error:
        raise _unreachable(url, error) from error


class _Transfer:
    """One file on its way: what is had of it, and the tries to get the rest."""

    def __init__(self, url: str, pin: Pin, target: Path, progress: Progress, patience: Patience) -> None:
        self._url, self._pin, self._target = url, pin, target
        self._progress, self._patience = progress, patience
        self._reached = False
        self._etag_file = target.with_name(f"{target.name}.etag")

    @property
    def had(self) -> int:
        return self._target.stat().st_size if self._target.exists() else 0

    def restart(self) -> None:
        self._target.unlink(missing_ok=True)
        self._etag_file.unlink(missing_ok=True)

    def complete(self) -> None:
        """Try until the whole file is here."""
        failures = 0
        while True:
            before = self.had
            try:
                return self._once()
            except _Retry as retry:
                failures = 1 if self.had > before else failures + 1
                if failures >= self._patience.tries or not self._reached:
                    raise _unreachable(self._url, retry) from retry
                time.sleep(self._patience.pause_s * 2 ** (failures - 1))

    def _once(self) -> None:
        if self.had and self.had == self._pin.bytes:
            return
        if not self._etag:  # without it nobody can tell whether the rest belongs to the beginning
            self.restart()
        try:
            with _open(self._url, self._resuming(), self._patience.timeout_s) as response:
                self._reached = True
                self._take(response)
        except urllib.error.HTTPError as error:
            self._refused(error)
        except (OSError, HTTPException) as error:
            raise _Retry(str(error)) from error

    @property
    def _etag(self) -> str:
        return self._etag_file.read_text(encoding="utf-8") if self._etag_file.exists() else ""

    def _resuming(self) -> dict[str, str]:
        return {"Range": f"bytes={self.had}-", "If-Range": self._etag} if self.had else {}

    def _refused(self, error: urllib.error.HTTPError) -> None:
        error.close()
        self._reached = True
        if error.code == 416:  # the ETag agrees, and nothing is left from here on
            if _number((error.headers["Content-Range"] or "").rpartition("/")[2]) == self.had:
                return
            self.restart()
        elif error.code < 500 and error.code not in (408, 425, 429):
            raise _unreachable(self._url, error) from error
        raise _Retry(f"the server answers {error.code}") from error

    def _take(self, response: HTTPResponse) -> None:
        total = self._agreed(response)
        if shutil.disk_usage(self._target.parent).free < total - self.had:
            raise _no_space(self._target, total - self.had, "the disk is too full")
        window_ends, window_bytes = time.monotonic() + self._patience.window_s, 0
        with self._writing() as file:
            while block := response.read1(_BLOCK):
                self._write(file, block, total)
                window_bytes += len(block)
                if (now := time.monotonic()) >= window_ends:
                    if window_bytes < self._patience.least_bytes:
                        raise _Retry("the server sends next to nothing")
                    window_ends, window_bytes = now + self._patience.window_s, 0
        if self.had < total:
            raise _Retry("the connection was cut")

    def _agreed(self, response: HTTPResponse) -> int:
        """Return the size of the whole file; drop what is had unless the answer goes on from there."""
        length = _number(response.headers["Content-Length"])
        if response.status == 206:
            total = _continued(response.headers, self.had)
            if total is None or (response.headers["ETag"] or self._etag) != self._etag:
                self.restart()
                raise _Retry("the server's file has changed")
        else:
            self.restart()
            total = length
            etag = response.headers["ETag"] or ""
            # A weak ETag does not promise the same bytes: such a file is fetched in one go or again.
            self._etag_file.write_text("" if etag.startswith("W/") else etag, encoding="utf-8")
        if total is None or total > _LARGEST or self._pin.bytes not in (None, total):
            self.restart()
            host, wanted = urlsplit(self._url).netloc, self._pin.bytes or "of a model"
            raise ModelCorrupt(
                f"{self._pin.name} from {host} has the size {total}, not {wanted}",
                hint="Try again later; if it stays so, the file was replaced.",
            )
        return total

    def _writing(self) -> IO[bytes]:
        try:
            return self._target.open("ab", buffering=0)
        except OSError as error:
            raise _no_space(self._target, 0, error.strerror or str(error)) from error

    def _write(self, file: IO[bytes], block: bytes, total: int) -> None:
        try:
            view = memoryview(block)
            while view:
                view = view[file.write(view) :]
        except OSError as error:
            raise _no_space(self._target, total - self.had, error.strerror or str(error)) from error
        self._progress(self._pin.name, self.had, total)


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: urllib.request.Request, *answer: Any) -> urllib.request.Request | None:
        address = answer[-1]
        if not (_plain(req.full_url) and _plain(address)):
            _refuse_unencrypted(address)
        return super().redirect_request(req, *answer)


def _open(url: str, headers: dict[str, str], timeout_s: float) -> HTTPResponse:
    headers = {"Accept-Encoding": "identity", "User-Agent": "undertext", **headers}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme was checked
    response: HTTPResponse = urllib.request.build_opener(_Redirects).open(request, timeout=timeout_s)
    return response


def _plain(url: str) -> bool:
    """Return whether an address is plain http to this machine itself: nobody else can read along."""
    return urlsplit(url).scheme == "http" and urlsplit(url).hostname in _LOOPBACK


def _refuse_unencrypted(url: str) -> None:
    if urlsplit(url).scheme != "https":
        raise DownloadFailed(f"{url} is not encrypted", hint="Models are fetched over https only.")


def _continued(headers: Message, start: int) -> int | None:
    """Return the whole size that a partial answer tells, or None when it does not begin at `start`."""
    unit, _, rest = (headers["Content-Range"] or "").partition(" ")
    span, _, total = rest.partition("/")
    return _number(total) if unit == "bytes" and span.partition("-")[0] == str(start) else None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _unreachable(url: str, cause: Exception) -> DownloadFailed:
    if isinstance(cause, urllib.error.HTTPError):
        return DownloadFailed(f"{url} is refused: {cause}", hint="Try again later, or another model.")
    reason = cause.reason if isinstance(cause, urllib.error.URLError) else cause
    return DownloadFailed(
        f"{url} cannot be fetched: {reason}",
        hint="Check the network and try again; what has come is kept and continued.",
    )


def _no_space(target: Path, missing: int, reason: str) -> DownloadFailed:
    return DownloadFailed(
        f"{target} cannot be written: {reason}",
        hint=f"Free {max(missing >> 20, 1)} MiB there and try again; what has come is kept and continued.",
    )
