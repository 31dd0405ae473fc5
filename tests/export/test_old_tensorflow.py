"""What is exported here is loaded by the C++ code of older TensorFlow, which servers still link."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from keras_vae.export.verification import artifacts, measurement
from tests.support import serving

pytestmark = pytest.mark.tensorflow

VERSIONS = ("2.19.1", "2.20.0")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
LIBRARIES = CACHE / "keras_vae" / "libtensorflow"


def answers(kind: str, libraries: Path | None):
    """Answers of the C++ loader to every signature, and the version of TensorFlow."""
    found = artifacts.identify(serving.saved_model(kind))
    requests = measurement.make_requests(serving.model(kind), [serving.images(8)])
    job = measurement.Job("cpp", found, libraries, timed=("encode",))
    received, report = measurement.run_worker(job, requests)
    return received, report["version"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["ConvVAE", "ConvAutoencoder"])
def test_older_versions_answer_every_signature_as_this_one_does(kind, version):
    if not (LIBRARIES / version).is_dir():
        pytest.skip(f"TensorFlow {version} is not in {LIBRARIES}; scripts/old_tensorflow.sh")
    expected, _ = answers(kind, None)
    received, loaded = answers(kind, LIBRARIES / version)
    assert loaded == version
    assert set(received) == set(expected) and "reconstruct_png" in received
    for signature in set(expected) - {"reconstruct_png"}:
        for name, values in expected[signature].items():
            np.testing.assert_allclose(
                received[signature][name],
                values,
                rtol=1e-5,
                atol=1e-5,
                err_msg=f"{signature}/{name}",
            )


def test_the_script_leaves_alone_what_is_there_and_says_where(tmp_path):
    (tmp_path / "2.19.1").mkdir()
    script = serving.ROOT / "scripts" / "old_tensorflow.sh"
    done = subprocess.run([script, tmp_path, "2.19.1"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == f"{tmp_path}/2.19.1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["2.19.1"]
