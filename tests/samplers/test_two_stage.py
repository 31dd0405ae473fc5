"""The second stage of a two-stage VAE: its draws, its bound, and what it learns."""

import keras
import numpy as np
import pytest
import scipy.stats

import keras_vae as kv
from keras_vae.samplers import TwoStageSampler
from keras_vae.samplers.training import train
from keras_vae.samplers.two_stage import GAIN
from tests.support.models import array

FACTORS, GAMMA = np.array([0.8, 0.3]), 0.25
MEAN, SCALE = np.array([[3.0, -1.0]]), np.array([[0.5, 2.0]])


def linear():
    """A second stage whose networks are those of a linear Gaussian model, with its exact posterior.

    z_i is N(a_i u_i, gamma), so that u_i given z is N(a_i z_i / (a_i^2 + gamma), gamma / (a_i^2 +
    gamma)).
    """
    size = TwoStageSampler.size_for((2,), None, 0, width=4, blocks=1)
    shapes = TwoStageSampler.weight_shapes(size)
    weights = {name: np.zeros(shape, "float32") for name, shape in shapes.items()}
    variances = FACTORS**2 + GAMMA
    weights["decoder_output"][:2] = np.diag(FACTORS)
    weights["encoder_output"][:2, :2] = np.diag(FACTORS / variances)
    weights["encoder_output_bias"][2:] = np.log(GAMMA / variances)
    weights["log_gamma"][:] = np.log(GAMMA) / GAIN
    moments = {"mean": MEAN.astype("float32"), "scale": SCALE.astype("float32")}
    return TwoStageSampler(size, weights, **moments), SCALE[0] * np.sqrt(variances)


def test_draws_of_a_linear_decoder_are_of_its_gaussian():
    one, deviations = linear()
    drawn = array(one.draw(kv.random.row_seeds(20_000, 0), (2,)))
    np.testing.assert_allclose(drawn.mean(axis=0), MEAN[0], atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), np.diag(deviations**2), atol=0.05)
    cold = array(one.draw(kv.random.row_seeds(20_000, 0), (2,), 0.5))
    np.testing.assert_allclose(cold.std(axis=0), 0.5 * deviations, atol=0.02)


def test_the_loss_with_the_exact_posterior_is_the_negative_log_likelihood():
    one, deviations = linear()
    code = np.array([[3.4, -2.0]])
    rows = np.repeat(code, 20_000, axis=0).astype("float32")
    losses = array(one.losses(one.constants(), rows, None, keras.random.SeedGenerator(0)))
    exact = -scipy.stats.norm.logpdf(code, MEAN, deviations).sum()
    assert losses.mean() == pytest.approx(exact, abs=6 * losses.std() / np.sqrt(len(losses)))


@pytest.mark.long
def test_curved_codes_of_two_dimensions_in_three_are_learned():
    random = np.random.default_rng(0)
    x = random.normal(size=1000)
    curve = 0.5 * x**2 + 0.3 * random.normal(size=1000)
    codes = np.stack([x, curve, 3 - x + 0.1 * random.normal(size=1000)], 1).astype("float32")
    size = TwoStageSampler.size_for((3,), None, 0, width=64, blocks=2)
    mean, scale = (part(axis=0, keepdims=True) for part in (codes.mean, codes.std))
    one = TwoStageSampler(size, TwoStageSampler.initial_weights(size, 0), mean=mean, scale=scale)
    weights = train(one, codes, None, 250, 50, 0, 0)
    drawn = array(
        TwoStageSampler(size, weights, mean=mean, scale=scale).draw(
            kv.random.row_seeds(5000, 0), (3,)
        )
    )
    np.testing.assert_allclose(drawn.mean(axis=0), codes.mean(axis=0), atol=0.12)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(codes.T), atol=0.25)
    # The third moment of the curve: a Gaussian has 0.
    third = [
        np.mean((c[:, 0] - c[:, 0].mean()) ** 2 * (c[:, 1] - c[:, 1].mean()))
        for c in (drawn, codes)
    ]
    assert 0.55 * third[1] < third[0] < 1.3 * third[1]
