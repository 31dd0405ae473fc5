"""TimeVAE: what each part of the decoder is, and that planted parts are found."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.nets.time_vae import PolynomialTrend, Seasons
from tests.support.models import array, uniform

TIME = 12
SMALL = {"filters": (2,), "hidden": 4, "seed": 0}


def series(count, features=1, seed=0):
    """Trends and seasons of four values, drawn for each series, and their sums."""
    generator = np.random.default_rng(seed)
    level, slope, *values = generator.normal(size=(6, count, 1, features))
    time = np.arange(TIME)[:, None] / TIME
    values = np.concatenate(values, axis=1)
    values -= values.mean(axis=1, keepdims=True)
    trend, season = level + 2 * slope * time, values[:, np.arange(TIME) % 4]
    return (trend + season).astype("float32"), trend, season


def with_coefficients(layer, values):
    """The answer of a layer whose coefficients are `values` for any input."""
    layer.build((None, 1))
    kernel, bias = layer.weights
    kernel.assign(np.zeros(kernel.shape))
    bias.assign(np.ravel(values))
    return array(layer(np.ones((1, 1), "float32")))[0]


def test_the_trend_is_the_polynomial_of_its_coefficients():
    values = np.array([[1.0, -2.0, 3.0, 0.5], [0.0, 1.0, 0.0, -4.0]], "float32")
    found = with_coefficients(PolynomialTrend(TIME, 2, 3), values)
    wanted = [np.polynomial.Polynomial(one)(np.arange(TIME) / TIME) for one in values]
    np.testing.assert_allclose(found, np.transpose(wanted), atol=1e-6)


def test_the_season_of_a_step_has_one_value_minus_the_mean_of_the_cycle():
    values = np.array([[1.0, 4.0, -2.0], [0.0, 6.0, 0.0]], "float32")
    found = with_coefficients(Seasons(TIME, 2, 3, 2), values)
    wanted = [values[:, t // 2 % 3] - values.mean(axis=1) for t in range(TIME)]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("masked", [False, True, "features"])
def test_parts_add_up_to_the_reconstruction_and_keep_their_forms(masked):
    x = 5.0 + 3.0 * uniform(4, TIME, 2)
    scale = keras.layers.Normalization(mean=[6.0, 7.0], variance=[2.0, 3.0])
    model = kv.TimeVAE(
        (TIME, 2), 3, trend_degree=1, seasons=[(3, 1), (2, 2)], masked=masked,
        preprocess=scale, **SMALL,
    )  # fmt: skip
    mask = np.ones((4, TIME), "float32")
    mask[1:, 9:] = 0
    mask = np.repeat(mask[..., None], 2, axis=2) if masked == "features" else mask
    given = (x, mask) if masked else x
    parts = {name: array(part) for name, part in model.decompose(given).items()}
    assert list(parts) == ["trend", "season_1", "season_2", "residual"]
    wanted = array(model.reconstruct(given))
    np.testing.assert_allclose(sum(parts.values()), wanted, atol=1e-4)
    trend, first, second = (parts[name][0] for name in ("trend", "season_1", "season_2"))
    np.testing.assert_allclose(np.diff(trend, 2, axis=0), 0.0, atol=1e-4)
    assert np.ptp(np.diff(trend, axis=0)[:, 0]) < 1e-4 < np.abs(np.diff(trend, axis=0)).min()
    for season, cycle in ((first, 3), (second, 4)):
        assert np.abs(season).max() > 1e-3
        np.testing.assert_allclose(season[cycle:], season[:-cycle], atol=1e-4)
        np.testing.assert_allclose(season[:cycle].sum(axis=0), 0.0, atol=1e-4)
    # 6 and 7 are in the trend alone.
    assert (np.abs(parts["residual"]) < 4).all() and trend.mean() > 3


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_planted_trend_and_season_are_found():
    x, trend, season = series(512)
    keras.utils.set_random_seed(0)
    model = kv.TimeVAE(
        (TIME, 1), 6, trend_degree=1, seasons=[(4, 1)], residual=False, beta=1e-3, seed=0
    )
    model.compile(keras.optimizers.Adam(3e-3))
    model.fit(x, epochs=60, batch_size=32, verbose=0)
    new, trend, season = series(64, seed=1)
    found = {name: array(part) for name, part in model.decompose(new).items()}
    assert list(found) == ["trend", "season"]
    for name, wanted in (("trend", trend), ("season", season)):
        error = np.mean((found[name] - wanted) ** 2) / np.mean(wanted**2)
        assert error < 0.02, (name, error)
        # The other part is far from it.
        other = found["season" if name == "trend" else "trend"]
        assert np.mean((other - wanted) ** 2) > 0.5 * np.mean(wanted**2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"likelihood": "bernoulli"}, "'normal_learned_scale' or 'laplace'.*Received: 'bernoulli'"),
        ({"likelihood": "normal_per_element"}, "Received: 'normal_per_element'"),
        ({"seasons": 7}, r"pairs of a number of seasons.*seasons=7"),
        ({"seasons": [7]}, r"pairs of a number of seasons.*seasons=\[7\]"),
        ({"seasons": [(1, 4)]}, "the number of seasons of at least 2"),
        ({"seasons": [(4, 0)]}, "the steps of a season of at least 1"),
        ({"trend_degree": -1}, "trend_degree of at least 0"),
        ({"shape": (5,)}, r"\(time, features\).*\(5,\)"),
    ],
)
def test_parts_that_make_no_sum_are_refused(options, message):
    with pytest.raises(ValueError, match=f"Expected .*{message}"):
        kv.TimeVAE(**{"shape": (TIME, 1), **SMALL, **options})


def test_a_likelihood_class_is_taken_and_comes_back_from_a_file(tmp_path):
    model = kv.TimeVAE((TIME, 1), 2, kv.distributions.Laplace, seasons=((4, 1),), **SMALL)
    model.save(tmp_path / "m.keras")
    again = kv.load(tmp_path / "m.keras")
    x = series(3)[0]
    for name, part in model.decompose(x).items():
        np.testing.assert_array_equal(array(again.decompose(x)[name]), array(part))
