"""The double of TF Serving answers each kind of request as the real server answered it.

The statuses and texts are those of tensorflow_model_server 2.20, of models whose endpoints check
shapes. Where the binary is installed, the same requests go to it too.
"""

import base64
import gzip
import http.client
import json
from urllib.parse import urlsplit

import grpc
import numpy as np
import pytest

from keras_vae.export.serving.client import Client, DeadlineExceeded, ServingError
from tests.support import serving

pytest.importorskip("tensorflow_serving", reason="pip install --no-deps tensorflow-serving-api")
from tests.support import stand_in  # noqa: E402

pytestmark = pytest.mark.tensorflow
KINDS = [stand_in.StandIn, *([stand_in.RealServer] if stand_in.SERVER else [])]
MODEL = "/v1/models/vae"
PREDICT = f"{MODEL}:predict"
X = np.full((1, 8, 8, 1), 0.5).tolist()
SEEDS = {"signature_name": "sample", "inputs": {"seed": [1]}}


@pytest.fixture(scope="module")
def folder():
    folder = serving.folder() / "stand-in"
    (folder / "vae").mkdir(parents=True)
    serving.model("ConvVAE").export(folder / "vae" / "3")
    return folder


@pytest.fixture(scope="module", params=KINDS)
def server(request, folder):
    started = request.param(folder)
    yield started
    started.close()


@pytest.fixture(scope="module")
def batching(folder):
    started = stand_in.StandIn(folder, largest_batch=64)
    yield started
    started.close()


def ask(server, method, path, body=None, **headers):
    """Status, text and type of an answer."""
    connection = http.client.HTTPConnection(urlsplit(server.rest).netloc, timeout=60)
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text, response.headers.get("Content-Type", "")


def seeds(*values):
    return {"signature_name": "sample", "inputs": {"seed": list(values)}}


def picture(value):
    return {"signature_name": "reconstruct_png", "inputs": {"image_bytes": [value]}}


B64 = base64.b64encode(b"no picture").decode()
TABLE = {
    "a valid column": ("POST", PREDICT, {"inputs": {"x": X}}, 200, "outputs"),
    "a valid column without a name": ("POST", PREDICT, {"inputs": X}, 200, "outputs"),
    "a valid row": ("POST", PREDICT, {"instances": X}, 200, "predictions"),
    "a valid row with a name": ("POST", PREDICT, {"instances": [{"x": X[0]}]}, 200, "predictions"),
    "NaN": ("POST", PREDICT, {"inputs": np.full((1, 8, 8, 1), np.nan).tolist()}, 200, "NaN"),
    "infinity": ("POST", PREDICT, {"inputs": np.full((1, 8, 8, 1), np.inf).tolist()}, 200, ""),
    "1e39": ("POST", PREDICT, {"inputs": np.full((1, 8, 8, 1), 1e39).tolist()}, 200, ""),
    "an axis too few": ("POST", PREDICT, {"inputs": {"x": X[0]}}, 400, ""),
    "a matrix": ("POST", PREDICT, {"inputs": {"x": [[1.0, 2.0]]}}, 400, ""),
    "a scalar": ("POST", PREDICT, {"inputs": {"x": 1.0}}, 400, ""),
    "an empty column": ("POST", PREDICT, {"inputs": {"x": []}}, 400, ""),
    "another height": ("POST", PREDICT, {"inputs": {"x": [X[0][:5]]}}, 400, ""),
    "65 rows": ("POST", PREDICT, {"inputs": {"x": X * 65}}, 200, "outputs"),
    "malformed JSON": ("POST", PREDICT, "{", 400, "JSON Parse error"),
    "an empty body": ("POST", PREDICT, "", 400, "JSON Parse error: The document is empty"),
    "a list": ("POST", PREDICT, [], 400, "Is not object"),
    "neither key": ("POST", PREDICT, {}, 400, "Missing 'inputs' or 'instances' key"),
    "both keys": ("POST", PREDICT, {"inputs": X, "instances": X}, 400, "expecting only"),
    "no instances": ("POST", PREDICT, {"instances": []}, 400, "No values in 'instances'"),
    "instances as an object": ("POST", PREDICT, {"instances": {"x": X}}, 400, "list/array"),
    "a row with another name": ("POST", PREDICT, {"instances": [{"y": X[0]}]}, 400, ""),
    "a row with one name more": ("POST", PREDICT, {"instances": [{"x": X[0], "y": 1}]}, 400, ""),
    "seed 2**31": ("POST", PREDICT, seeds(2**31), 400, "not of expected type"),
    "seed 2**63": ("POST", PREDICT, seeds(2**63), 400, "not of expected type"),
    "seed 1.5": ("POST", PREDICT, seeds(1.5), 400, "not of expected type"),
    "seed 1.0": ("POST", PREDICT, seeds(1.0), 400, "not of expected type"),
    "seed null": ("POST", PREDICT, seeds(None), 400, "not of expected type"),
    "seed true": ("POST", PREDICT, seeds(True), 400, "not of expected type"),
    "a valid seed": ("POST", PREDICT, SEEDS, 200, "outputs"),
    "1e400": ("POST", PREDICT, '{"inputs": {"x": [1e400]}}', 400, "Number too big"),
    "an input more": ("POST", PREDICT, {"inputs": {"x": X, "y": [1]}}, 200, "outputs"),
    "an input less": ("POST", PREDICT, {"inputs": {"y": X}}, 400, "Missing named input: x"),
    "an empty signature name": (
        *("POST", PREDICT, {"signature_name": "", "inputs": {"x": X}}),
        *(200, "outputs"),
    ),
    "an unknown signature": (
        *("POST", PREDICT, {"signature_name": "paint", "inputs": {"x": X}}),
        *(400, "not found in signature def"),
    ),
    "a number as signature": (
        *("POST", PREDICT, {"signature_name": 1, "inputs": {"x": X}}),
        *(400, "'signature_name' key must be a string value"),
    ),
    "version 3": ("POST", f"{MODEL}/versions/3:predict", {"inputs": X}, 200, "outputs"),
    "version 0": ("POST", f"{MODEL}/versions/0:predict", {"inputs": X}, 404, "Servable not found"),
    "version 99": ("POST", f"{MODEL}/versions/99:predict", {"inputs": X}, 404, "not found"),
    "version abc": ("POST", f"{MODEL}/versions/abc:predict", {"inputs": X}, 400, "Malformed"),
    "a label": (
        *("POST", f"{MODEL}/labels/stable:predict", {"inputs": X}),
        *(400, "Unrecognized servable version label: stable"),
    ),
    "the status of a label": ("GET", f"{MODEL}/labels/stable", None, 200, "AVAILABLE"),
    "the status of version abc": ("GET", f"{MODEL}/versions/abc", None, 400, "Malformed"),
    "the status": ("GET", MODEL, None, 200, "AVAILABLE"),
    "the status of version 99": (
        *("GET", f"{MODEL}/versions/99", None),
        *(404, "Could not find version 99 of model vae"),
    ),
    "the status of an unknown model": (
        *("GET", "/v1/models/cat", None),
        *(404, "Could not find any versions of model cat"),
    ),
    "the metadata of an unknown model": (
        *("GET", "/v1/models/cat/metadata", None),
        *(404, "Servable not found"),
    ),
    "an unknown model": ("POST", "/v1/models/cat:predict", {"inputs": X}, 404, "Latest(cat)"),
    "no model": ("GET", "/v1/models", None, 400, "Missing model name"),
    "no method": ("POST", MODEL, {"inputs": X}, 400, "Malformed request: POST"),
    "classify": ("POST", f"{MODEL}:classify", {"inputs": X}, 400, ""),
    "regress": ("POST", f"{MODEL}:regress", {"inputs": X}, 400, ""),
    "GET of :predict": ("GET", PREDICT, None, 400, "Malformed request: GET"),
    "PUT": ("PUT", PREDICT, {"inputs": X}, 400, "Malformed request: PUT"),
    "DELETE": ("DELETE", MODEL, None, 400, "Malformed request: DELETE"),
    "HEAD": ("HEAD", MODEL, None, 400, ""),
    "OPTIONS": ("OPTIONS", MODEL, None, 400, ""),
    "bad base64": ("POST", PREDICT, picture({"b64": "?"}), 400, "Unable to base64 decode"),
    "bytes that are no picture": ("POST", PREDICT, picture({"b64": B64}), 400, "image"),
    "text as a picture": ("POST", PREDICT, picture("text"), 400, ""),
    "ragged rows": ("POST", PREDICT, {"inputs": {"x": [X[0], X[0][:5]]}}, 400, "unexpected size"),
    "a number among lists": ("POST", PREDICT, {"inputs": {"x": [X[0], 1]}}, 400, "level"),
}


@pytest.mark.parametrize("what", TABLE)
def test_a_request_over_rest_is_answered_as_by_the_real_server(server, what):
    method, path, body, wanted, text = TABLE[what]
    status, answer, kind = ask(server, method, path, body)
    assert (status, kind) == (wanted, "application/json"), answer
    assert text in answer
    if wanted != 200 and method != "HEAD":
        assert set(json.loads(answer)) == {"error"}


def test_a_compressed_body_is_read(server):
    body = gzip.compress(json.dumps({"inputs": {"x": X}}).encode())
    assert ask(server, "POST", PREDICT, body, **{"Content-Encoding": "gzip"})[0] == 200


def test_other_paths_are_web_pages_and_metrics_are_text(server):
    for path in ("/", "/v2"):
        status, text, kind = ask(server, "GET", path)
        assert (status, "404 Not Found" in text) == (404, True)
        assert kind.startswith("text/html")
    status, text, _ = ask(server, "GET", "/monitoring/prometheus/metrics")
    assert (status, text.startswith("#")) == (200, True)


def test_metadata_have_what_the_real_server_adds(server):
    answer = json.loads(ask(server, "GET", f"{MODEL}/metadata")[1])
    assert answer["model_spec"] == {"name": "vae", "signature_name": "", "version": "3"}
    found = answer["metadata"]["signature_def"]["signature_def"]
    assert "__saved_model_init_op" in found
    assert found["decode"]["method_name"] == "tensorflow/serving/predict"
    assert found["decode"]["defaults"] == {}


@pytest.mark.parametrize("rows", [65, 200])
def test_with_batching_too_many_rows_are_refused(batching, rows):
    status, text, _ = ask(batching, "POST", PREDICT, {"inputs": {"x": X * rows}})
    assert (status, "larger than maximum input batch size 64" in text) == (400, True)
    assert ask(batching, "POST", PREDICT, {"inputs": {"x": X * 64}})[0] == 200


def test_with_batching_an_empty_batch_is_never_answered(batching):
    infos = None
    for url in (batching.rest, batching.grpc):
        with Client(url, "vae", timeout=0.3) as client:
            infos = infos or client.signatures()["sample"]
            empty = {"seed": np.zeros(0, "int32")}
            if url.startswith("http"):
                connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=0.3)
                connection.request("POST", PREDICT, json.dumps(seeds()))
                with pytest.raises(TimeoutError):
                    connection.getresponse()
                connection.close()
            else:
                with pytest.raises(DeadlineExceeded):
                    client._transport.predict("sample", empty, infos, 5.0)


@pytest.mark.parametrize(
    ("signature", "inputs", "code"),
    [
        ("encode", {"x": np.zeros((1, 8, 8, 1), "float32"), "y": np.zeros(1)}, "INVALID_ARGUMENT"),
        ("encode", {"y": np.zeros((1, 8, 8, 1), "float32")}, "INVALID_ARGUMENT"),
        ("encode", {"x": np.zeros((1, 5, 8, 1), "float32")}, "INVALID_ARGUMENT"),
        ("paint", {"x": np.zeros((1, 8, 8, 1), "float32")}, "FAILED_PRECONDITION"),
    ],
)
def test_a_request_over_grpc_is_answered_as_by_the_real_server(server, signature, inputs, code):
    with Client(server.grpc, "vae", timeout=60) as client:
        infos = client.signatures()["encode"]
        with pytest.raises(ServingError, match=code):
            client._transport.predict(signature, inputs, infos, 60.0)


@pytest.mark.parametrize("version", [0, 99])
def test_an_unknown_version_over_grpc_is_not_found(server, version):
    from tensorflow_serving.apis import (
        get_model_status_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_service_pb2_grpc,
    )

    with grpc.insecure_channel(urlsplit(server.grpc).netloc) as channel:
        calls = {
            prediction_service_pb2_grpc.PredictionServiceStub(
                channel
            ).Predict: predict_pb2.PredictRequest(),
            model_service_pb2_grpc.ModelServiceStub(
                channel
            ).GetModelStatus: get_model_status_pb2.GetModelStatusRequest(),
        }
        for call, request in calls.items():
            request.model_spec.name = "vae"
            request.model_spec.version.value = version
            with pytest.raises(grpc.RpcError) as caught:
                call(request, timeout=60)
            assert caught.value.code() == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_the_client_tells_an_unknown_label(server, protocol):
    with Client(getattr(server, protocol), "vae", label="stable", timeout=60) as client:
        for call in (client.states, client.signatures, lambda: client.decode(np.zeros((1, 3)))):
            with pytest.raises(ServingError, match="Unrecognized.*name, version or label of a"):
                call()


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_the_client_asks_for_the_version_of_a_label(folder, protocol):
    double = stand_in.StandIn(folder)
    double.labels = {"stable": 3}
    try:
        with Client(getattr(double, protocol), "vae", label="stable", timeout=60) as client:
            assert client.states() == {3: "AVAILABLE"}
            assert client.decode(np.zeros((1, 3))).shape == (1, 8, 8, 1)
    finally:
        double.close()


def test_the_command_serves_until_it_is_interrupted(folder, capsys):
    """At the addresses that it prints."""
    found = []

    def wait():
        rest = next(word for word in capsys.readouterr().out.split() if word.startswith("http:"))
        with Client(rest, "vae", timeout=60) as client:
            found.append(client.states())
        raise KeyboardInterrupt

    stand_in.main(str(folder), "0", wait)
    assert list(found[0]) == [3]
