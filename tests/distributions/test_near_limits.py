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


@pytest.mark.parametrize(
    ("values", "inside"),
    [
        ([-0.5, 1.0], True),
        ([-2.0, 0.0], False),
        ([1.5, 0.0], False),
        ([np.nan, 0.0], False),
        ([], True),
    ],
)
def test_clipping_changes_what_is_beyond_the_limits_alone(values, inside):
    x = base.tensor(np.array([values], "float32"))
    found = array(base.clip(x, (-2.0, 1.25)))
    np.testing.assert_array_equal(found, np.clip(array(x), -2.0, 1.25))
    assert not inside or (found == array(x)).all()


def test_a_normal_of_unit_variance_has_log_variances_of_zero():
    normal = d.Normal(np.ones((2, 3)))
    np.testing.assert_array_equal(array(normal.log_var), np.zeros((2, 3)))


@pytest.mark.tensorflow
def test_the_gradient_of_clipping_is_that_of_the_op():
    import tensorflow as tf

    for values in ([-0.5, 1.0], [-2.0, 0.5], [-3.0, 1.25], [7.0, 0.0]):
        x = tf.constant(values)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            found, wanted = base.clip(x, (-2.0, 1.25)), keras.ops.clip(x, -2.0, 1.25)
        np.testing.assert_array_equal(tape.gradient(found, x), tape.gradient(wanted, x))


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
