"""The imputer of scikit-learn: exact conditional means, its rules of columns, files, refusals."""

import functools
import pickle
import random

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.utils.estimator_checks import parametrize_with_checks

import keras_vae as kv
from keras_vae.tables import VAEImputer
from tests.support.models import FAST, array

GENERATOR = np.random.default_rng(0)
ROWS, COLUMNS, FACTORS = 300, 6, 2
LOADINGS = GENERATOR.normal(size=(FACTORS, COLUMNS))
NOISE = 0.4
SCALE, CENTER = np.array([1.0, 10.0, 0.1, 3.0, 1000.0, 1.0]), np.array([0.0, 50.0, -1.0, 2.0, 0, 9])
COVARIANCE = LOADINGS.T @ LOADINGS + NOISE**2 * np.eye(COLUMNS)


def table(rows, generator):
    codes = generator.normal(size=(rows, FACTORS))
    noise = NOISE * generator.normal(size=(rows, COLUMNS))
    return (codes @ LOADINGS + noise) * SCALE + CENTER


def with_holes(x, rate, generator):
    return np.where(generator.random(x.shape) < rate, np.nan, x)


X = table(ROWS, GENERATOR)
HOLES = with_holes(X, 0.3, GENERATOR)


def exact_means(holes):
    """E[missing | known] of the Gaussian that made the table, by linear algebra."""
    filled = (holes - CENTER) / SCALE
    for row in filled:
        gap = np.isnan(row)
        known = COVARIANCE[np.ix_(~gap, ~gap)]
        row[gap] = COVARIANCE[np.ix_(gap, ~gap)] @ np.linalg.solve(known, row[~gap])
    return filled * SCALE + CENTER


def error(filled, truth=X, holes=HOLES):
    deviations = (filled - truth) / truth.std(axis=0)
    return float(np.sqrt(np.mean(deviations[np.isnan(holes)] ** 2)))


def quick(**kwargs):
    """As little training as there can be."""
    few = {"epochs": 1, "batch_size": ROWS, "samples": 4, "random_state": 0}
    return VAEImputer(**few | kwargs)


@pytest.fixture(autouse=True)
def eager(request, monkeypatch):
    """Nothing quick is of graphs, which take longer than a step."""
    if not request.node.get_closest_marker("slow"):
        compile_eager = functools.partialmethod(kv.Autoencoder.compile, **FAST)
        monkeypatch.setattr(kv.Autoencoder, "compile", compile_eager)


@pytest.fixture(scope="module")
def fitted():
    with pytest.MonkeyPatch.context() as patch:
        compile_eager = functools.partialmethod(kv.Autoencoder.compile, **FAST)
        patch.setattr(kv.Autoencoder, "compile", compile_eager)
        few = {"latent_dim": 2, "epochs": 12, "batch_size": 100, "learning_rate": 0.05}
        return VAEImputer(**few, random_state=0).fit(HOLES)


@pytest.mark.long
# None of scikit-learn's checks is expected to fail.
@parametrize_with_checks([quick()])
def test_scikit_learn_finds_nothing_wrong(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # One check runs only where this is set.
    check(estimator)


def test_missing_numbers_are_near_their_exact_conditional_means(fitted):
    found, best = error(fitted.transform(HOLES)), error(exact_means(HOLES))
    assert found < 1.1 * best < 0.8 * error(SimpleImputer().fit_transform(HOLES))


def test_so_are_those_of_new_rows(fitted):
    truth = table(200, np.random.default_rng(1))
    holes = with_holes(truth, 0.3, np.random.default_rng(2))
    best = error(exact_means(holes), truth, holes)
    assert error(fitted.transform(holes), truth, holes) < 1.1 * best


def test_known_numbers_are_returned_as_they_are(fitted):
    known = ~np.isnan(HOLES)
    np.testing.assert_array_equal(fitted.transform(HOLES)[known], HOLES[known])
    np.testing.assert_array_equal(fitted.transform(X), X)


def test_a_row_does_not_depend_on_the_rows_beside_it(fitted):
    alone = np.concatenate([fitted.transform(HOLES[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(alone, fitted.transform(HOLES)[:5], rtol=1e-5)


def test_a_row_without_any_number_gets_the_means_of_the_columns(fitted):
    filled = fitted.transform(np.full((1, COLUMNS), np.nan))
    means, deviations = np.nanmean(HOLES, axis=0), np.nanstd(HOLES, axis=0)
    assert np.abs((filled - means) / deviations).max() < 0.1


@pytest.mark.slow
def test_independent_columns_are_filled_with_their_means():
    x = np.random.default_rng(3).normal(size=(400, 4))
    holes = with_holes(x, 0.3, np.random.default_rng(4))
    filled = VAEImputer(epochs=20, random_state=0).fit_transform(holes)
    means = SimpleImputer().fit_transform(holes)
    assert error(filled, x, holes) < 1.05 * error(means, x, holes)


def test_a_skewed_column_is_filled_with_its_mean_and_not_with_its_median():
    x = np.exp(np.random.default_rng(5).normal(size=(500, 2)))
    holes = with_holes(x, 0.2, np.random.default_rng(6))
    filled = quick(latent_dim=1, samples=40).fit(holes).transform(np.full((1, 2), np.nan))
    assert np.all(filled > 0.5 * (np.nanmean(holes, axis=0) + np.nanmedian(holes, axis=0)))


def test_numbers_stay_in_the_range_of_their_column(fitted):
    far = np.tile(CENTER + 50 * SCALE, (6, 1))
    far[np.eye(6, dtype=bool)] = np.nan
    filled = fitted.transform(far)[np.eye(6, dtype=bool)]
    assert np.all(filled <= np.nanmax(HOLES, axis=0) + 1e-6 * SCALE)
    assert np.all(filled >= np.nanmin(HOLES, axis=0) - 1e-6 * SCALE)


def test_a_pickle_answers_as_before(fitted):
    other = pickle.loads(pickle.dumps(fitted))
    assert isinstance(other.model_, kv.VAE)
    np.testing.assert_allclose(other.transform(HOLES), fitted.transform(HOLES), rtol=1e-6)


def test_a_file_of_the_model_answers_as_before(fitted, tmp_path):
    rows = fitted.columns_.forward(HOLES)[:20].astype("float32")
    fitted.model_.save(tmp_path / "model.keras")
    again = kv.load(tmp_path / "model.keras")
    wanted = array(fitted.model_.reconstruct(rows))
    np.testing.assert_allclose(array(again.reconstruct(rows)), wanted, rtol=1e-6)


def test_a_seed_gives_the_same_numbers_and_changes_no_other_seed():
    random.seed(4)
    np.random.seed(4)
    wanted = random.random(), np.random.random()
    random.seed(4)
    np.random.seed(4)
    first = quick(random_state=3).fit(HOLES)
    assert (random.random(), np.random.random()) == wanted
    again = clone(first)
    assert not hasattr(again, "model_")
    np.testing.assert_allclose(again.fit_transform(HOLES), first.transform(HOLES), rtol=1e-6)


EMPTY = np.where(np.arange(COLUMNS) == 2, np.nan, HOLES)
EMPTY[:, 1] = np.where(np.isnan(HOLES[:, 1]), np.nan, 7.0)


def test_empty_columns_are_left_out_and_constant_ones_stay_constant():
    imputer = quick().fit(EMPTY)
    filled = imputer.transform(EMPTY)
    assert filled.shape == (ROWS, COLUMNS - 1) and not np.isnan(filled).any()
    np.testing.assert_allclose(filled[:, 1], 7.0, rtol=1e-6)
    assert imputer.get_feature_names_out(list("abcdef")).tolist() == list("abdef")


def test_a_constant_column_is_filled_with_its_constant():
    x = np.random.default_rng(0).normal(size=(40, 3))
    x[:, 1] = 5.0
    x[3, 1] = np.nan
    assert VAEImputer(random_state=0, epochs=1).fit_transform(x)[3, 1] == 5.0


def test_or_become_zero_and_indicators_are_appended_in_the_type_of_the_table():
    table = EMPTY.astype("float32")
    imputer = quick(keep_empty_features=True, add_indicator=True).fit(table)
    filled = imputer.transform(table)
    assert filled.shape == (ROWS, 2 * COLUMNS) and filled.dtype == "float32"
    assert not filled[:, 2].any()
    np.testing.assert_array_equal(filled[:, COLUMNS:], np.isnan(EMPTY))
    names = imputer.get_feature_names_out(list("abcdef")).tolist()
    assert names == [*"abcdef", *(f"missingindicator_{name}" for name in "abcdef")]


def test_other_columns_are_refused(fitted):
    with pytest.raises(ValueError, match="3 features"):
        fitted.transform(X[:, :3])


BAD = {
    "infinity": (lambda: quick().fit(np.where(HOLES > 100, np.inf, HOLES)), "infinity"),
    "no number": (lambda: quick().fit(HOLES * np.nan), r"a known number. Received: NaN in all of"),
    "no code": (lambda: quick(latent_dim=0).fit(X), "Expected latent_dim of at least 1.*0"),
    "no sample": (lambda: quick(samples=0).fit(X), "Expected samples of at least 1.*0"),
    "no rate": (lambda: quick(learning_rate=0).fit(X), "Expected learning_rate above 0.*0"),
    "growth": (lambda: quick(decay=-1.0).fit(X), "Expected decay.*-1"),
    "a word": (lambda: quick(add_indicator="yes").fit(X), "Expected add_indicator to be True or"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_refused(name):
    call, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=message):
        call()
