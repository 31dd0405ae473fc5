"""Small exported models, made once a process, and the C++ loader in a process of its own."""

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import keras_vae
from keras_vae.export.runtimes import arrays

ROOT = Path(__file__).parents[2]
SHAPE = (8, 8, 1)
KINDS = {
    "ConvVAE": lambda: keras_vae.ConvVAE(SHAPE, 3, (4, 8), hidden=8, seed=0),
    "ConvAutoencoder": lambda: keras_vae.ConvAutoencoder(SHAPE, 2, (4, 8), seed=0),
    # The converter leaves weights of less than 1024 numbers in float.
    "WideVAE": lambda: keras_vae.ConvVAE(SHAPE, 3, (16, 32), hidden=8, seed=0),
}
# What starts a program here; TensorFlow would log to stderr.
ENVIRONMENT = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": str(ROOT)}
CPP = (
    "import sys; from keras_vae.export.runtimes import cpp_loader; "
    "code = cpp_loader.main(sys.argv[1:]); "
    "python = [m for m in sys.modules if m.split('.')[0] in ('tensorflow', 'keras')]; "
    "assert not python, python; sys.exit(code)"
)


@functools.cache
def folder() -> Path:
    """A folder for this process's artifacts, removed with it."""
    _keep.append(tempfile.TemporaryDirectory(prefix="keras-vae-tests-"))
    return Path(_keep[-1].name)


_keep: list[tempfile.TemporaryDirectory] = []


@functools.cache
def model(kind: str):
    """An untrained model of 8x8 images with every weight away from its initial value."""
    made = KINDS[kind]()
    generator = np.random.default_rng(0)
    for weight in made.trainable_variables:
        weight.assign(weight + 0.1 * generator.standard_normal(weight.shape))
    return made


@functools.cache
def saved_model(kind: str) -> Path:
    """The exported SavedModel of `model(kind)`."""
    return model(kind).export(folder() / kind)


def images(count: int = 5) -> np.ndarray:
    """Images in [0, 1]."""
    return np.random.default_rng(1).uniform(size=(count, *SHAPE)).astype("float32")


def run_cpp(path: Path, requests: arrays.Grouped, name: str = "cpp") -> arrays.Grouped:
    """Answers of the C++ loader in a process that has no TensorFlow in Python."""
    inputs, outputs = folder() / f"{name}-inputs.npz", folder() / f"{name}-outputs.npz"
    arrays.write(inputs, requests)
    done = run_program("-c", CPP, path, "--inputs", inputs, "--outputs", outputs)
    assert done.returncode == 0, done.stderr
    return arrays.read(outputs)


def run_program(*arguments: object, timeout: float = 120, **options) -> subprocess.CompletedProcess:
    """Run Python with these arguments at the root of the repository."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=timeout,
        **options,
    )
