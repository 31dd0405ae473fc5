"""Two replicas train as one device does, also where their parts of a batch differ."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    path = tmp_path_factory.mktemp("replicas") / "results.npz"
    command = [sys.executable, "-m", "tests.support.two_replicas", str(path)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(path) as file:
        return dict(file)


@pytest.mark.parametrize(
    "run", ["plain/odd", "plain/single", "regularized/odd", "controlled/odd", "quantized/odd"]
)
def test_weights_and_logs_are_those_of_one_device(results, run):
    """The same steps, means over examples, weight penalties and controllers."""
    names = sorted(name for name in results if name.startswith(f"{run}/one/"))
    assert len(names) >= 7
    for name in names:
        other = results[name.replace("/one/", "/two/")]
        np.testing.assert_allclose(other, results[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_replicas_draw_noise_of_their_own_and_the_first_the_usual_one(results):
    first, second, alone = results["noise"]
    np.testing.assert_array_equal(first, alone)
    assert np.abs(first - second).max() > 0.1


def test_replicas_restart_dead_codes_at_the_same_places(results):
    first, second = results["restarted"]
    np.testing.assert_array_equal(first, second)
    assert np.abs(first).max() < 50.0


def test_a_collapse_on_replicas_is_said_at_the_end(results):
    assert results["collapsed"] == 1
