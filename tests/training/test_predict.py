"""The program of bulk prediction: killed, asked for what it cannot do, asked to end."""

import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import keras_vae as kv
from keras_vae import cli
from keras_vae.training.predict import predict
from tests.support import killed, serving
from tests.support.image_files import picture, save

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predict")
    serving.model("ConvVAE").save(folder / "vae.keras")
    np.save(folder / "x.npy", np.tile(serving.images(60), (20, 1, 1, 1)))
    return folder


def run(*words):
    with pytest.raises(SystemExit) as end:
        cli.main(predict, [str(word) for word in words])
    return end.value.code


@pytest.mark.long
def test_a_killed_prediction_ends_with_the_bytes_of_one_that_was_not(files, tmp_path):
    found = killed.predict_killed(tmp_path, files / "vae.keras", files / "x.npy", 1, seed=0)
    assert found in (["predicting"], ["writing"])
    killed.assert_same_files(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.long
def test_sigterm_ends_it_between_two_batches_and_says_so_by_the_exit_code(files, tmp_path):
    words = killed.prediction(files / "vae.keras", files / "x.npy", tmp_path / "out")
    process = killed.start(words, tmp_path / "log.txt")
    while not list((tmp_path / "out").glob("part-*")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    log = tmp_path / "log.txt"
    assert process.wait() == cli.TERMINATED, log.read_text()
    assert "Terminated. The same command goes on from here." in log.read_text()
    assert not list((tmp_path / "out").glob(".*tmp*"))


def test_data_sets_by_name_are_predicted_by_part(files, tmp_path, capsys):
    assert run(files / "vae.keras", "digits", tmp_path / "out", "--part", "train") == 0
    assert "1,497 rows of digits, train" in capsys.readouterr().out
    assert sum(len(np.load(path)["z_mean"]) for path in (tmp_path / "out").glob("part-*")) == 1497


@pytest.mark.parametrize(
    "words, message",
    [
        (("missing.keras", "digits", "out"), "missing.keras, which does not exist"),
        (("vae.keras", "missing.npy", "out"), "Expected a file .*missing.npy"),
        (("vae.keras", "nosuch", "out"), "Received: 'nosuch'"),
        (("vae.keras", "x.npy", "out", "--part", "test"), "Expected no --part for"),
        (("vae.keras", "digits", "out", "--part", "valid"), "Expected --part train or test"),
        (("vae.keras", "x.npy", "out", "--batch-size", "0"), "--batch-size of at least 1"),
        (("vae.keras", "x.npy", "out", "--rows-per-shard", "0"), "--rows-per-shard of at least"),
        (("vae.keras", "x.npy", "out", "--output", "decode"), "numbers.* for the input z"),
        (("vae.keras", "wide.npy", "out"), r"\('rows', 8, 8, 1\) for the input x"),
        (("vae.keras", "words.npy", "out"), "Received: <U1 of shape"),
        (("vae.keras", "none.npy", "out"), r"one row in none.npy. Received: shape \(0, 8, 8, 1\)"),
        (("vae.keras", "objects.npy", "out"), "Received: Python objects in the array of objects"),
        (("vae.keras", "large.npy", "out"), r"of shape \(3, 9, 9\) in .*large.npy\. \(Add --str"),
        (("vae.keras", "two.npz", "out"), "Expected an array x in .* Received: a, b"),
        (("vae.keras", "two.npz", "out", "--part", "c"), "Expected an array c in"),
        (("vae.keras", "text.npy", "out"), "Expected a file written by numpy.save"),
        (("vae.keras", "x.npy", "full"), "Received: .*full, with a file of mine in it"),
        (("vae.keras", "x.npy", "x.npy"), "Expected a folder as x.npy. Received: the file x.npy"),
        (("vae.keras", "x.npy", "other"), "Expected JSON in .*manifest.json"),
    ],
)
def test_bad_input_is_refused_and_changes_no_file(
    files, tmp_path, monkeypatch, capsys, words, message
):
    for path in files.iterdir():
        shutil.copy(path, tmp_path)
    np.save(tmp_path / "wide.npy", np.zeros((3, 9, 9, 1)))
    np.save(tmp_path / "words.npy", np.full((3, 8, 8, 1), "a"))
    np.save(tmp_path / "none.npy", np.zeros((0, 8, 8, 1)))
    np.save(tmp_path / "large.npy", np.zeros((3, 9, 9), "uint8"))
    np.save(tmp_path / "objects.npy", np.array([[1], [1, 2]], object), allow_pickle=True)
    np.savez(tmp_path / "two.npz", a=np.zeros((3, 8, 8, 1)), b=np.zeros((3, 8, 8, 1)))
    (tmp_path / "text.npy").write_text("text")
    for name in ("full/a file of mine", "other/manifest.json"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("text")
    monkeypatch.chdir(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert run(*words) == cli.BAD_INPUT
    captured = capsys.readouterr()
    assert re.search(message, captured.err), captured.err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_pictures_of_another_size_are_named_and_stretched_on_demand(files, tmp_path, capsys):
    save(tmp_path / "in" / "a.png", picture(0, (9, 12)))
    assert run(files / "vae.keras", tmp_path / "in", tmp_path / "out") == cli.BAD_INPUT
    assert "Received: 9x12x1 in" in capsys.readouterr().err
    assert run(files / "vae.keras", tmp_path / "in", tmp_path / "out", "--stretch") == 0
    assert re.search(r"1 row of .*, stretched to \d+x\d+\n", capsys.readouterr().out)
    floats = files / "vae.keras", files / "x.npy", tmp_path / "floats"
    for option in ("--stretch", "--crop-to-aspect-ratio"):
        assert run(*floats, option) == cli.BAD_INPUT
        assert "images of bytes, which arrays of floats are not" in capsys.readouterr().err
    assert not (tmp_path / "floats").exists()
    words = files / "vae.keras", tmp_path / "in", tmp_path / "out", "--crop-to-aspect-ratio"
    assert run(*words) == cli.BAD_INPUT
    assert "crop_to_aspect_ratio" in capsys.readouterr().err


def test_one_image_without_a_batch_axis_is_no_batch_of_rows(files, tmp_path, capsys):
    path = tmp_path / "one.npy"
    np.save(path, np.zeros(np.load(files / "x.npy").shape[1:], "uint8"))
    for options in ((), ("--stretch",)):
        words = files / "vae.keras", path, tmp_path / "out", *options
        assert run(*words) == cli.BAD_INPUT
        assert "one image. (Add the batch axis" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_detector_flags_rows(files, tmp_path, capsys):
    x = np.load(files / "x.npy")[:20]
    np.save(tmp_path / "x.npy", x)
    detector = kv.AnomalyDetector(kv.load(files / "vae.keras"), score="elbo")
    detector.save(tmp_path / "new.keras")
    detector.fit_threshold(x, false_positive_rate=0.2)
    detector.save(tmp_path / "detector.keras")
    words = tmp_path / "x.npy", tmp_path / "out", "--output", "score"
    assert run(tmp_path / "new.keras", *words) == cli.BAD_INPUT
    assert "detector with a threshold" in capsys.readouterr().err
    assert run(tmp_path / "detector.keras", *words) == 0
    (path,) = (tmp_path / "out").glob("part-*")
    with np.load(path) as file:
        found = dict(file)
    np.testing.assert_allclose(found["score"], detector.predict(x, verbose=0), rtol=1e-5)
    assert 0 < found["is_anomaly"].sum() < len(x)
    np.testing.assert_array_equal(found["is_anomaly"], detector.is_anomaly(x))


def test_an_output_that_the_model_does_not_have_is_refused(files, tmp_path, capsys):
    words = files / "vae.keras", files / "x.npy", tmp_path / "out", "--output", "score_map"
    assert run(*words) == cli.BAD_INPUT
    assert "which a ConvVAE has. Received: score_map" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_help_needs_no_tensorflow():
    code = (
        "import sys; from keras_vae import cli; from keras_vae.training import predict\n"
        "try: cli.main(predict.predict, ['--help'])\n"
        "except SystemExit: assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=killed.ROOT)
    assert done.returncode == 0, done.stderr
