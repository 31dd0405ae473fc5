"""The addresses that the client takes, and how it writes them."""

import subprocess
import sys

import pytest

from keras_vae.export.serving.client import Client, ServingError
from tests.support.hostile import http_server, response


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
        {"url": "http://127.0.0\n.1:1"},
        {"url": " http://localhost:1"},
        {"url": "http://localhost:1\r\n"},
        {"url": "http://local\thost:1"},
        {"url": "http://local\u2028host:1"},
        {"url": "http://localhost:1/a b"},
        {"url": "http://localhost\\evil:1"},
        {"url": "ftp://localhost:1"},
        {"url": "file:///etc/passwd"},
        {"url": "localhost:8501"},
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
