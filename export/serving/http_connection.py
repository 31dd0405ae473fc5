"""HTTP connections whose calls end at a deadline, however slowly the other side sends."""

import functools
import http.client
import io
import socket
import ssl
import time
from typing import Any

# Bytes to send at once: one record of TLS, so that no step outlasts the deadline.
PIECE = 2**14
# Linux delays acknowledgments by 40 ms; a server that sends in two parts waits for them.
QUICK_ACK = getattr(socket, "TCP_QUICKACK", None)


class Connection(http.client.HTTPConnection):
    """A connection over HTTP; `deadline` bounds connecting, sending and receiving together.

    Attributes:
        deadline: A time of `time.monotonic`, to be set before each request.
    """

    deadline = 0.0

    def connect(self) -> None:
        """Connect to the first address of the host that answers."""
        problem: OSError | None = None
        for family, kind, protocol, _, address in socket.getaddrinfo(
            self.host, self.port, type=socket.SOCK_STREAM
        ):
            made = socket.socket(family, kind, protocol)
            try:
                made.settimeout(self.seconds_left())
                made.connect(address)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                made.settimeout(self.seconds_left())
            except OSError as error:
                made.close()
                problem = error
            else:
                self.sock = made
                return
        raise problem or OSError("the host has no address")

    def send(self, data: Any) -> None:
        """Send bytes."""
        if self.sock is None:
            self.connect()
        for start in range(0, len(data), PIECE):
            self.sock.settimeout(self.seconds_left())
            self.sock.sendall(data[start : start + PIECE])

    def getresponse(self) -> http.client.HTTPResponse:
        """Return the response, whose headers have been read."""
        self.response_class = functools.partial(_Response, connection=self)  # type: ignore[assignment]
        return super().getresponse()

    def seconds_left(self) -> float:
        """Return the seconds until the deadline; raises TimeoutError after it."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The time is over.")
        return left


class SecureConnection(http.client.HTTPSConnection, Connection):
    """A connection over HTTPS."""


class _Response(http.client.HTTPResponse):
    """A response that is read until the deadline of its connection."""

    def __init__(
        self, sock: socket.socket, *arguments: Any, connection: Connection, **options: Any
    ) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_Reader(self.fp.detach(), sock, connection))


class _Reader(io.RawIOBase):
    """The bytes of a socket until a deadline."""

    def __init__(self, raw: Any, sock: socket.socket, connection: Connection) -> None:
        self.raw, self.sock, self.connection = raw, sock, connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.sock.settimeout(self.connection.seconds_left())
        if QUICK_ACK is not None:
            self.sock.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)
        return self.raw.readinto(buffer)

    def close(self) -> None:
        self.raw.close()
        super().close()


def connection_to(scheme: str, host: str, port: int | None) -> Connection:
    """Return a new connection, http or https, that is not connected yet."""
    if scheme == "https":
        return SecureConnection(host, port, context=ssl.create_default_context())
    return Connection(host, port)
