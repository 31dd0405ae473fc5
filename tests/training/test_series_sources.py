"""Series for the programs: MNIST-1D, windows of recordings, and what is refused."""

import dataclasses
import gzip
import json
import random
import re

import numpy as np
import pytest

from keras_vae import cli
from keras_vae.training import raw_data, train
from keras_vae.training.data.advice import advise_scale
from keras_vae.training.data.loading import describe, load
from keras_vae.training.data.sources.base import Data

STEPS = np.arange(60, dtype="float64").reshape(30, 2)


def recording(folder, rows=STEPS, heading=True):
    path = folder / "machine.csv"
    lines = [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join((["left,right"] if heading else []) + lines) + "\n")
    return path


@pytest.mark.slow
def test_mnist1d_is_that_of_the_paper():
    """The error of 8 principal components, known to 16 digits of it from another program."""
    random.seed(1)
    np.random.seed(1)
    states = random.getstate(), np.random.get_state()[1]
    data = load("mnist1d")
    assert random.getstate() == states[0] and (np.random.get_state()[1] == states[1]).all()
    assert describe(data) == "mnist1d: 4,000 training and 1,000 test series of 40x1"
    assert np.bincount(data.train_labels).sum() == 4000 and data.label_names[3] == "3"
    x, test = (part[..., 0].astype("float64") for part in (data.train, data.test))
    axes = np.linalg.svd(x - x.mean(0), full_matrices=False)[2][:8]
    rebuilt = (test - x.mean(0)) @ axes.T @ axes + x.mean(0)
    assert np.mean(np.square(rebuilt - test)) == pytest.approx(0.2555707, abs=1e-6)


@pytest.mark.slow
def test_more_mnist1d_begins_with_that_of_the_paper_and_keeps_its_test_series():
    paper, more = load("mnist1d"), load("mnist1d:4321")
    assert describe(more) == "mnist1d: 4,321 training and 1,000 test series of 40x1"
    np.testing.assert_array_equal(more.train[:4000], paper.train)
    np.testing.assert_array_equal(more.test, paper.test)
    # None of the further ones is one of the paper's, whatever part of it.
    known = {series.tobytes() for series in np.concatenate([paper.train, paper.test])}
    assert not any(series.tobytes() in known for series in more.train[4000:])
    assert np.bincount(more.train_labels[4000:], minlength=10).min() > 20


@pytest.mark.parametrize("name", ["mnist1d:many", "mnist1d:", "mnist1d:3999", "mnist1d:-1"])
def test_a_wrong_count_of_mnist1d_is_refused(name):
    with pytest.raises(ValueError, match="mnist1d:COUNT"):
        load(name)


@pytest.mark.parametrize("heading", [True, False])
def test_windows_of_a_recording_do_not_mix_training_and_test(tmp_path, heading):
    data = load(f"series:{recording(tmp_path, heading=heading)}", window=4, stride=2)
    assert data.train.shape == (12, 4, 2) and data.test.shape == (1, 4, 2)
    np.testing.assert_array_equal(data.train[1], STEPS[2:6].astype("float32"))
    np.testing.assert_array_equal(data.test[0], STEPS[26:30].astype("float32"))
    assert data.train.max() < data.test.min()


@pytest.mark.parametrize("name", ["machine.csv", "MACHINE.CSV"])
def test_windows_follow_each_other_without_a_stride(tmp_path, name):
    path = recording(tmp_path).rename(tmp_path / name)
    data = load(f"series:{path}", window=5)
    np.testing.assert_array_equal(data.train.reshape(-1, 2), STEPS[:25].astype("float32"))


def test_an_archive_of_series_is_taken_as_it_is(tmp_path):
    train, test = np.random.rand(6, 7, 3), np.random.rand(2, 7, 3)
    np.savez(tmp_path / "mine.npz", train=train, test=test)
    data = load(f"series:{tmp_path / 'mine.npz'}")
    np.testing.assert_array_equal(data.train, train.astype("float32"))
    assert data.kind == "series" and data.image_shape == (7, 3)
    with pytest.raises(ValueError, match="cut already"):
        load(f"series:{tmp_path / 'mine.npz'}", window=3)


def test_arrays_of_an_archive_that_are_not_read_are_told(tmp_path, capsys):
    path, series = tmp_path / "mine.npz", np.random.rand(6, 7, 3)
    np.savez(path, train=series, test=series, val=series, labels=np.arange(6))
    load(f"series:{path}")
    assert capsys.readouterr().err == f"Passed over in {path}: the arrays labels, val.\n"


@pytest.mark.parametrize(
    "train, test, message",
    [
        (np.ones((30, 2)), np.ones((20, 2)), r"shape \(count, time, features\).*\(30, 2\).*train"),
        (np.ones((6, 7, 3)), np.ones((2, 8, 3)), r"one shape.*7x3.*8x3.*\(Cut them to one length"),
        (np.ones((6, 7, 3), str), np.ones((2, 7, 3)), "Expected numbers.*<U1 in train"),
    ],
)
def test_arrays_that_are_no_series_are_refused_in_words_of_series(tmp_path, train, test, message):
    np.savez(tmp_path / "mine.npz", train=train, test=test)
    with pytest.raises(ValueError, match=message) as error:
        load(f"series:{tmp_path / 'mine.npz'}")
    assert "image" not in str(error.value)


def test_one_array_is_a_recording_of_one_feature(tmp_path):
    np.save(tmp_path / "one.npy", np.arange(40))
    assert load(f"series:{tmp_path / 'one.npy'}", window=10).train.shape == (3, 10, 1)


REFUSED = {
    "shorter than two windows": (STEPS[:7], {"window": 4}, "at least 8 steps.*7 steps"),
    "shorter than one": (STEPS[:3], {"window": 4}, "at least 8 steps.*3 steps"),
    "no window": (STEPS, {}, "--window.*Received: window None.*keras_vae.windows cuts"),
    "half a window": (STEPS, {"window": 10.0}, r"whole number.*Received: window 10\.0"),
    "a stride of nothing": (STEPS, {"window": 3, "stride": 0}, "stride 0"),
    "NaN": (np.full((20, 2), np.nan), {"window": 4}, "machine.csv.*'nan' in row 2, column 1"),
    "words": ([["1", "x"], ["2", "y"]], {"window": 1}, "Expected numbers in.*machine.csv"),
    "ragged": (
        [["1", "2"], ["3"]],
        {"window": 1},
        "one length.*2 columns in row 2, and 1 in row 3",
    ),
    "nothing": ([], {"window": 1}, "0 rows"),
    "a size of images": (STEPS, {"window": 4, "image_size": (8, 8)}, "no image_size for series"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_series_is_refused(tmp_path, name):
    rows, options, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        load(f"series:{recording(tmp_path, rows)}", **options)


def test_a_compressed_table_is_refused_by_that_name(tmp_path):
    path = tmp_path / "machine.csv.gz"
    path.write_bytes(gzip.compress(recording(tmp_path).read_bytes()))
    with pytest.raises(ValueError, match=r"a \.csv, .*\.npz file.*csv\.gz, which is compressed"):
        load(f"series:{path}", window=3)


def test_images_have_no_window():
    with pytest.raises(ValueError, match="Expected series:FILE with a window"):
        load("digits", window=4)


@pytest.mark.slow
@pytest.mark.tensorflow
def test_series_are_trained_on_resumed_measured_and_drawn(tmp_path, capsys):
    """From a recording to a run directory, and on from it in the same windows."""
    from keras_vae.training.evaluate import evaluate

    rows = np.sin(np.arange(400)[:, None] / [3.0, 5.0]).astype("float32")
    path, out = recording(tmp_path, rows), str(tmp_path / "run")
    words = ["--units", "8", "--latent-dim", "2", "--epochs", "3", "--out", out]
    new = [*words, "--data", f"series:{path}", "--window", "10", "--stride", "3"]
    assert train.train_recipe("lstm_mnist1d", new) == 0
    pictures = {p.stem for p in (tmp_path / "run" / "pictures").iterdir()}
    assert {"loss_curves", "reconstructions", "latents"} <= pictures
    assert cli.run(lambda: evaluate(out)) == 0
    printed = capsys.readouterr().out
    assert "machine: 117 training and 11 test series of 10x2" in printed
    assert "mse" in printed and "psnr" not in printed


@pytest.mark.slow
@pytest.mark.tensorflow
def test_raw_series_are_standardized_inside_the_model(tmp_path, capsys):
    """The run's model takes the numbers of the file, also when the training goes on."""
    import keras_vae

    waves = np.sin(np.arange(120)[:, None] / [3.0, 5.0])
    path = recording(tmp_path, (waves * [2, 0.01] + [1000, 0.3]).astype("float32"))
    words = ["--units", "3", "--latent-dim", "2", "--out", str(tmp_path / "run")]
    new = [*words, "--epochs", "1", "--data", f"series:{path}", "--window", "10", "--standardize"]
    assert train.train_recipe("lstm_mnist1d", new) == 0
    assert train.train_recipe("lstm_mnist1d", [*words, "--resume"]) == 0
    assert "Advice" not in capsys.readouterr().out
    model = keras_vae.load(tmp_path / "run" / "model.keras")
    x = load(f"series:{path}", window=10).train
    inside = np.array(model.preprocess.forward(x)).reshape(-1, 2)
    np.testing.assert_allclose(inside.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(inside.std(0), 1, rtol=1e-3)
    assert np.abs(np.array(model.reconstruct(x)).mean((0, 1)) - [1000, 0.3]).max() < 2


def test_a_model_that_standardizes_has_the_weights_of_the_one_without():
    import keras_vae as kv

    x = np.random.default_rng(0).normal([50.0, 0.1], [9.0, 0.01], (40, 5, 2))
    model = kv.VAE(*kv.nets.dense((5, 2), 2, (4,), heads=2), likelihood="normal", seed=0)
    made = raw_data.standardize_inside(model, x.astype("float32"))
    for found, wanted in zip(made.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)
    inside = np.array(made.preprocess.forward(x.astype("float32")))
    np.testing.assert_allclose(inside.mean((0, 1)), 0, atol=1e-4)
    np.testing.assert_allclose(inside.std((0, 1)), 1, rtol=1e-4)
    with pytest.raises(ValueError, match="a recipe without preprocess"):
        raw_data.standardize_inside(made, x.astype("float32"))


def test_images_are_not_standardized(tmp_path, capsys):
    words = ["--standardize", "--out", str(tmp_path / "run")]
    assert cli.run(lambda: train.train_recipe("vae_digits", words)) == cli.BAD_INPUT
    assert "Expected series of numbers" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_programs_say_which_shape_a_model_of_images_takes(tmp_path, capsys):
    words = [
        "--data",
        f"series:{recording(tmp_path)}",
        "--window",
        "4",
        "--out",
        str(tmp_path / "r"),
    ]
    assert cli.run(lambda: train.train_recipe("conv_vae_digits", words)) == cli.BAD_INPUT
    assert "Expected" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("scale", "advised"), [((1, 1), False), ((3, 0.3), False), ((1, 1013), True), ((0.01, 1), True)]
)
def test_features_that_are_far_from_standardized_bring_advice(scale, advised):
    rows = np.random.default_rng(0).standard_normal((50, 4, 2)) * scale
    data = Data("plant", rows.astype("float32"), rows[:5].astype("float32"))
    words = advise_scale(data)
    assert (words is not None) == advised
    assert not advised or re.search("plant have root mean squares from .* to .*Standardize", words)


def test_images_need_no_advice():
    images = np.zeros((5, 4, 4, 1), "uint8")
    assert advise_scale(Data("dark", images, images)) is None


def test_columns_that_a_training_skips_are_skipped_by_later_programs(tmp_path):
    from keras_vae.training.data.loading import settings_for

    path = tmp_path / "machine.csv"
    rows = [f"2026-03-01T00:{i:02d},{i}.5,{i % 3}.25" for i in range(40)]
    path.write_text("\n".join(["time,a,b", *rows]))
    name = f"series:{path}"
    settings = train.Settings(data=name, window=4, skip_columns=("time",))
    stored = json.loads(json.dumps(dataclasses.asdict(settings)))
    assert load(name, **settings_for(name, stored)).image_shape == (4, 2)
    assert settings_for("digits", stored) == {}
    with pytest.raises(TypeError, match="Expected skip_columns to be a list of names"):
        load(name, window=4, skip_columns="time")
    with pytest.raises(ValueError, match="each column to skip once. Received: time more than"):
        load(name, window=4, skip_columns=["time", "time"])
    with pytest.raises(ValueError, match="Received: skip_columns"):
        load("digits", skip_columns=["time"])
    np.save(tmp_path / "machine.npy", STEPS)
    with pytest.raises(ValueError, match="whose columns have no names"):
        load(f"series:{tmp_path / 'machine.npy'}", window=4, skip_columns=["time"])
