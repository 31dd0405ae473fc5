"""Servers that answer what a test wants, and a client that knows the signatures already."""

import contextlib
import json
import re
import socket
import threading
from concurrent import futures

import grpc
import numpy as np

from keras_vae.export.serving.client import Client
from keras_vae.export.serving.signatures import Signature, TensorInfo

SIGNATURES = {
    "decode": Signature(
        {"z": TensorInfo("z", (None, 3), 1)}, {"reconstruction": TensorInfo("x", (None, 2), 1)}
    ),
    "sample": Signature(
        {"seed": TensorInfo("s", (None,), 3)},
        {"z": TensorInfo("z", (None, 1), 1), "count": TensorInfo("n", (None,), 3)},
    ),
}
ROWS = np.zeros((3, 3), "float32")


@contextlib.contextmanager
def http_server(answer):
    """Yields the URL of a server and the requests it got; `answer` writes to the connection."""
    listener, requests = socket.create_server(("127.0.0.1", 0)), []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=talk, args=listener.accept()[:1], daemon=True).start()

    def talk(connection):
        with contextlib.suppress(OSError), connection:
            text, received = b"", b"-"
            while b"\r\n\r\n" not in text and received:
                text += (received := connection.recv(65536))
            head, _, body = text.partition(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            # A client that has gone sends nothing, at once and for ever.
            while length and len(body) < int(length[1]) and received:
                body += (received := connection.recv(65536))
            requests.append(head.decode())
            answer(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", requests
    finally:
        listener.close()


@contextlib.contextmanager
def grpc_server(answer):
    """Yields the URL of a server whose every method returns the bytes of `answer(context)`."""

    class Handler(grpc.GenericRpcHandler):
        def service(self, call):
            return grpc.unary_unary_rpc_method_handler(lambda request, context: answer(context))

    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[Handler()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"grpc://127.0.0.1:{port}"
    finally:
        server.stop(0)


def response(body, status=200) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def asking(url, **options):
    """A client that knows the signatures already."""
    client = Client(url, "vae", **{"attempts": 1, **options})
    client._signatures = SIGNATURES
    return client
