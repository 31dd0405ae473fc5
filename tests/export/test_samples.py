"""The samples in export/samples decode what Keras decodes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import ai_edge_litert
import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.export.litert.writer import read_metadata
from tests.support.litert_files import small_conv_vae

pytestmark = pytest.mark.tensorflow

SAMPLES = Path(__file__).parents[2] / "export" / "samples"
RUNTIME = Path(ai_edge_litert.__file__).parent
CODE = ("0.5", "-1.25", "2")


@pytest.fixture(scope="module")
def vae():
    keras.utils.set_random_seed(0)
    model = small_conv_vae()
    for variable in model.decoder.trainable_variables:
        variable.assign(3 * variable)  # Pictures with more than a few levels of gray.
    return model


@pytest.fixture(scope="module")
def file(vae, tmp_path_factory):
    path = tmp_path_factory.mktemp("samples") / "decoder.tflite"
    return vae.export(path, format="litert", endpoints=["encode", "decode"])


@pytest.fixture(scope="module")
def cpp(tmp_path_factory):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    program = tmp_path_factory.mktemp("cpp") / "decode"
    library = [str(RUNTIME / "libLiteRt.so"), f"-Wl,-rpath,{RUNTIME}"]
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror"]
    command = ["g++", *flags, str(SAMPLES / "cpp/decode.cc"), *library, "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def picture(pnm):
    """Levels `(height, width)` of a PGM."""
    header, pixels = pnm.split(b"\n", 1)
    kind, width, height, most = header.split()
    assert (kind, most) == (b"P5", b"255")
    return np.frombuffer(pixels, np.uint8).reshape(int(height), int(width)).astype(int)


def assert_decodes(vae, pnm):
    z = np.array([[*map(float, CODE), 0.0]], "float32")
    expected = np.asarray(vae.decode(z))[0, ..., 0] * 255
    assert np.ptp(expected) > 20
    assert np.abs(picture(pnm) - expected).max() <= 0.51


@pytest.mark.slow
def test_the_python_sample_decodes_as_keras_does_and_needs_neither_keras_nor_tensorflow(vae, file):
    code = (
        "import runpy, sys; runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "assert not {'tensorflow', 'keras', 'keras_vae'} & set(sys.modules)"
    )
    script = f"import sys; sys.argv = {[str(SAMPLES / 'python/decode.py'), str(file), *CODE]}\n"
    done = subprocess.run([sys.executable, "-c", script + code], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert_decodes(vae, done.stdout)


def test_the_cpp_sample_decodes_as_keras_does(vae, file, cpp):
    done = subprocess.run([cpp, file, *CODE], capture_output=True, check=True)
    assert_decodes(vae, done.stdout)


def test_the_cpp_sample_prints_the_metadata(file, cpp):
    done = subprocess.run([cpp, "--metadata", file], capture_output=True, check=True)
    assert json.loads(done.stdout) == read_metadata(file)


def test_the_cpp_sample_says_what_is_wrong(vae, cpp, tmp_path):
    other = vae.export(tmp_path / "encoder.tflite", format="litert", endpoints=["encode"])
    for words, message in [
        ((other,), "Error: the file has no signature decode"),
        ((tmp_path / "nothing.tflite",), "nothing.tflite: status"),
        ((), "Usage: decode"),
    ]:
        done = subprocess.run([cpp, *words], capture_output=True, text=True)
        assert done.returncode == 2 and message in done.stderr


@pytest.fixture(scope="module", params=["masked", "autoregressive"])
def drawing(request, tmp_path_factory):
    """A model of integer codes with a prior of classes, and its file."""
    keras.utils.set_random_seed(0)
    model = kv.VQVAE(*kv.nets.conv_map((8, 8, 1), 2, (4,)), 8, likelihood="bernoulli", seed=0)
    for variable in model.decoder.trainable_variables:
        variable.assign(3 * variable)
    x, labels = np.random.default_rng(0).random((20, 8, 8, 1), "float32"), np.arange(20) % 2
    sizes = {"epochs": 2, "width": 8, "blocks": 1, "heads": 2, "verbose": 0}
    model.fit_prior(x, labels, request.param, **sizes)
    path = tmp_path_factory.mktemp("prior") / "model.tflite"
    return model, model.export(path, format="litert", endpoints=["decode", "sample"])


@pytest.mark.slow
def test_samples_of_a_prior_are_those_of_keras_in_python_and_in_cpp(drawing, cpp):
    model, path = drawing
    python = [sys.executable, str(SAMPLES / "python/decode.py")]
    for seed, label in ((7, 1), (-3, 0), (7, 2)):
        endpoint = model.endpoints()["sample"]
        given = (np.array([number], "int32") for number in (seed, label))
        wanted = np.asarray(endpoint.function(*given)["reconstruction"])[0, ..., 0] * 255
        for program in (python, [str(cpp)]):
            words = [*program, "--sample", str(path), str(seed), str(label)]
            done = subprocess.run(words, capture_output=True, check=True)
            assert np.abs(picture(done.stdout) - wanted).max() <= 0.51
    done = subprocess.run([cpp, "--sample", path, "7"], capture_output=True, text=True)
    assert done.returncode == 2 and "takes a label after the seed" in done.stderr


@pytest.mark.parametrize("name", ["kotlin/Decoder.kt", "swift/Decoder.swift"])
def test_the_other_samples_use_the_names_and_ranges_of_the_metadata(file, name):
    text = (SAMPLES / name).read_text()
    tensors = read_metadata(file)["endpoints"]["decode"]
    assert tensors["inputs"]["z"]["range"] == [-3.0, 3.0] and "[-3, 3]" in text
    assert tensors["outputs"]["reconstruction"]["range"] == [0.0, 1.0] and "in [0, 1]" in text
    assert '"decode"' in text and "`z`" in text and "`reconstruction`" in text
