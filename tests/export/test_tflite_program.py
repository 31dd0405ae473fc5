"""`keras-vae export litert RUN FILE`: what it writes, prints and refuses."""

import subprocess
import sys
import time

import numpy as np
import pytest

from keras_vae import cli
from keras_vae.export.litert.writer import read_metadata
from keras_vae.export.tflite import export_tflite
from tests.support.litert_files import digits, psnr, run, run_of_digits, small_conv_vae

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return run_of_digits(tmp_path_factory.mktemp("runs") / "small")


@pytest.fixture
def program(capsys):
    """Call the program; gives its exit code, stdout and stderr."""

    def call(*words):
        with pytest.raises(SystemExit) as stopped:
            cli.main(export_tflite, [str(word) for word in words])
        captured = capsys.readouterr()
        return stopped.value.code, captured.out, captured.err

    return call


def test_it_writes_a_file_that_answers_as_the_run_does(program, trained, tmp_path):
    folder, model = trained
    file = tmp_path / "model.tflite"
    code, out, _ = program(folder, file)
    assert code == 0
    x = digits(8)
    np.testing.assert_allclose(
        run(file, "reconstruct", x=x)["reconstruction"], model.reconstruct(x), atol=2e-6
    )
    assert f"{file}: {file.stat().st_size:,} bytes, ConvVAE, float32, batch of 1" in out
    assert "sample: reconstruction" in out and "score: kl" in out


@pytest.mark.slow
def test_int8_is_calibrated_on_the_data_of_the_run(program, trained, tmp_path):
    folder, model = trained
    file = tmp_path / "decoder.tflite"
    options = ("--endpoints", "decode", "--quantize", "int8", "--batch-size", "2")
    code, out, _ = program(folder, file, *options)
    assert code == 0
    assert "Converting to int8, in a process of its own" in out and "digits" in out
    z = np.asarray(model.encode(digits(16)))
    answered = run(file, "decode", batch_size=2, z=z)["reconstruction"]
    measured = psnr(model.decode(z), answered)
    assert measured >= 40
    about = read_metadata(file)
    printed = about["verification"]["differences"]["decode"]["reconstruction"]["psnr"]
    assert f"{printed:.1f}" in out and abs(printed - measured) < 5
    assert about["labels"] is None or len(about["labels"]) == 10


def test_a_lone_model_is_compared_on_generated_data(program, trained, tmp_path):
    folder, _ = trained
    file = tmp_path / "m.tflite"
    options = ("--endpoints", "decode", "--quantize", "float16")
    code, out, _ = program(folder / "model.keras", file, *options)
    assert code == 0 and "on generated data" in out
    assert "mean" not in read_metadata(file)["latent"]


@pytest.mark.slow
def test_what_cannot_be_done_is_said_and_nothing_is_written(program, trained, tmp_path):
    folder, _ = trained
    untrained = tmp_path / "untrained.keras"
    small_conv_vae().save(untrained)
    taken = tmp_path / "taken.tflite"
    taken.write_bytes(b"precious")
    before = sorted(tmp_path.iterdir())
    file = tmp_path / "m.tflite"
    for words, message in [
        ((tmp_path / "nowhere", file), "Expected a run directory, a preset or a .keras file"),
        ((folder, taken), "Expected a new file"),
        ((untrained, file), "Expected a trained model"),
        ((folder, file, "--endpoints", "dream"), "Expected endpoints among"),
        ((folder / "model.keras", file, "--quantize", "int8"), "Give --data NAME"),
        ((folder, file, "--data", "nothing_like_it"), "Received: 'nothing_like_it'"),
        ((folder, file, "--io", "int8"), "Expected --io only with --quantize int8"),
        (
            (folder, file, "--endpoints", "decode", "--quantize", "dynamic", "--min-psnr", "200"),
            "a PSNR of at least 200 dB is needed",
        ),
    ]:
        code, _, err = program(*words)
        assert code == 2 and message in err and "Traceback" not in err, (words, err)
    assert sorted(tmp_path.iterdir()) == before and taken.read_bytes() == b"precious"


def test_help_answers_at_once_and_without_tensorflow():
    code = (
        "import sys; sys.argv = ['tflite', '--help']\n"
        "from keras_vae.export import tflite; from keras_vae import cli\n"
        "try: cli.main(tflite.export_tflite)\n"
        "finally: assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    began = time.process_time()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "--quantize" in done.stdout, done.stderr
    assert time.process_time() - began < 1
