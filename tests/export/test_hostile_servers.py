"""The client against servers that answer wrongly, slowly, without end, or not at all."""

import contextlib
import json
import re
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent import futures

import grpc
import numpy as np
import pytest

from keras_vae.export.serving import client as clients
from keras_vae.export.serving import grpc_api, rest
from keras_vae.export.serving.client import Client, DeadlineExceeded, ServingError, Unavailable
from keras_vae.export.serving.http_connection import connection_to
from keras_vae.export.serving.signatures import Signature, TensorInfo
from keras_vae.export.serving.wire import field, tensor_proto

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
            text = b""
            while b"\r\n\r\n" not in text:
                text += connection.recv(65536)
            head, _, body = text.partition(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            while length and len(body) < int(length[1]):
                body += connection.recv(65536)
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


def over_rest(predictions, signature="decode", **inputs):
    """What the client makes of an answer over REST."""
    body = {"predictions": predictions}
    with http_server(lambda connection: connection.sendall(response(body))) as (url, _):
        with asking(url) as client:
            return client.predict(signature, **inputs or {"z": ROWS})


def over_grpc(signature="decode", inputs=None, **outputs):
    """What the client makes of an answer over gRPC: an array or the bytes of a tensor by name."""
    message = b"".join(
        field(1, field(1, name) + field(2, v if isinstance(v, bytes) else tensor_proto(v)))
        for name, v in outputs.items()
    )
    with grpc_server(lambda context: message) as url, asking(url) as client:
        return client.predict(signature, **inputs or {"z": ROWS})


@pytest.mark.parametrize("rows", [0, 1, 2, 4, 5])
def test_another_number_of_rows_than_asked_for_is_an_error(rows):
    with pytest.raises(ServingError, match=r"Expected 3 rows of reconstruction: float32\[\?, 2\]"):
        over_rest([[1.0, 2.0]] * rows)
    with pytest.raises(ServingError, match="Expected 3 rows|cannot be read"):
        over_grpc(reconstruction=np.zeros((rows, 2), "float32"))


@pytest.mark.parametrize(
    "predictions",
    [
        [[1.0]] * 3,
        [1.0] * 3,
        [[[1.0, 2.0]]] * 3,
        [[1.0, 2.0], [1.0, 2.0], [1.0]],
        [["1", "2"]] * 3,
        [[True, False]] * 3,
        [[None, 1.0]] * 3,
        [{"reconstruction": [1.0, 2.0]}] * 3,
        {"reconstruction": [[1.0, 2.0]] * 3},
        None,
        "text",
        3,
    ],
    ids=str,
)
def test_outputs_of_another_form_over_rest_are_an_error(predictions):
    with pytest.raises(ServingError, match="Expected"):
        over_rest(predictions)


@pytest.mark.parametrize(
    "row",
    [
        {"z": [1.0]},
        {"z": [1.0], "count": 1.5},
        {"z": [1.0], "count": 2**40},
        {"z": [1.0], "count": True},
        [[1.0], 1],
    ],
    ids=str,
)
def test_each_of_several_outputs_over_rest_is_checked(row):
    with pytest.raises(ServingError, match="Expected"):
        over_rest([row] * 2, "sample", seed=[1, 2])
    good = over_rest([{"z": [1.0], "count": 2}] * 2, "sample", seed=[1, 2])
    np.testing.assert_array_equal(good["count"], [2, 2])


@pytest.mark.parametrize(
    "outputs",
    [
        {},
        {"other": np.zeros((3, 2), "float32")},
        {"reconstruction": np.zeros((3, 2), "float32"), "more": np.zeros((3, 2), "float32")},
        {"reconstruction": np.zeros((3, 3), "float32")},
        {"reconstruction": np.zeros((3, 2), "int32")},
        {"reconstruction": np.zeros((3, 1, 2), "float32")},
        {"reconstruction": np.array([b"a"] * 6, object).reshape(3, 2)},
        {"reconstruction": b"\x08"},
    ],
    ids=str,
)
def test_outputs_of_another_form_over_grpc_are_an_error(outputs):
    with pytest.raises(ServingError, match="Expected"):
        over_grpc(**outputs)


def test_a_tensor_of_a_few_bytes_cannot_claim_gigabytes():
    shape = field(2, field(2, field(1, 900_000_000)))
    claim = field(1, 1) + shape + field(5, np.float32(1).tobytes())
    tracemalloc.start()
    with pytest.raises(ServingError, match="Expected"):
        over_grpc(reconstruction=claim)
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


@pytest.mark.parametrize("body", [{}, [], {"model_version_status": 3}, {"metadata": []}], ids=str)
def test_other_json_than_that_of_tf_serving_is_an_error(body):
    with http_server(lambda connection: connection.sendall(response(body))) as (url, _):
        with Client(url, "vae", attempts=1) as client:
            for call in (client.signatures, client.states, lambda: client.decode(ROWS)):
                with pytest.raises(ServingError, match="Expected an answer of TF Serving"):
                    call()


@pytest.mark.parametrize("message", [b"\x12\x01", b"\xff" * 30, b"\x12\x02\x08\x01"], ids=str)
def test_other_bytes_than_those_of_tf_serving_are_an_error(message):
    with grpc_server(lambda context: message) as url, Client(url, "vae", attempts=1) as client:
        for call in (client.signatures, lambda: client.decode(ROWS)):
            with pytest.raises(ServingError, match="Expected"):
                call()


DRIPS = {
    "status": b"",
    "headers": b"HTTP/1.1 200 OK\r\nX: ",
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "rest": b"HTTP/1.1 200 OK\r\n\r\n",
}


@pytest.mark.parametrize("start", DRIPS)
def test_a_server_that_drips_is_given_up_at_the_deadline(start):
    def drip(connection):
        connection.sendall(DRIPS[start])
        while True:
            connection.sendall(b"1\r\n \r\n" if start == "chunks" else b"1")
            time.sleep(0.02)

    with http_server(drip) as (url, _), asking(url, timeout=0.3, attempts=3) as client:
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded, match="Give more time"):
            client.decode(ROWS)
        assert time.monotonic() - began < 1.5


def test_a_server_that_reads_slowly_is_given_up_at_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = connection_to("http", *listener.getsockname())
        connection.deadline = time.monotonic() + 0.3
        with pytest.raises(TimeoutError):
            connection.request("POST", "/", bytes(50_000_000))
        assert time.monotonic() - connection.deadline < 0.5
        connection.close()


def test_the_time_to_write_a_request_counts(monkeypatch):
    def slow(*_, **__):
        time.sleep(0.2)
        return "{}"

    monkeypatch.setattr(rest.json, "dumps", slow)
    monkeypatch.setattr(grpc_api, "predict_request", slow)
    for scheme in ("http", "grpc"):
        with asking(f"{scheme}://127.0.0.1:1", timeout=0.1) as client:
            with pytest.raises(DeadlineExceeded):
                client.decode(ROWS)


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 600000000\r\n", b"Transfer-Encoding: chunked\r\n", b""],
    ids=["length", "chunks", "end"],
)
def test_an_endless_answer_to_three_rows_is_refused_early(head):
    def flood(connection):
        connection.sendall(HEAD + head + b"\r\n")
        piece = b"10000\r\n" + 65536 * b"1" + b"\r\n" if b"chunked" in head else 65536 * b"1"
        while True:
            connection.sendall(piece)

    with http_server(flood) as (url, _), asking(url, timeout=20) as client:
        began = time.monotonic()
        with pytest.raises(ServingError, match="Expected an answer of at most"):
            client.decode(ROWS)
        assert time.monotonic() - began < 2.0


def test_a_cut_answer_is_asked_for_again():
    def cut(connection):
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")

    with http_server(cut) as (url, requests), asking(url, attempts=2) as client:
        with pytest.raises(Unavailable, match="Expected a server at"):
            client.decode(ROWS)
    assert len(requests) == 2


MERGED = "Tensors with name 'x:0' from different tasks have different shapes and padding is off."


def test_a_good_request_that_was_merged_with_a_bad_one_is_repeated(monkeypatch):
    monkeypatch.setattr(clients, "FIRST_PAUSE", 0.001)
    answers = [response({"error": MERGED}, 400), response({"predictions": [[1.0, 2.0]] * 3})]
    with http_server(lambda connection: connection.sendall(answers.pop(0))) as (url, requests):
        with asking(url, attempts=2) as client:
            assert client.decode(ROWS).shape == (3, 2)
    assert len(requests) == 2
    calls = []

    def answer(context):
        calls.append(1)
        if len(calls) == 1:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, MERGED)
        array = tensor_proto(np.zeros((3, 2), "float32"))
        return field(1, field(1, "reconstruction") + field(2, array))

    with grpc_server(answer) as url, asking(url, attempts=2) as client:
        assert client.decode(ROWS).shape == (3, 2)
    assert len(calls) == 2


def test_a_lack_of_threads_is_named():
    def answer(context):
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Server Threadpool Exhausted")

    with grpc_server(answer) as url, asking(url) as client:
        with pytest.raises(Unavailable, match="Threadpool Exhausted.*busy.*--grpc_max_threads"):
            client.decode(ROWS)


def test_messages_of_a_server_cannot_write_to_the_terminal():
    body = {"error": "\x1b[2J\x1b]0;owned\x07" + 100_000 * "x"}
    with http_server(lambda connection: connection.sendall(response(body, 400))) as (url, _):
        with asking(url) as client, pytest.raises(ServingError) as caught:
            client.decode(ROWS)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2000


def test_names_and_labels_are_quoted_in_urls():
    with http_server(lambda connection: connection.sendall(response({}, 404))) as (url, requests):
        for options in ({"label": "a/../b c?d"}, {"version": 3}):
            with Client(f"{url}/base/", "../x?y#z:predict", attempts=1, **options) as client:
                with pytest.raises(ServingError):
                    client.signatures()
    name = "/base/v1/models/..%2Fx%3Fy%23z%3Apredict"
    assert [request.split()[1] for request in requests] == [
        f"{name}/labels/a%2F..%2Fb%20c%3Fd/metadata",
        f"{name}/versions/3/metadata",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@localhost:1",
        "grpc://user:hunter2@localhost:1",
        "htp://user:hunter2@localhost:1",
        "user:hunter2@localhost:1",
        "http://localhost:1/?token=hunter2",
        "http://localhost:1/#hunter2",
        "http://user:hunter2@[::1",
        "http://u@x:hunter2@localhost",
        "http://user:a/hunter2@localhost",
    ],
)
def test_a_password_in_the_url_is_refused_and_not_shown(url):
    with pytest.raises(ValueError, match="Expected a URL without user, password") as caught:
        Client(url, "vae")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"url": "http://localhost:99999"},
        {"url": "http://localhost:port"},
        {"url": "http://[::1"},
        {"url": "grpc://localhost:1/path"},
        {"model": ""},
        {"label": ""},
        {"version": 0},
        {"version": -1},
        {"version": 2**63},
        {"version": True},
        {"version": "1/../2"},
    ],
    ids=str,
)
def test_an_address_that_cannot_be_is_an_error(options):
    with pytest.raises(ValueError, match="Expected"):
        Client(**{"url": "http://localhost:1", "model": "vae", **options})


NUMPY_ONLY = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("keras", "tensorflow", "jax", "torch", "tyro", "h5py"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
import numpy as np
from keras_vae.export.serving import Client

for url in sys.argv[1:]:
    with Client(url, "vae", timeout=60) as client:
        print(client.decode(np.zeros((2, 3))).shape, client.states())
"""


@pytest.mark.tensorflow
def test_the_client_needs_numpy_only():
    pytest.importorskip("tensorflow_serving")
    from tests.support import serving, stand_in

    folder = serving.folder() / "numpy-only"
    serving.model("ConvVAE").export(folder / "vae" / "1", endpoints=("decode",))
    server = stand_in.StandIn(folder)
    try:
        done = subprocess.run(
            [sys.executable, "-c", NUMPY_ONLY, server.rest, server.grpc],
            cwd=serving.ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        server.close()
    assert done.returncode == 0, done.stderr
    assert done.stdout == 2 * "(2, 8, 8, 1) {1: 'AVAILABLE'}\n"
