"""The .tflite exporter, killed: a file with the name that was asked for is a whole one."""

import os
import signal
import subprocess
import sys
import time

import pytest

from keras_vae.export.litert.writer import read_metadata
from tests.support import serving

pytestmark = pytest.mark.tensorflow


def test_a_killed_exporter_leaves_no_file_and_the_next_one_sweeps_up(tmp_path):
    """Killed while the file is there, hidden, and is compared with the model once more."""
    model = serving.model("ConvVAE")
    model.steps.assign(1)
    model.save(tmp_path / "vae.keras")
    command = [sys.executable, "-m", "export.tflite", "vae.keras", "vae.tflite"]
    process = subprocess.Popen(
        [*command, "--endpoints", "decode"],
        cwd=tmp_path,
        env={**serving.ENVIRONMENT, "PYTHONPATH": str(serving.ROOT)},
        stdout=subprocess.DEVNULL,
    )
    try:
        while not list(tmp_path.glob(".vae.*.tmp.tflite")) and process.poll() is None:
            time.sleep(0.001)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    left = set(os.listdir(tmp_path)) - {"vae.keras"}
    assert all(name.startswith(".vae.") for name in left)
    model.export(tmp_path / "vae.tflite", format="litert", endpoints=("decode",))
    assert set(os.listdir(tmp_path)) == {"vae.keras", "vae.tflite"}
    assert read_metadata(tmp_path / "vae.tflite")["endpoints"].keys() == {"decode"}
