"""Programs of counts, of tables with holes, and of volumes: data, baselines, and recipes."""

import math

import keras
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits

import keras_vae as kv
from keras_vae.callbacks import SafeCheckpoint
from keras_vae.files.atomic import save_model
from keras_vae.training import session
from keras_vae.training.data.loading import Data, load, resize_data
from keras_vae.training.data.sources.ellipsoids import read_ellipsoids
from keras_vae.training.data.sources.tables import read_holed_table
from keras_vae.training.evaluate import measure_model
from keras_vae.training.evaluation import baselines, components
from keras_vae.training.evaluation.asked import EvaluationOptions
from keras_vae.training.recipes import find
from keras_vae.training.runs import run_directory
from keras_vae.training.train import main
from keras_vae.training.train_options import Settings
from tests.training.test_train import assert_same, weights

pytestmark = pytest.mark.tensorflow


def test_counts_are_those_of_the_digits_in_their_split():
    counts, images = load("digit_counts"), load("digits")
    assert counts.kind == "rows" and counts.train.dtype == np.float32
    for part in ("train", "test"):
        rows = getattr(counts, part).reshape(-1, 8, 8, 1)
        np.testing.assert_array_equal(np.rint(rows * 255 / 16), getattr(images, part))
    every = np.concatenate([counts.train, counts.test])
    assert sorted(map(tuple, every)) == sorted(map(tuple, load_digits().data))


def test_a_table_loses_a_share_of_its_numbers_and_keeps_the_others():
    data, whole = load("table:breast_cancer:50"), load_breast_cancer()
    complete = whole.data.astype("float32")
    tested = np.arange(len(complete)) % 3 == 0
    for rows, true in ((data.train, complete[~tested]), (data.test, complete[tested])):
        assert 0.48 < np.isnan(rows).mean() < 0.52
        np.testing.assert_array_equal(np.where(np.isnan(rows), true, rows), true)
    np.testing.assert_array_equal(data.test_complete, complete[tested])
    np.testing.assert_array_equal(data.test_labels, whole.target[tested])
    assert data.schema.names == list(whole.feature_names)
    assert data.schema["mean radius"].mean == pytest.approx(np.nanmean(data.train[:, 0]), rel=1e-5)


def test_a_row_that_would_lose_all_keeps_a_number():
    data = read_holed_table("iris:90")
    known = ~np.isnan(np.concatenate([data.train, data.test]))
    assert known.any(axis=1).all() and known[:, 0].mean() > 0.6 > 0.2 > known[:, 1].mean()


@pytest.mark.parametrize("argument", ["irs", "iris:91", "iris:-1", "iris:half", "", "linnerud"])
def test_a_table_that_is_not_there_is_refused(argument):
    with pytest.raises(ValueError, match=rf"^Expected table:NAME .* Received: table:{argument}\."):
        load(f"table:{argument}")


def test_rows_without_a_number_and_volumes_of_other_floats_are_refused():
    rows = np.ones((4, 3), "float32")
    empty = np.where(np.arange(4)[:, None] == 2, np.nan, rows).astype("float32")
    with pytest.raises(ValueError, match="a row without a number, in the test rows of x"):
        Data("x", rows, empty)
    with pytest.raises(ValueError, match="Expected float32 rows .* Received: float64"):
        Data("x", rows.astype("float64"), rows)
    with pytest.raises(ValueError, match="Expected uint8 or float32 volumes .* Received: float64"):
        Data("x", *[np.zeros((2, 3, 3, 3, 1))] * 2)
    with pytest.raises(ValueError, match="Expected finite volumes. Received: NaN"):
        Data("x", *[np.full((2, 3, 3, 3, 1), np.nan, "float32")] * 2)
    with pytest.raises(ValueError, match="Expected no image_size for volumes"):
        resize_data(read_ellipsoids(2, 2), (8, 8))


def test_ellipsoids_are_the_same_at_each_call_and_lie_inside():
    data, again = (read_ellipsoids(20, 5) for _ in range(2))
    assert data.kind == "volumes" and data.image_shape == (16, 16, 16, 1)
    np.testing.assert_array_equal(data.train, again.train)
    filled = (data.train >= 64).reshape(20, -1).sum(axis=1)
    assert 20 < filled.min() and filled.max() < 4 / 3 * math.pi * 7**3


def test_independent_counts_have_the_frequencies_of_training_rows():
    train, test = np.array([[0, 2], [1, 2]], "float32"), np.array([[1, 0], [0, 2]], "float32")
    found = baselines.independent_counts(train, test)["nll_independent"].value
    # Of two rows and the levels 0, 1, 2: p = 2/5 once seen, 3/5 twice seen, 1/5 not seen.
    wanted = -np.mean([np.log(2 / 5 * 1 / 5), np.log(2 / 5 * 3 / 5)])
    assert found == pytest.approx(wanted, rel=1e-12)
    grid = np.stack(np.meshgrid(range(3), range(3)), axis=-1).reshape(-1, 2).astype("float32")
    every = [baselines.independent_counts(train, row[None])["nll_independent"] for row in grid]
    assert sum(math.exp(-row.value) for row in every) == pytest.approx(1.0)
    assert baselines.independent_counts(train * 1000, test) == {}


def holed():
    random = np.random.default_rng(0)
    x = random.normal(size=(90, 1)) + 0.1 * random.normal(size=(90, 3))
    x = (x * [1.0, 20.0, 300.0]).astype("float32")
    rows = np.where(random.random(x.shape) < 0.2, np.nan, x).astype("float32")
    rows[:, 0] = x[:, 0]
    frame = dict(zip("abc", rows[:60].T, strict=True))
    return Data(
        "x", rows[:60], rows[60:], schema=kv.tables.Schema.infer(frame), test_complete=x[60:]
    )


def test_errors_of_missing_numbers_are_in_standard_deviations_of_the_training_rows():
    data = holed()
    keras.utils.set_random_seed(0)
    model = kv.tables.TabularVAE(data.schema, latent_dim=1, hidden=(), seed=0)
    report = measure_model(model, data, 30)
    assert (report["likelihood"], report["kind"]) == ("Mixed", "rows")
    rows = report["measures"]
    hidden, scale = np.isnan(data.test), np.nanstd(data.train, axis=0)
    filled = model.impute(dict(zip("abc", data.test.T, strict=True)))
    guesses = {
        "rmse_imputed": np.array([filled[name] for name in "abc"]).T,
        "rmse_imputed_mean": np.nanmean(data.train, axis=0),
    }
    for name, guess in guesses.items():
        wanted = np.sqrt(np.mean((((guess - data.test_complete) / scale) ** 2)[hidden]))
        assert rows[name]["value"] == pytest.approx(wanted, rel=1e-4)
    # The columns are nearly multiples of each other, so a regression is nearly right.
    assert rows["rmse_imputed_iterative"]["value"] < 0.3 * rows["rmse_imputed_mean"]["value"]
    assert "mse" not in rows and "nll_independent" not in rows


def test_components_have_the_error_of_a_singular_value_decomposition():
    data = read_ellipsoids(30, 10)
    model = kv.Autoencoder(*kv.nets.dense((16, 16, 16, 1), 4, ()), likelihood="bernoulli")
    found = components.error(model, data)["mse_pca"].value
    train, test = (part.reshape(len(part), -1) / 255.0 for part in (data.train, data.test))
    center = train.mean(axis=0)
    axes = np.linalg.svd(train - center, full_matrices=False)[2][:4]
    rest = (test - center) - (test - center) @ axes.T @ axes
    assert found == pytest.approx(np.mean(rest**2), rel=1e-3)
    with pytest.raises(ValueError, match="at most 2 elements, for --pca. Received: codes of 4"):
        EvaluationOptions(pca=True).check(model, read_ellipsoids(2, 2))
    with pytest.raises(ValueError, match="Received: missing numbers for x"):
        EvaluationOptions(pca=True).check(model, holed())


@pytest.mark.parametrize("table", ["table:wine:50", "table:breast_cancer:50"])
def test_the_recipe_of_tables_takes_the_columns_of_other_tables(table):
    settings = Settings(data=table, limit=9)
    recipe, data = session.prepare(find("tabular_vae_breast_cancer"), {"latent_dim": 2}, settings)
    assert recipe.model.schema == data.schema == load(table).schema
    assert recipe.model.latent_shape == (2,) and len(data.train) == len(data.test_complete) == 9


@pytest.mark.parametrize("likelihood", ["poisson", "zero_inflated_negative_binomial"])
def test_the_recipe_of_counts_takes_other_likelihoods(likelihood):
    settings = Settings(limit=9)
    arguments = {"likelihood": likelihood, "hidden": (4,)}
    recipe, data = session.prepare(find("vae_digit_counts"), arguments, settings)
    rows = measure_model(recipe.model, data, 9)["measures"]
    assert rows["nll_independent"]["value"] > 0 and rows["mse"]["value"] > 0


def test_a_recipe_of_tables_refuses_images(capsys):
    with pytest.raises(ValueError, match="Expected tables of shape .30,. or .*table:NAME"):
        session.prepare(find("tabular_vae_breast_cancer"), {}, Settings(data="digits", limit=9))


def train(*words):
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return end.value.code


SMALL = {
    "vae_digit_counts": ("--hidden", "4", "--latent-dim", "2"),
    "tabular_vae_breast_cancer": ("--data", "table:iris", "--latent-dim", "2"),
    "conv_autoencoder_ellipsoids": ("--filters", "2", "--hidden", "4", "--latent-dim", "2"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_recipe_is_interrupted_resumed_measured_and_drawn(name, tmp_path, monkeypatch):
    """The weights are those of a training without the interruption."""
    words = (name, *SMALL[name], "--limit", "20", "--batch-size", "8", "--epochs", "2")
    assert train(*words, "--out", tmp_path / "whole") == 0
    assert {p.name for p in (tmp_path / "whole" / "pictures").iterdir()} >= {"loss_curves.png"}
    with monkeypatch.context() as patch:
        patch.setattr(SafeCheckpoint, "on_epoch_end", interrupt_second)
        assert train(*words, "--out", tmp_path / "parts") == 130
    assert train(name, "--out", tmp_path / "parts", "--resume") == 0
    assert_same(*(weights(tmp_path / run) for run in ("whole", "parts")))
    run = run_directory.open_run(tmp_path / "parts")
    rows = measure_model(run.model(), run.data(), 8)["measures"]
    assert all(np.isfinite(row["value"]) for row in rows.values())


def interrupt_second(callback, epoch, logs=None):
    if epoch == 1:
        raise KeyboardInterrupt
    save_model(callback.model, callback.path)


def test_pictures_are_compared_of_pictures_alone():
    model = kv.tables.TabularVAE(load("table:wine").schema, latent_dim=2, hidden=(), seed=0)
    asked = EvaluationOptions(None, True, "hog", None, False, False, False)
    with pytest.raises(ValueError, match=r"Expected images for --distances.*shape \(13,\)"):
        asked.check(model, load("table:wine"))
