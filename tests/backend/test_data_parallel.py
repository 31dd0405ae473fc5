"""Two devices of JAX train as one does."""

import subprocess
import sys

import numpy as np
import pytest

from tests.support import killed


@pytest.mark.only_on("jax")  # In another process.
def test_weights_and_logs_are_those_of_one_device(tmp_path):
    words = [sys.executable, "-m", "tests.support.data_parallel", str(tmp_path / "results.npz")]
    done = subprocess.run(words, cwd=killed.ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(tmp_path / "results.npz") as results:
        assert (results["devices/1"], results["devices/2"]) == (1, 2)
        names = [name for name in results if name.startswith("1/")]
        assert len(names) == 8
        for name in names:
            other = results[name.replace("1/", "2/", 1)]
            np.testing.assert_allclose(other, results[name], rtol=1e-5, atol=1e-6, err_msg=name)
