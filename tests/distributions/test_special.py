"""Special functions in float32 against their closed forms in float64, NumPy, and SciPy."""

import keras
import numpy as np
import pytest
import scipy.special

from keras_vae.distributions import special

# Below 0.3 in size, functions are series.
NEAR = np.concatenate([-np.linspace(0.01, 0.299, 60), np.linspace(0.01, 0.299, 60)])
FAR = np.concatenate([np.linspace(0.301, 4, 40), 10 ** np.linspace(0.6, 3, 20)])
BOTH = np.concatenate([-FAR, FAR])


def bernoulli_series(x):
    """Seven terms of Stirling's series, of which the last is below 1e-14 from 8 on."""
    numbers = scipy.special.bernoulli(14)
    return sum(numbers[2 * k] / (2 * k * (2 * k - 1) * x ** (2 * k - 1)) for k in range(1, 8))


def rest_of_log_gamma(x):
    return scipy.special.gammaln(x) - ((x - 0.5) * np.log(x) - x + 0.5 * np.log(2 * np.pi))


def log_sinhc(u):
    size = np.abs(u)
    return size + np.log(-np.expm1(-2 * size) / (2 * size))


def excess(t):
    return np.expm1(-t) + t


# The function, its float64 form, where, and the relative and the absolute tolerance.
CASES = {
    "softplus": (
        special.softplus,
        lambda x: np.logaddexp(0.0, x),
        np.linspace(-80, 200, 99),
        5e-7,
        0,
    ),
    "log sinhc, series": (special.log_sinhc, log_sinhc, NEAR, 5e-7, 0),
    "log sinhc": (special.log_sinhc, log_sinhc, BOTH, 1e-5, 0),
    "langevin, series": (special.langevin, lambda u: 1 / np.tanh(u) - 1 / u, NEAR, 8e-7, 0),
    "langevin": (special.langevin, lambda u: 1 / np.tanh(u) - 1 / u, BOTH, 8e-6, 0),
    "log1p, series": (special.log1p, np.log1p, NEAR, 5e-7, 0),
    "log1p": (special.log1p, np.log1p, np.append(FAR, [-0.301, -0.5, -0.9]), 1e-6, 0),
    "excess, series": (special.excess, excess, NEAR, 4e-7, 0),
    "excess": (special.excess, excess, np.clip(BOTH, -20, None), 4e-6, 0),
    "stirling, series": (special.stirling, bernoulli_series, 8 + FAR, 4e-7, 0),
    "stirling": (special.stirling, rest_of_log_gamma, np.geomspace(1e-3, 7.9, 60), 3e-6, 2e-6),
    "log Bessel": (
        special.log_bessel,
        lambda x: np.log(scipy.special.i0e(x)),
        np.geomspace(0.01, 1e4, 200),
        3e-7,
        3e-7,
    ),
}


def compute(function, *arguments):
    found = function(*(keras.ops.convert_to_tensor(each) for each in arguments))
    return keras.ops.convert_to_numpy(found).astype("float64")


@pytest.mark.parametrize("name", CASES)
def test_a_function_has_nearly_all_digits_of_float32(name):
    function, exact, x, rtol, atol = CASES[name]
    x = x.astype("float32")
    expected = exact(x.astype("float64"))
    np.testing.assert_allclose(compute(function, x), expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("center", [1e-3, 3.7, 1e6])
def test_the_logarithm_of_a_ratio_has_its_digits_where_both_numbers_are_nearly_the_same(center):
    ratio = np.concatenate([1 + NEAR / 1.01, 1 + NEAR / 1e3])
    y = np.full(len(ratio), center, "float32")
    x = (y * ratio).astype("float32")
    expected = np.log(x.astype("float64") / y)
    np.testing.assert_allclose(compute(special.log_ratio, x, y), expected, rtol=5e-7)
    np.testing.assert_allclose(compute(special.log_ratio, 9 * y, y), np.log(9.0), rtol=2e-6)


@pytest.mark.parametrize("name", ["log_sinhc", "langevin", "log1p", "excess"])
def test_a_series_is_zero_at_zero(name):
    assert compute(getattr(special, name), np.zeros(1, "float32")).tolist() == [0.0]
