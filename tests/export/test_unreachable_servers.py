"""The client without a server of models: wrong arguments, no server, and a proxy that answers."""

import math
import threading

import numpy as np
import pytest

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.export.serving import client as clients
from keras_vae.export.serving.client import Client, DeadlineExceeded, ServingError, Unavailable

pytest.importorskip("tensorflow_serving", reason="pip install --no-deps tensorflow-serving-api")

pytestmark = pytest.mark.tensorflow


def test_a_deadline_is_a_timeout_error():
    assert issubclass(DeadlineExceeded, TimeoutError)


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_no_server_is_an_error_that_names_the_ports(scheme, monkeypatch):
    monkeypatch.setattr(clients, "FIRST_PAUSE", 0.001)
    with Client(f"{scheme}://127.0.0.1:1", "vae", attempts=2) as client:
        with pytest.raises(Unavailable, match="REST is on 8501 and gRPC on 8500"):
            client.decode(np.zeros((1, 3)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "localhost:8501"}, "Expected a URL such as"),
        ({"url": "ftp://localhost"}, "Expected a URL such as"),
        *(({"url": value}, "Expected a URL such as") for value in (None, 5, b"http://h:8501")),
        ({"url": "http://h:8501/v1/models/vae:predict"}, "without /v1/models.*http://h:8501"),
        ({"url": "https://h/tf/v1/models"}, "without /v1/models.*https://h/tf"),
        *(({"model": value}, "Expected a name") for value in (5, None, b"vae", "")),
        *(({"label": value}, "Expected a name") for value in (1, b"stable", "")),
        ({"version": 1, "label": "stable"}, "Expected a version or a label"),
        *(({"timeout": value}, "Expected timeout above 0") for value in (0, -1.5)),
        *(({"timeout": value}, "finite number") for value in ("5", True, math.nan, math.inf)),
        *(({"attempts": value}, "Expected attempts of at least 1") for value in (0, 1.5, True)),
        *(({"batch_size": value}, "Expected batch_size of at least") for value in (0, 2.5, "8")),
    ],
)
def test_wrong_arguments_are_an_error(arguments, message):
    with pytest.raises((UsageError, UsageTypeError), match=message):
        Client(**{"url": "http://localhost:8501", "model": "vae", **arguments})


def test_an_answer_that_is_no_json_is_an_error():
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Sign in</html>")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with Client(f"http://127.0.0.1:{server.server_port}", "vae") as client:
            with pytest.raises(ServingError, match="Sign in"):
                client.states()
    finally:
        server.shutdown()
        server.server_close()
