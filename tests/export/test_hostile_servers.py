"""The client against servers that answer slowly, without end, or not at all."""

import socket
import time

import grpc
import numpy as np
import pytest

from keras_vae.export.serving import client as clients
from keras_vae.export.serving import grpc_api, rest
from keras_vae.export.serving.client import DeadlineExceeded, ServingError, Unavailable
from keras_vae.export.serving.http_connection import connection_to
from keras_vae.export.serving.wire import field, tensor_proto
from tests.support.hostile import ROWS, asking, grpc_server, http_server, response

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
