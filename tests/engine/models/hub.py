"""A hub of the test's own: a real HTTP server on 127.0.0.1 that fails as it is told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Fault:
    """What one answer does wrong: `kind`, and where (`at` bytes of the body, or a status, or an address)."""

    kind: str
    at: int | str = 0


class Hub(ThreadingHTTPServer):
    """Serves `files` by path; each fault spoils one answer, in order.

    `asked` are the requests' paths and Range headers, `sent` the body bytes handed out.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.faults, self.asked, self.sent = {}, [], [], 0
        self.etag = '"one"'
        self.closing = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        """A client that hangs up is what the tests are about."""


@contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        hub.shutdown()
        thread.join()
        hub.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self):
        hub = self.server
        hub.asked.append((self.path, self.headers["Range"]))
        fault = hub.faults.pop(0) if hub.faults else Fault("none")
        if fault.kind == "status":
            self._head(fault.at, 0)
        elif fault.kind == "redirect":
            self._head(302, 0, Location=fault.at)
        elif self.path not in hub.files:
            self._head(404, 0)
        else:
            self._answer(hub.files[self.path], fault)

    def _answer(self, content, fault):
        hub, start = self.server, 0
        if fault.kind == "etag":
            hub.etag = f'"{fault.at}"'
        if self.headers["Range"] and self.headers["If-Range"] == hub.etag and fault.kind != "ignore range":
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        if start and start >= len(content):
            self._head(416, 0, **{"Content-Range": f"bytes */{len(content)}"})
            return
        extra = {"ETag": '"other"' if fault.kind == "other etag" else hub.etag}
        if fault.kind == "no etag":
            del extra["ETag"]
        if start:
            told = start + fault.at if fault.kind == "wrong range" else start
            extra["Content-Range"] = f"bytes {told}-{len(content) - 1}/{len(content)}"
        length = None if fault.kind == "no length" else len(content) - start
        self._head(206 if start else 200, length, **extra)
        self._body(content[start:], fault)

    def _head(self, status, length, **extra):
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in extra.items():
            self.send_header(name, value)
        self.end_headers()

    def _body(self, body, fault):
        self.close_connection = True
        if fault.kind in {"cut", "stall", "trickle"}:
            body, rest = body[: fault.at], body[fault.at :]
        self.server.sent += len(body)  # before the client can know
        self.wfile.write(body)
        if fault.kind == "stall":
            self.server.closing.wait(20)
        while fault.kind == "trickle" and rest and not self.server.closing.wait(0.02):
            self.wfile.write(rest[:1])
            rest = rest[1:]

    def log_message(self, *args):
        """Say nothing."""
