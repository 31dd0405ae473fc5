"""Samplers use what they are given as documented, or refuse it."""

import keras
import numpy as np
import pytest
from hypothesis import strategies as st

import keras_vae as kv
from keras_vae.samplers import mixture
from tests.support import linear
from tests.support.borders import (
    DEPTHS,
    INFINITY,
    NAN,
    SMALL,
    attempt,
    explore,
    is_real,
    is_whole,
    reals,
    whole,
    words,
)
from tests.support.models import array, values
from tests.validation.test_argument_properties import WRITTEN

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def autoencoder():
    return linear.autoencoder()


def codes_of(model, x):
    encoder, bias, _, _ = values(model.trainable_variables)
    return x.astype("float64") @ encoder + bias


def assert_fits(sampler, codes, components, covariance):
    """After each step of the algorithm, the mean of the mixture is that of the codes."""
    size = codes.shape[1]
    factors = (components, size, size) if covariance == "full" else (components, size)
    assert sampler.factors.shape == factors and sampler.means.shape == (components, size)
    mean = np.exp(sampler.log_weights) @ sampler.means
    np.testing.assert_allclose(mean, codes.mean(0), rtol=1e-4, atol=1e-5)


MIXTURES = {
    "components": whole(0, 4),
    "covariance": words("full", "diag"),
    "seed": st.one_of(st.sampled_from([0, 3, 2**32 - 1, None]), whole(-1, 5)),
}


def is_mixture(components, covariance, seed, rows=linear.ROWS):
    good = is_whole(components) and components <= rows
    good = good and isinstance(covariance, str) and covariance in ("full", "diag")
    return good and (seed is None or (is_whole(seed, 0) and seed < 2**32))


@DEPTHS
@pytest.mark.filterwarnings("ignore:.*converge")
def test_a_fitted_sampler_has_the_mean_of_the_codes(autoencoder, examples):
    def check(components, covariance, seed, batch_size):
        good = is_mixture(components, covariance, seed)
        good = good and (batch_size is None or is_whole(batch_size))
        autoencoder.sampler = None
        options = (components, covariance, seed, batch_size)
        attempt(lambda: autoencoder.fit_sampler(linear.X, *options) or True, good)
        assert (autoencoder.sampler is not None) == good
        if good:
            codes = codes_of(autoencoder, linear.X)
            assert_fits(autoencoder.sampler, codes, components, covariance)

    explore(examples, check, **MIXTURES, batch_size=whole(0, 20, SMALL))


@DEPTHS
@pytest.mark.filterwarnings("ignore:.*converge")
def test_a_mixture_has_the_mean_of_its_codes(examples):
    codes = linear.X[:, :2]

    def check(components, covariance, seed, written):
        form = WRITTEN[written]
        right = written not in ("text", "complex", "a list of one", "a tuple of one", "objects")
        wanted = np.asarray(form(codes)) if right else codes
        wanted = wanted.reshape(len(wanted), -1)
        good = is_mixture(components, covariance, seed, len(wanted)) and right
        found = attempt(
            lambda: mixture.fit_mixture(form(codes), components, covariance, seed), good
        )
        if found is not None:
            assert_fits(found, wanted, components, covariance)

    explore(examples, check, **MIXTURES, written=st.sampled_from(list(WRITTEN)))


@pytest.fixture(scope="module")
def conditional():
    keras.utils.set_random_seed(3)
    networks = kv.nets.conditional(kv.nets.dense, (4,), 2, 3, hidden=(), heads=2)
    return kv.ConditionalVAE(*networks, likelihood="normal", seed=1)


CONDITIONS = [
    *(None, 3, "dog", [], np.ones(2), np.ones((2, 2)), [[1, 2], [3]], np.array(["a", "b", "c"])),
    *(np.array([0, NAN, 1]), {"label": 1}, np.ones((2, 3)), np.ones((3, 3), "int8"), [0.5, 0, 1]),
    *([[0, 1, 0], [1, 0, 0]], (1, 0, 0), keras.ops.ones((2, 3)), np.ones((0, 3)), [True, 0, 1]),
]
NUMBERS = "biuf"


@DEPTHS
def test_samples_are_of_their_conditions(conditional, examples):
    def check(count, seed, temperature, condition):
        rows = condition_rows(condition, count)
        good = rows is not None and is_real(temperature) and 0 <= temperature
        good = good and (seed is None or (is_whole(seed, 0) and seed < 2**32))
        found = attempt(lambda: conditional.sample(count, seed, temperature, condition), good)
        if found is not None:
            codes = np.zeros((len(rows), 2), "float32")
            if temperature:
                codes = array(conditional.sample_codes(len(rows), seed or 0, temperature))
            if not temperature or seed is not None:
                wanted = array(conditional.decode([codes, rows]))
                np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)

    explore(
        examples,
        check,
        count=st.one_of(st.sampled_from([None, 2, 3]), whole(0, 4, SMALL)),
        seed=whole(-1, 5),
        temperature=reals(0, 0.0, 0.5, 1, -0.5, odd=[v for v in SMALL if v is not INFINITY]),
        condition=st.sampled_from(CONDITIONS),
    )


def condition_rows(condition, count):
    """The conditions of the rows, or None if there are none of them."""
    try:
        found = np.asarray(condition)
    except ValueError:
        return None
    if found.dtype.kind not in NUMBERS or not np.isfinite(found).all():
        return None
    if found.shape == (3,) and (count is None or is_whole(count)):
        return np.repeat(found[None], 1 if count is None else count, 0).astype("float32")
    rows = len(found) if found.ndim else 0
    right = rows and found.shape == (rows, 3) and (count is None or is_whole(count))
    return found.astype("float32") if right and count in (None, rows) else None
