"""`keras-vae export onnx`, `openvino` and `torch`: what they write and print."""

import importlib

import pytest

from keras_vae import cli
from keras_vae.__main__ import PROGRAMS
from keras_vae.export.verification.artifacts import identify
from tests.support.litert_files import run_of_digits, small_conv_vae

pytestmark = pytest.mark.tensorflow
backends = pytest.mark.extra(name="backends")
FORMATS = ["onnx", "openvino", pytest.param("torch", marks=backends)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return run_of_digits(tmp_path_factory.mktemp("runs") / "small")[0]


@pytest.fixture
def program(capsys):
    """Call the program of a format; gives its exit code, stdout and stderr."""

    def call(format, *words):
        module, name, _ = PROGRAMS[f"export {format}"]
        with pytest.raises(SystemExit) as stopped:
            cli.main(getattr(importlib.import_module(module), name), [str(word) for word in words])
        captured = capsys.readouterr()
        return stopped.value.code, captured.out, captured.err

    return call


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_it_writes_files_of_the_run_and_their_errors(program, trained, tmp_path, format):
    path = tmp_path / "vae"
    code, out, _ = program(format, trained, path, "--endpoints", "encode", "decode")
    assert code == 0
    sizes = [file.stat().st_size for file in path.iterdir()]
    assert f"Wrote {path}: {len(sizes)} file(s), {sum(sizes):,} bytes, ConvVAE, float32" in out
    assert "batch of any number" in out
    assert "on data" in out and "encode: z_mean" in out and "decode: reconstruction" in out
    assert identify(path).kind == format


@pytest.mark.slow
def test_weights_of_8_bits_are_written_and_told(program, trained, tmp_path):
    file = tmp_path / "d.onnx"
    code, out, _ = program("onnx", trained, file, "--endpoints", "decode", "--quantize", "dynamic")
    assert code == 0 and f"{file}: 1 file(s), {file.stat().st_size:,} bytes" in out
    assert "ConvVAE, dynamic, batch of any number, opset 18" in out


@pytest.mark.parametrize("format", ["onnx", "openvino", "torch"])
def test_what_cannot_be_written_is_refused_before_any_work(program, tmp_path, format):
    model = small_conv_vae()
    model.save(tmp_path / "new.keras")
    code, _, err = program(format, tmp_path / "new.keras", tmp_path / "vae")
    assert code == cli.BAD_INPUT and "Expected a trained model" in err
    (tmp_path / "vae").mkdir()
    code, _, err = program(format, tmp_path / "new.keras", tmp_path / "vae")
    assert code == cli.BAD_INPUT and "Expected a new file or folder" in err
    assert not list((tmp_path / "vae").iterdir())
    code, _, err = program(format, tmp_path / "new.keras", tmp_path / "x.tflite")
    assert code == cli.BAD_INPUT and "format='litert'" in err
