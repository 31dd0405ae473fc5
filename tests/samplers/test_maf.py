"""The masked autoregressive flow: its density, its inverse, and what it learns."""

import dataclasses

import keras
import numpy as np
import pytest
import scipy.stats

import keras_vae as kv
from keras_vae.samplers import MAFSampler
from keras_vae.samplers.training import train
from tests.support.models import array

SEEDS = kv.random.row_seeds(5, 1)
MEAN, SCALE = np.array([[3.0, -1.0, 10.0]]), np.array([[0.5, 2.0, 3.0]])
LABELS = np.array([0, 1, 2, 0, 1], "int32")


def flow(elements=3, blocks=3, classes=0, spread=0.3, **settings):
    """A flow whose weights are random, its outputs too."""
    size = MAFSampler.size_for((elements,), None, classes, width=7, blocks=blocks)
    random = np.random.default_rng(4)
    weights = {
        name: (part + random.normal(0.0, spread, part.shape)).astype("float32")
        for name, part in MAFSampler.initial_weights(size, 0).items()
    }
    return MAFSampler(size, weights, **settings)


def moved(**settings):
    return flow(mean=MEAN.astype("float32"), scale=SCALE.astype("float32"), **settings)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_the_inverse_returns_the_noise_of_a_draw(temperature):
    one = moved(classes=2)
    drawn = one.draw(SEEDS, (3,), temperature, LABELS)
    noise = temperature * array(kv.random.standard_normal(SEEDS, 3))
    np.testing.assert_allclose(array(one.to_noise(drawn, LABELS)), noise, atol=2e-5)
    assert np.abs(array(one.to_noise(drawn)) - noise).max() > 0.05  # Of any class.


@pytest.mark.parametrize("blocks", [1, 2])
def test_the_density_is_that_of_the_numerical_jacobian(blocks):
    one, step = moved(blocks=blocks), 1e-2
    code = MEAN + SCALE * np.random.default_rng(0).normal(size=(1, 3))
    around = np.concatenate([code, code + step * np.eye(3), code - step * np.eye(3)])
    noise = array(one.to_noise(around.astype("float32"))).astype("float64")
    jacobian = (noise[1:4] - noise[4:]).T / (2 * step)
    exact = scipy.stats.norm.logpdf(noise[0]).sum() + np.linalg.slogdet(jacobian)[1]
    assert array(one.log_prob(code.astype("float32")))[0] == pytest.approx(exact, abs=2e-3)
    if blocks == 1:  # An element depends on itself and on all before it.
        np.testing.assert_allclose(np.triu(jacobian, 1), 0.0, atol=1e-4)
        assert np.abs(jacobian[np.tril_indices(3)]).min() > 1e-3


def test_training_minimizes_the_density_without_the_weights_that_masks_exclude():
    one = moved()
    random = np.random.default_rng(5)
    codes = (MEAN + SCALE * random.normal(size=(9, 3))).astype("float32")
    shapes = MAFSampler.weight_shapes(one.size)
    weights = {n: random.normal(0, 0.3, part).astype("float32") for n, part in shapes.items()}
    tensors = {name: keras.ops.convert_to_tensor(part) for name, part in weights.items()}
    losses = array(one.losses(tensors, codes, None, None))
    found = array(dataclasses.replace(one, weights=weights).log_prob(codes))
    np.testing.assert_allclose(losses, -found, rtol=1e-5)
    assert np.ptp(losses) > 1.0


def test_a_linear_block_has_the_density_of_a_gaussian():
    """Regressions on the elements before it are the conditionals of a Gaussian."""
    factor = np.array([[1.0, 0.0, 0.0], [0.9, 0.5, 0.0], [-0.7, 0.3, 0.2]])
    covariance = factor @ factor.T
    one = flow(blocks=1, spread=0.0)
    weights = {name: part.copy() for name, part in one.weights.items()}
    for i in range(3):
        log_scale, before = np.log(factor[i, i]), covariance[:i, :i]
        weights["output_0"][:i, 3 + i] = np.linalg.solve(before, covariance[:i, i])
        weights["output_0_bias"][i] = 3.0 * np.arctanh(log_scale / 3.0)
    one = MAFSampler(one.size, weights, mean=MEAN.astype("float32"), scale=np.ones((1, 3), "f"))
    known = scipy.stats.multivariate_normal(MEAN[0], covariance)
    codes = known.rvs(50, random_state=0)
    found = array(one.log_prob(codes.astype("float32")))
    np.testing.assert_allclose(found, known.logpdf(codes), atol=1e-3)
    drawn = array(one.draw(kv.random.row_seeds(20_000, 0), (3,)))
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.03)


@pytest.mark.slow
def test_training_reaches_the_entropy_of_a_correlated_gaussian():
    known = scipy.stats.multivariate_normal([1.0, -2.0], [[1.0, 0.8], [0.8, 1.0]])
    codes = known.rvs(1000, random_state=0).astype("float32")
    size = MAFSampler.size_for((2,), None, 0, width=8, blocks=1)
    mean, scale = (part(axis=0, keepdims=True) for part in (codes.mean, codes.std))
    one = MAFSampler(size, MAFSampler.initial_weights(size, 0), mean=mean, scale=scale)
    before = -array(one.log_prob(codes)).mean()
    assert before == pytest.approx(known.entropy() - np.log(0.6), abs=0.1)  # Independent elements.
    one = MAFSampler(size, train(one, codes, None, 40, 50, 0, 0), mean=mean, scale=scale)
    test = known.rvs(5000, random_state=1).astype("float32")
    nats = -array(one.log_prob(test)).mean()
    assert nats == pytest.approx(known.entropy(), abs=0.04)


def test_elements_of_large_numbers_are_drawn_finite():
    """Elements that are not known yet have no effect, not even if they would overflow."""
    one = flow(elements=40, blocks=2, spread=3.0)
    assert np.isfinite(array(one.draw(SEEDS, (40,)))).all()
