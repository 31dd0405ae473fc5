"""Recordings with gaps in programs: read as NaN, filled inside of the model, and measured."""

import json

import numpy as np
import pytest

from keras_vae import cli
from keras_vae.errors import UsageError
from keras_vae.training import raw_data, session, train
from keras_vae.training.data.advice import advise_scale
from keras_vae.training.data.loading import load
from keras_vae.training.data.sources.base import Data
from keras_vae.training.train_options import Settings

WAVES = np.sin(np.arange(200)[:, None] / [3.0, 5.0]) * [2, 0.1] + [10, 0.3]


def recording(folder, empty=((3, 0), (150, 1), (195, 0)), rows=WAVES):
    """Write a CSV file with empty cells at these places."""
    cells = [[f"{value:.4f}" for value in row] for row in rows]
    for row, column in empty:
        cells[row][column] = ""
    path = folder / "machine.csv"
    path.write_text("\n".join(["left,right", *map(",".join, cells)]) + "\n")
    return path


def test_gaps_are_nan_where_they_are_asked_for(tmp_path):
    path = recording(tmp_path)
    data = load(f"series:{path}", window=10, gaps=True)
    assert data.train.shape == (18, 10, 2) and data.test.shape == (2, 10, 2)
    assert np.argwhere(np.isnan(data.train)).tolist() == [[0, 3, 0], [15, 0, 1]]
    assert np.argwhere(np.isnan(data.test)).tolist() == [[1, 5, 0]]
    assert data.gaps == 3 / 400
    with pytest.raises(UsageError, match=r"empty cell in row 5, column 1 .left.*take gaps in ser"):
        load(f"series:{path}", window=10)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_arrays_may_have_gaps_too(tmp_path, suffix):
    holed = np.where(np.arange(400).reshape(200, 2) == 7, np.nan, WAVES)
    series = holed.reshape(20, 10, 2)
    if suffix == ".npy":
        np.save(tmp_path / "a.npy", holed)
    else:
        np.savez(tmp_path / "a.npz", train=series, test=series)
    options = {"window": 10} if suffix == ".npy" else {}
    assert load(f"series:{tmp_path / 'a'}{suffix}", gaps=True, **options).gaps > 0
    with pytest.raises(UsageError, match="Expected numbers in a. Received: NaN in 0.25% of them"):
        load(f"series:{tmp_path / 'a'}{suffix}", **options)


def test_windows_of_gaps_alone_are_left_out_and_told(tmp_path, capsys):
    empty = [(row, column) for row in range(20, 35) for column in range(2)]
    path = recording(tmp_path, empty)
    data = load(f"series:{path}", window=10, gaps=True)
    assert len(data.train) == 17 and np.isnan(data.train).any()
    assert capsys.readouterr().err == f"Passed over in {path}: 1 series (2) of gaps alone.\n"
    empty = [(row, column) for row in range(100) for column in range(2)]
    with pytest.raises(UsageError, match="series with numbers in .*Received: 1 series of gaps al"):
        load(f"series:{recording(tmp_path, empty)}", window=100, gaps=True)


def of_gaps():
    x = np.random.default_rng(0).normal([5.0, -3.0], 1.0, (40, 6, 2)).astype("float32")
    x[0, 2, 1] = x[7, :, 0] = np.nan
    return Data("plant", x, x[:3])


def vae(**options):
    import keras_vae as kv

    return kv.VAE(*kv.nets.dense((6, 2), 2, (4,), heads=2), "normal", seed=0, **options)


def test_a_model_that_fills_gaps_has_the_weights_of_the_one_without_and_scores_what_is_known():
    data, model = of_gaps(), vae()
    made = raw_data.fill_inside(model, data)
    for found, wanted in zip(made.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)
    means = np.nanmean(data.train, axis=(0, 1))
    filled = np.where(np.isnan(data.train), means, data.train)
    rebuilt = np.asarray(model.reconstruct(filled))
    np.testing.assert_allclose(np.asarray(made.reconstruct(data.train)), rebuilt, atol=1e-5)
    terms = np.asarray(made.score_terms(data.train)["reconstruction"])
    each = 0.5 * np.square(data.train - rebuilt) + 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(terms, np.nansum(each, axis=(1, 2)), rtol=1e-4)


def test_models_without_need_of_filling_are_returned_as_they_are():
    data, model = of_gaps(), vae()
    complete = Data("plant", data.train[10:], data.train[10:])
    assert raw_data.fill_inside(model, complete) is model
    standardized = raw_data.standardize_inside(model, data.train)
    assert raw_data.fill_inside(standardized, data) is standardized
    only_tested = raw_data.standardize_inside(model, complete.train, gaps=True)
    assert only_tested.preprocess.fills


def test_a_model_that_cannot_fill_gaps_is_refused_with_those_that_can():
    import keras

    model = vae(preprocess=keras.layers.Rescaling(0.5))
    message = "gaps in 1.6% of .*plant.*recipes lstm_mnist1d.*keras-vae anomalies FILE.*affine"
    with pytest.raises(UsageError, match=message):
        raw_data.fill_inside(model, of_gaps())
    data = of_gaps()
    data.train[..., 1] = np.nan
    with pytest.raises(UsageError, match=r"gaps alone in feature\(s\) \[1\]"):
        raw_data.fill_inside(vae(), data)


@pytest.mark.parametrize("standardize", [False, True])
def test_a_recipe_gets_a_model_that_takes_the_gaps_of_its_data(tmp_path, standardize):
    from keras_vae.training.recipes import tcn_mnist1d

    # A gap among the test series alone.
    path = recording(tmp_path, [(195, 0)])
    settings = Settings(data=f"series:{path}", window=10, standardize=standardize)
    recipe, data = session.prepare(tcn_mnist1d.recipe, {"latent_dim": 2, "width": 4}, settings)
    assert recipe.model.preprocess.fills and data.gaps
    assert recipe.model.preprocess.describe() == ("affine, fill" if standardize else "fill")
    assert np.isfinite(np.asarray(recipe.model.score(data.test))).all()


def test_advice_about_the_scale_looks_at_known_numbers():
    data = of_gaps()
    assert "root mean squares from" not in (advise_scale(data) or "")
    data.train[:] *= 100
    assert "from 3" in (advise_scale(data) or "")


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.parametrize("options", [[], ["--standardize"]])
def test_a_recording_with_gaps_is_trained_on_resumed_measured_and_scored(tmp_path, capsys, options):
    from keras_vae.training.evaluate import evaluate
    from keras_vae.training.predict import predict
    from keras_vae.training.runs.run_directory import open_run

    path, out = recording(tmp_path), str(tmp_path / "run")
    words = ["--units", "3", "--latent-dim", "2", "--out", out]
    new = [*words, "--epochs", "1", "--data", f"series:{path}", "--window", "10", *options]
    assert train.train_recipe("lstm_mnist1d", new) == 0
    assert train.train_recipe("lstm_mnist1d", [*words, "--resume"]) == 0
    assert json.loads((tmp_path / "run" / "config.json").read_text())["gaps"] is True
    assert open_run(out).data().gaps > 0  # As `export` asks for them.
    assert cli.run(lambda: evaluate(out)) == 0
    captured = capsys.readouterr()
    assert "Gaps: 0.75% of the numbers" in captured.out and "mse" in captured.out
    assert "No picture" not in captured.err and "not a number" not in captured.out
    scores = tmp_path / "scores"
    assert cli.run(lambda: predict(out, f"series:{path}", scores, output="score")) == 0
