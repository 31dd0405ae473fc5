"""Values near the limits of formulas: scales that start beyond them, coins that are nearly even."""

import keras
import numpy as np
import pytest
import scipy.stats

from keras_vae import distributions as d
from keras_vae.distributions import base
from tests.support.models import array


@pytest.mark.parametrize(
    ("value", "start"), [(0.5, 0.5), (-9.5, -9.0), (-20.0, -9.0), (4.5, 4.0), (20.0, 4.0)]
)
def test_a_scale_that_would_start_at_its_limits_starts_one_inside(value, start):
    assert base.inside(value, (-10.0, 5.0)) == start


@pytest.mark.parametrize("deviation", [1e-3, 0.5, 3.0, 40.0])
def test_a_scale_starts_at_the_deviation_of_the_data(deviation):
    x = np.array([[0.0, 2.0 * deviation]])
    normal = d.Normal(0.0 * x, np.full_like(x, d.Normal.log_scale_of(deviation)))
    expected = scipy.stats.norm(0.0, deviation).logpdf(x).sum()
    assert array(normal.log_prob(x)) == pytest.approx(expected, rel=1e-5)
    log_scale = np.full_like(x, d.StudentT.log_scale_of(deviation))
    student = d.StudentT(0.0 * x, log_scale, np.ones_like(x))
    expected = scipy.stats.t(np.e, 0.0, deviation).logpdf(x).sum()
    assert array(student.log_prob(x)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("logit", [0.0, 5e-4, -5e-4, 1.1e-3, 1.5e-3, -1.5e-3, 0.01, -2.0])
def test_samples_of_a_continuous_coin_are_quantiles_of_uniform_noise(logit):
    """The density is proportional to exp(logit x) on [0, 1]; near 0 it is taken for uniform."""
    noise = array(keras.random.uniform((200, 1), seed=7)).astype("float64")
    found = array(d.ContinuousBernoulli(np.full((200, 1), logit, "float32")).sample(7))
    size = abs(logit)
    quantiles = np.log1p(noise * np.expm1(-size)) / -size if size else noise
    wanted = 1 - quantiles if logit > 0 else quantiles
    np.testing.assert_allclose(found, wanted, atol=1e-5 if size >= 1e-3 else size / 8 + 1e-6)
