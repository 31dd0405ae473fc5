"""MIWAE of tables: its bound on a factor analysis, whose likelihood of known cells is closed."""

import keras
import numpy as np
import pytest
from scipy import stats

from keras_vae.tables import Column, Schema, TabularVAE
from tests.support.objectives import terms

MEAN, SCALE = np.array([2.0, -1.0, 30.0, 0.5]), np.array([1.0, 0.5, 8.0, 2.0])
SCHEMA = Schema(tuple(Column(f"c{i}", "numeric", (), MEAN[i], SCALE[i]) for i in range(4)))
LOADINGS = np.array([[0.6, -0.4, 0.3, 0.5], [0.2, 0.5, -0.4, 0.3]])  # In units of the columns.
OFFSET = np.array([0.1, -0.2, 0.0, 0.3])
VARIANCE = 0.5
ROWS = np.array(
    [
        [2.5, -1.2, 28.0, 1.0],
        [np.nan, -0.7, 33.0, -1.0],
        [1.6, np.nan, np.nan, 2.5],
        [np.nan, np.nan, np.nan, 1.5],
    ],
    "float32",
)


def factor_analysis(samples, **changed):
    """p(x | z) = N(linear, VARIANCE) in units of the columns, and q(z | x) = N(0, I)."""
    model = TabularVAE(SCHEMA, latent_dim=2, hidden=(), samples=samples, seed=3, **changed)
    for layer in model.encoder.layers:
        if layer.weights:
            layer.set_weights([np.zeros(w.shape) for w in layer.weights])
    kernel, bias = np.zeros((2, 4, 2)), np.zeros((4, 2))
    kernel[..., 0], bias[:, 0] = LOADINGS, OFFSET
    bias[:, 1] = np.log(VARIANCE - 1e-4)  # The least variance is added.
    (last,) = (layer for layer in model.decoder.layers if layer.weights)
    last.set_weights([kernel.reshape(2, 8), bias.ravel()])
    return model


def log_likelihood(row):
    """log p(known cells): these are jointly normal."""
    known = ~np.isnan(row)
    loadings = (LOADINGS * SCALE)[:, known]
    covariance = loadings.T @ loadings + np.diag(VARIANCE * SCALE[known] ** 2)
    mean = (MEAN + OFFSET * SCALE)[known]
    return stats.multivariate_normal(mean, covariance).logpdf(row[known])


def test_the_bound_rises_to_the_likelihood_of_the_known_cells():
    exact = np.array([log_likelihood(row.astype("float64")) for row in ROWS])
    bounds, errors = [], []
    for samples, copies in ((2, 2000), (10, 1000), (1000, 40)):
        found = -terms(factor_analysis(samples), np.repeat(ROWS, copies, axis=0))["iwae"]
        each = found.reshape(len(ROWS), copies)
        bounds.append(each.mean(axis=1))
        errors.append(each.std(axis=1) / np.sqrt(copies))
    bounds, errors = np.array(bounds), np.array(errors)
    assert np.all(bounds < exact + 4 * errors)
    noise = np.sqrt(errors[1:] ** 2 + errors[:-1] ** 2)
    assert np.all(np.diff(bounds, axis=0) > -4 * noise) and np.all(bounds[1] > bounds[0])
    np.testing.assert_allclose(bounds[-1], exact, atol=0.02)
    assert np.all(exact - bounds[0] > 0.02)


def test_missing_cells_count_nothing():
    """A column that is missing in all rows: the bound is that of the others."""
    x = ROWS[:2].copy()
    x[:, 3] = np.nan
    found = terms(factor_analysis(500), np.repeat(x, 50, axis=0))["iwae"].reshape(2, 50)
    wanted = [log_likelihood(row.astype("float64")) for row in x]
    np.testing.assert_allclose(-found.mean(axis=1), wanted, atol=0.05)


def test_one_sample_is_the_model_of_before():
    one, two = (TabularVAE(SCHEMA, 2, (4,), seed=0, **kw) for kw in ({}, {"samples": 2}))
    assert one.terms == ("reconstruction", "kl") and one.beta == 1.0
    assert two.terms == ("iwae", "reconstruction", "kl")
    assert [two.loss_weights.number(term) for term in two.terms] == [1.0, 0.0, 0.0]


def test_it_trains_and_is_saved(tmp_path):
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(400, 2)) @ LOADINGS + 0.3 * generator.normal(size=(400, 4))
    x = (MEAN + SCALE * rows).astype("float32")
    x[generator.random(x.shape) < 0.2] = np.nan
    x = x[~np.isnan(x).all(axis=1)]
    keras.utils.set_random_seed(0)
    model = TabularVAE(SCHEMA, 2, (8,), samples=5, seed=0)
    model.compile(keras.optimizers.Adam(0.02))
    history = model.fit(x, epochs=4, batch_size=50, verbose=0).history
    assert history["loss"] == history["iwae"] and history["loss"][-1] < history["loss"][0] - 0.3
    model.save(tmp_path / "a.keras")
    again = keras.saving.load_model(tmp_path / "a.keras")
    assert again.samples == 5 and again.terms == model.terms


BAD = {
    "beta too": ({"samples": 5, "beta": 0.5}, "Expected no beta.*beta=0.5 and samples=5"),
    "none": ({"samples": 0}, "Expected samples"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_has_no_such_bound_is_refused(name):
    changed, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        TabularVAE(SCHEMA, 2, (4,), **changed)
