"""A publisher of the test's own: a real server on 127.0.0.1, with TLS or without, that answers whatever it is told."""

import json
import shutil
import socketserver
import ssl
import subprocess
import threading
from contextlib import contextmanager

import pytest

from desktop.updates.publisher import Publisher

PAGE = "https://undertext.invalid/get"


def page(body, status="200 OK", *headers):
    """Return an answer as it goes over the wire."""
    head = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join((*head, "", "")).encode() + body


def tells(version):
    """Return the answer that names a version."""
    return page(json.dumps({"version": version}).encode())


class Server(socketserver.ThreadingTCPServer):
    """Sends `answer` to everybody, and then, where it `trickles`, a byte of that now and then, for ever.

    `asked` has each request as it came: its first line, and its headers by name.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.trickles, self.asked = tells("0.0.1"), None, []
        self.closing = threading.Event()
        self.scheme = "http"

    @property
    def publisher(self):
        return Publisher(f"{self.scheme}://127.0.0.1:{self.server_address[1]}/newest.json", PAGE)

    def handle_error(self, request, client_address):
        """A client that hangs up is what the tests are about."""


@contextmanager
def publishing(certificate=None):
    """Run a server while the block does.

    Args:
        certificate: A file with a certificate and its key, for TLS.
    """
    server = Server()
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def certificate(folder, name="IP:127.0.0.1"):
    """Return a file with a certificate that nobody has signed but itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    made = folder / "certificate.pem"
    words = ("-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=undertext", "-addext")
    command = ["openssl", "req", "-x509", *words, f"subjectAltName={name}", "-keyout", made, "-out", folder / "public"]
    subprocess.run(command, check=True, capture_output=True)
    made.write_bytes(made.read_bytes() + (folder / "public").read_bytes())
    return made


class _Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self):
        lines = [line.decode().rstrip() for line in iter(self.rfile.readline, b"\r\n")]
        self.server.asked.append((lines[0], dict(line.split(": ", 1) for line in lines[1:])))
        self.wfile.write(self.server.answer)
        while self.server.trickles is not None and not self.server.closing.wait(0.02):
            self.wfile.write(self.server.trickles)
