"""The client over REST and gRPC: the answers of Keras, deadlines, repeats, batches, errors."""

import io
import json
import threading
import time
import urllib.request
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from keras_vae.export.serving import client as clients
from keras_vae.export.serving.client import Client, DeadlineExceeded, ServingError, Unavailable
from keras_vae.random import row_seeds
from tests.support import serving

pytest.importorskip("tensorflow_serving", reason="pip install --no-deps tensorflow-serving-api")
from tests.support import stand_in  # noqa: E402

pytestmark = pytest.mark.tensorflow

VAE = "ConvVAE"
PROTOCOLS = ("rest", "grpc")


@pytest.fixture(scope="module")
def models():
    """A folder of one model with the version 3."""
    folder = serving.folder() / "client"
    (folder / "vae").mkdir(parents=True)
    serving.model(VAE).export(folder / "vae" / "3")
    return folder


KINDS = [stand_in.StandIn, *([stand_in.RealServer] if stand_in.SERVER else [])]


@pytest.fixture(scope="module", params=KINDS)
def server(request, models):
    started = request.param(models)
    yield started
    started.close()


@pytest.fixture(scope="module")
def double(models):
    started = stand_in.StandIn(models)
    yield started
    started.close()


@pytest.fixture(params=PROTOCOLS)
def client(request, server):
    with Client(getattr(server, request.param), "vae", timeout=60) as made:
        yield made


@pytest.fixture(params=PROTOCOLS)
def url(request, double):
    double.failures, double.delay, double.requests = 0, 0.0, 0
    yield getattr(double, request.param)
    double.failures, double.delay = 0, 0.0


def close_to(expected):
    return pytest.approx(np.asarray(expected), rel=1e-5, abs=1e-5)


@pytest.mark.skipif(not stand_in.SERVER, reason="tensorflow_model_server is not installed")
def test_the_real_server_ran_these_tests(server):
    assert stand_in.RealServer in KINDS


@pytest.mark.slow
def test_every_signature_answers_as_keras_does(client):
    model, x = serving.model(VAE), serving.images(5)
    assert client.reconstruct(x) == close_to(model.reconstruct(x))
    codes = client.encode(x)
    assert codes["z_mean"] == close_to(model.posterior(x).mean)
    assert codes["z_log_var"] == close_to(model.posterior(x).log_var)
    assert client.decode(codes["z_mean"]) == close_to(model.reconstruct(x))
    scores = client.score(x)
    assert set(scores) == {"score", "kl", "reconstruction_error"}
    assert scores["score"] == close_to(model.score(x))
    assert client.sample(row_seeds(4, seed=9)) == close_to(model.sample(4, seed=9))
    assert client.predict(x=x)["reconstruction"] == close_to(model.reconstruct(x))


def test_pictures_go_in_and_out_encoded(client):
    x = np.round(serving.images(3) * 255).astype("uint8")
    files = []
    for image in x[..., 0]:
        files.append(io.BytesIO())
        Image.fromarray(image).save(files[-1], "PNG")
    answers = client.reconstruct_png([file.getvalue() for file in files])
    expected = np.asarray(serving.model(VAE).reconstruct(x / np.float32(255)))
    for answer, picture in zip(answers, expected, strict=True):
        levels = np.asarray(Image.open(io.BytesIO(answer)))
        assert np.abs(levels - picture[..., 0] * 255).max() <= 1


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_8_bit_pixels_are_refused_and_not_taken_for_255_times_white(client, dtype):
    """They would be scored and answered without a word, 255 times too bright."""
    x = np.full((2, *serving.images(1).shape[1:]), 200, dtype)
    for ask in (client.score, client.encode, client.reconstruct, lambda x: client.predict(x=x)):
        with pytest.raises(ValueError, match="Expected 'x' as floats.*200. .Divide 8-bit pixels"):
            ask(x)
    assert client.reconstruct(np.minimum(x, 1)) == close_to(client.reconstruct(np.ones(x.shape)))


def test_a_hundred_rows_are_sent_in_batches_and_come_back_in_order(client):
    x = serving.images(100)
    client.batch_size = 32
    assert client.reconstruct(x) == close_to(serving.model(VAE).reconstruct(x))


def test_the_client_knows_signatures_and_states(client):
    signature = client.signatures()["decode"]
    assert str(signature) == "(z: float32[?, 3]) -> reconstruction: float32[?, 8, 8, 1]"
    assert client.states() == {3: "AVAILABLE"}


def test_a_version_can_be_chosen(server):
    for protocol in PROTOCOLS:
        with Client(getattr(server, protocol), "vae", version=3, timeout=60) as client:
            assert client.decode(np.zeros((2, 3))).shape == (2, *serving.SHAPE)


def test_many_clients_at_once_get_their_own_answers(server):
    model, x = serving.model(VAE), serving.images(16)
    expected = np.asarray(model.reconstruct(x))
    failures = []

    def use(protocol, row):
        with Client(getattr(server, protocol), "vae", timeout=60) as client:
            for _ in range(5):
                answer = client.reconstruct(x[row : row + 1])
                if not np.allclose(answer[0], expected[row], atol=1e-5):
                    failures.append((protocol, row))

    threads = [
        threading.Thread(target=use, args=(protocol, row))
        for protocol in PROTOCOLS
        for row in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []


def test_one_client_may_be_used_by_many_threads(client):
    x = serving.images(8)
    expected = np.asarray(serving.model(VAE).reconstruct(x))
    answers = [None] * len(x)

    def use(row):
        answers[row] = client.reconstruct(x[row : row + 1])[0]

    threads = [threading.Thread(target=use, args=(row,)) for row in range(len(x))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert np.stack(answers) == close_to(expected)


def test_the_row_format_of_rest_answers_too(server):
    body = {"signature_name": "score", "instances": serving.images(2).tolist()}
    request = urllib.request.Request(
        f"{server.rest}/v1/models/vae:predict", json.dumps(body).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        predictions = json.load(response)["predictions"]
    expected = np.asarray(serving.model(VAE).score(serving.images(2)))
    assert [row["score"] for row in predictions] == pytest.approx(expected, rel=1e-5)


def test_a_busy_server_is_asked_again(url, double):
    with Client(url, "vae") as client:
        client.signatures()
        double.failures, double.requests = 2, 0
        assert client.decode(np.zeros((1, 3))).shape == (1, *serving.SHAPE)
        assert double.requests == 3


def test_a_server_that_stays_busy_is_an_error_after_the_last_attempt(url, double, monkeypatch):
    monkeypatch.setattr(clients, "FIRST_PAUSE", 0.001)
    with Client(url, "vae", attempts=3) as client:
        double.failures = 100
        with pytest.raises(Unavailable, match="too busy"):
            client.decode(np.zeros((1, 3)))
        assert double.requests == 3


def test_connections_that_a_server_has_dropped_cost_one_attempt(models):
    started = stand_in.StandIn(models)
    port = int(started.rest.rpartition(":")[2])
    with Client(started.rest, "vae", attempts=2, timeout=60) as client:
        threads = [threading.Thread(target=client.signatures) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        started.close()
        again = stand_in.StandIn(models, port)
        try:
            assert client.decode(np.zeros((1, 3))).shape == (1, *serving.SHAPE)
        finally:
            again.close()


def test_pauses_grow(url, double, monkeypatch):
    pauses = []
    fake = SimpleNamespace(monotonic=time.monotonic, sleep=pauses.append)
    monkeypatch.setattr(clients, "time", fake)
    with Client(url, "vae", attempts=5, timeout=60) as client:
        double.failures = 4
        client.signatures()
    for number, pause in enumerate(pauses):
        assert 0.5 * 0.1 * 2**number <= pause <= 0.1 * 2**number
    assert len(pauses) == 4


def test_the_deadline_is_for_the_whole_call(url, double):
    with Client(url, "vae", timeout=0.5) as client:
        client.signatures()
        double.delay = 0.2
        start = time.monotonic()
        with pytest.raises(DeadlineExceeded, match="Give more time"):
            client.batch_size = 1
            client.decode(np.zeros((50, 3)))
        assert time.monotonic() - start < 1.5


@pytest.mark.parametrize(
    "options", [{"model": "other"}, {"model": "vae", "version": 9}, {"model": "vae", "label": "x"}]
)
def test_what_is_not_loaded_is_an_error_that_says_where_to_look(url, double, options):
    with Client(url, **options) as client:
        with pytest.raises(ServingError, match="name, version or label of a model that is loaded"):
            client.decode(np.zeros((1, 3)))
    assert double.requests == 1


@pytest.mark.parametrize(
    ("signature", "inputs", "message"),
    [
        (
            "paint",
            {"x": np.zeros((1, 3))},
            "Expected a signature among .*decode.*Received: 'paint'",
        ),
        ("decode", {"x": np.zeros((1, 3))}, r"Expected the inputs \['z'\]"),
        ("decode", {"z": np.zeros((1, 4))}, r"float32\[\?, 3\].*float32\[1, 4\]"),
        ("decode", {"z": np.zeros((0, 3))}, "Expected at least one row"),
        ("sample", {"seed": [1.5]}, r"Expected 'seed' of 'sample' as int32\[\?\]"),
        ("sample", {"seed": [2**40]}, r"Expected 'seed' of 'sample' as int32\[\?\]"),
        ("reconstruct_png", {"image_bytes": ["text"]}, "encode"),
    ],
)
def test_wrong_inputs_are_an_error_before_they_are_sent(url, double, signature, inputs, message):
    with Client(url, "vae") as client:
        with pytest.raises((ValueError, TypeError), match=message):
            client.predict(signature, **inputs)
    assert double.requests == 1


def test_what_the_server_refuses_is_not_sent_again(url, double):
    with Client(url, "vae") as client:
        with pytest.raises(ServingError, match="Expected the server to run"):
            client.reconstruct_png([b"no picture"])
    assert double.requests == 2


def test_a_call_over_rest_does_not_wait_for_a_delayed_acknowledgment(double):
    times = []
    with Client(double.rest, "vae") as client:
        for _ in range(20):
            start = time.monotonic()
            client.decode(np.zeros((1, 3)))
            times.append(time.monotonic() - start)
    assert np.percentile(times, 25) < 0.035
