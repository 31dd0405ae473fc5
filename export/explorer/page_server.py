"""The server of --serve: it shows one page on this machine, and nothing else."""

import contextlib
import http.server
import mimetypes
import socket
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HOSTS = ("localhost", "127.0.0.1")
TYPES = {
    ".wasm": "application/wasm",
    ".js": "text/javascript",
    ".tflite": "application/octet-stream",
}
# Seconds that a connection may be silent, and connections at once.
PATIENCE, MOST_CONNECTIONS = 10.0, 32


class PageServer(http.server.ThreadingHTTPServer):
    """A server of the files of one page, for browsers on this machine.

    It answers requests for `localhost` and `127.0.0.1` only, so that no other web page reaches it
    under a name of its own (DNS rebinding). It never looks at the disk.

    Args:
        contents: Files by name.
        port: A port, or 0 for a free one.
    """

    def __init__(self, contents: Mapping[str, bytes], port: int) -> None:
        self.contents = contents
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__(("127.0.0.1", port), Handler)
        self.known_hosts = [[f"{host}:{self.server_port}"] for host in HOSTS]
        self.known_hosts += [[host] for host in HOSTS if self.server_port == 80]

    def process_request(self, request: Any, address: Any) -> None:
        """Answer in a new thread, or close the connection if there are too many."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, address)

    def process_request_thread(self, request: Any, address: Any) -> None:
        """Answer one connection."""
        try:
            super().process_request_thread(request, address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, address: Any) -> None:
        """Pass over connections that the other side has closed or left silent."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, address)


class Handler(http.server.BaseHTTPRequestHandler):
    """The answers to GET and HEAD; all other methods are refused."""

    server: PageServer
    timeout = PATIENCE

    def setup(self) -> None:
        """Bound the whole request, also one that comes byte by byte."""
        super().setup()
        self._timer = threading.Timer(PATIENCE, self._give_up)
        self._timer.daemon = True
        self._timer.start()

    def finish(self) -> None:
        """Stop waiting for the request."""
        self._timer.cancel()
        super().finish()

    def do_GET(self) -> None:
        """Send a file of the page."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Send the headers of a file of the page."""
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        self._timer.cancel()
        if self.headers.get_all("Host") not in self.server.known_hosts:
            self.send_error(421, "Expected the host localhost")
            return
        name = urlsplit(self.path).path.removeprefix("/") or "index.html"
        if name not in self.server.contents:
            self.send_error(404)
            return
        content, suffix = self.server.contents[name], Path(name).suffix
        self.send_response(200)
        kind = TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _give_up(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
