"""The rate of codes against SciPy's logistic, and against the bytes of files."""

import keras
import numpy as np
import pytest
import scipy.stats

import keras_vae as kv
from tests.support.models import FAST, array, dense, uniform

X = uniform(200, 6)
LOCATION, SCALE = np.array([0.3, -2.0, 0.0]), np.array([0.2, 1.0, 30.0])


def model():
    keras.utils.set_random_seed(7)
    made = kv.CompressiveAutoencoder(*dense(), rate_weight=0.5, seed=1)
    made.location.assign(LOCATION)
    made.log_scale.assign(np.log(SCALE))
    return made


@pytest.mark.parametrize("shift", [0.0, 0.37, 40.0])
def test_the_rate_is_the_probability_of_a_bin_of_a_logistic(shift):
    z = np.random.default_rng(0).integers(-4, 5, (20, 3)) + shift
    law = scipy.stats.logistic(LOCATION, SCALE)
    low, high = z - 0.5, z + 0.5
    # Of the survival function where it is smaller: a difference near 1 has no digits.
    mass = np.where(z > LOCATION, law.sf(low) - law.sf(high), law.cdf(high) - law.cdf(low))
    found = array(model().rate(z.astype("float32")))
    np.testing.assert_allclose(found, -np.log(mass).sum(1), rtol=1e-4)


def test_the_probabilities_of_all_integers_sum_to_one():
    z = np.arange(-600, 601, dtype="float32")[:, None]
    made = model()
    made.location.assign([0.0, 0.0, 0.0])
    made.log_scale.assign([-9.0, 0.0, 3.0])  # The first is narrower than the least scale.
    others = array(made.rate(np.zeros((1, 3), "float32")))
    for j in range(3):
        codes = np.zeros((len(z), 3), "float32")
        codes[:, j] = z[:, 0]
        rest = others - array(made.rate(np.zeros((1, 3), "float32")))
        alone = -array(made.rate(codes)) + sum_without(made, j)
        assert np.exp(alone - rest).sum() == pytest.approx(1.0, abs=1e-4)


def sum_without(made, j):
    """-log of the probability that the other elements are 0, by SciPy."""
    scales = np.maximum(np.exp(array(made.log_scale)), 0.01)
    mass = scipy.stats.logistic.cdf(0.5 / scales) - scipy.stats.logistic.cdf(-0.5 / scales)
    return -np.log(np.delete(mass, j)).sum()


def test_the_noise_of_training_is_uniform_between_halves():
    """A linear decoder of one code adds its square over 12 to the squared error, on average."""
    keras.utils.set_random_seed(0)
    made = kv.CompressiveAutoencoder(*kv.nets.dense((1,), 1, hidden=()), seed=2)
    values = [[[0.0]], [4.0], [[3.0]], [-12.0]]
    for variable, value in zip(made.encoder.weights + made.decoder.weights, values, strict=True):
        variable.assign(value)
    x = np.zeros((20_000, 1), "float32")
    terms = made.loss_terms(x, x)
    squared = 2 * array(terms["reconstruction"]) - np.log(2 * np.pi)
    assert squared.mean() == pytest.approx(9 / 12, rel=0.03)
    assert squared.max() <= 9 / 4 + 1e-5


@pytest.mark.slow
def test_training_shortens_the_codes_and_files_are_as_long_as_the_rate_says():
    pytest.importorskip("constriction", reason="pip install keras-vae[compression]")
    x = np.random.default_rng(1).standard_normal((4000, 6)).astype("float32")
    keras.utils.set_random_seed(3)
    made = kv.CompressiveAutoencoder(*kv.nets.dense((6,), 3, hidden=()), rate_weight=0.05, seed=1)
    made.compile(keras.optimizers.Adam(0.01))
    made.fit(x, batch_size=200, epochs=15, verbose=0)
    rate = array(made.score_terms(x)["rate"]).sum() / np.log(2)
    codes = kv.compression.codes_of(made, x)
    assert np.ptp(codes, axis=0).max() > 3
    blob = kv.compression.compress(made, x)
    assert 8 * len(blob) == pytest.approx(rate, rel=0.08)


def test_codes_of_real_numbers_are_refused():
    made = model()
    made.compile(**FAST)
    with pytest.raises(TypeError, match="Expected integers, as encode"):
        made.decode(np.zeros((2, 3), "float32"))
