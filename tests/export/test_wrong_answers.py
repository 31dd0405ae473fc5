"""The client against servers whose answers have another form."""

import tracemalloc

import numpy as np
import pytest

from keras_vae.export.serving.client import Client, ServingError
from keras_vae.export.serving.wire import field, tensor_proto
from tests.support.hostile import ROWS, asking, grpc_server, http_server, response


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
