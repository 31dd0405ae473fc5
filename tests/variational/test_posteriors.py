"""Posteriors of levels and of flows against sums of SciPy's normals, on networks of the test."""

import keras
import numpy as np
import pytest
import scipy.stats

from keras_vae.distributions import Normal
from keras_vae.nets.top_down import TopDown
from keras_vae.variational import flows
from keras_vae.variational.posteriors import FlowPosterior, TopDownPosterior

RANDOM = np.random.default_rng(0)
ROWS = 5


def numbers(x):
    return keras.ops.convert_to_numpy(x).astype("float64")


def tensor(x):
    return keras.ops.convert_to_tensor(x, "float32")


class Level:
    """A level whose mean is its feature plus the state, of one log variance."""

    def __init__(self, log_var):
        self.log_var = log_var

    def q(self, features, state, training):
        mean = tensor(features) + (0.0 if state is None else state)
        return Normal(mean, keras.ops.full_like(mean, self.log_var))


class Decoder(keras.layers.Layer):
    """Two levels of 2 and 3 elements, whose state is the sum of the last code."""

    descend_posterior = TopDown.descend_posterior
    descend_means, descend_noise = TopDown.descend_means, TopDown.descend_noise

    sizes = (2, 3)
    levels = (Level(0.4), Level(-1.0))

    def descend(self, code, training):
        state = None
        for number in range(2):
            state = keras.ops.sum(code(number, state), axis=1, keepdims=True)
        return state

    def split(self, z):
        return [tensor(z)[:, :2], tensor(z)[:, 2:]]


FEATURES = [RANDOM.normal(size=(ROWS, size)) for size in Decoder.sizes]
SIGMAS = np.exp([0.2, -0.5])


def descent_by_hand(noise):
    """Codes, means and log q(z | x) of the two levels."""
    parts = noise[:, :2], noise[:, 2:]
    first = FEATURES[0] + SIGMAS[0] * parts[0]
    mean = FEATURES[1] + first.sum(axis=1, keepdims=True)
    second = mean + SIGMAS[1] * parts[1]
    log_q = scipy.stats.norm(FEATURES[0], SIGMAS[0]).logpdf(first).sum(axis=1)
    log_q = log_q + scipy.stats.norm(mean, SIGMAS[1]).logpdf(second).sum(axis=1)
    return np.concatenate([first, second], axis=1), np.concatenate([FEATURES[0], mean], 1), log_q


def test_a_descent_adds_the_densities_of_its_levels_each_given_those_above():
    noise = RANDOM.normal(size=(ROWS, 5))
    q = TopDownPosterior(Decoder(), FEATURES)
    expected, means, log_q = descent_by_hand(noise)
    z, found = q.from_noise_with_log_prob(tensor(noise))
    np.testing.assert_allclose(numbers(z), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(numbers(found), log_q, rtol=1e-4)
    np.testing.assert_allclose(numbers(q.from_noise(tensor(noise))), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(numbers(q.log_prob(expected)), log_q, rtol=1e-4)
    descent = q.descend_from_noise(tensor(noise))
    np.testing.assert_allclose(numbers(descent.mean), means, rtol=1e-4, atol=1e-5)
    state = expected[:, 2:].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(numbers(descent.state), state, rtol=1e-4, atol=1e-5)


def test_the_divergence_is_that_of_each_level_from_the_standard_normal():
    noise = RANDOM.normal(size=(ROWS, 5))
    found = numbers(TopDownPosterior(Decoder(), FEATURES).descend_from_noise(tensor(noise)).kl)
    _, means, _ = descent_by_hand(noise)
    parts = [
        0.5 * (s**2 + m**2 - 1 - 2 * np.log(s)).sum(axis=1)
        for m, s in zip((means[:, :2], means[:, 2:]), SIGMAS, strict=True)
    ]
    np.testing.assert_allclose(found, np.stack(parts, axis=1), rtol=1e-4)


def test_the_mean_follows_the_means_and_samples_the_noise():
    q = TopDownPosterior(Decoder(), FEATURES)
    zero, _, _ = descent_by_hand(np.zeros((ROWS, 5)))
    np.testing.assert_allclose(numbers(q.mean), zero, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(numbers(q.log_var), np.tile([0.4, 0.4, -1, -1, -1], (ROWS, 1)))
    noise = numbers(q.noise(3))
    assert noise.shape == (ROWS, 5)
    np.testing.assert_allclose(
        numbers(q.sample(3)), descent_by_hand(noise)[0], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("training", [True, False])
def test_layers_are_told_whether_they_are_trained(training):
    told = []

    class Told(Decoder):
        def descend(self, code, training):
            told.append(training)
            return super().descend(code, training)

    TopDownPosterior(Told(), FEATURES, training).sample(0)
    assert told == [training] and TopDownPosterior(Told(), FEATURES).training is False


# Flows.


def flow(shape=(4,)):
    base = Normal(RANDOM.normal(size=(ROWS, *shape)), RANDOM.normal(size=(ROWS, *shape)))
    steps = [flows.autoregressive(4, n % 2 == 1, (6,), context=2, seed=n) for n in range(2)]
    for variable in (v for step in steps for v in step.trainable_variables):
        variable.assign(0.4 * RANDOM.normal(size=variable.shape))
    return FlowPosterior(base, steps, tensor(RANDOM.normal(size=(ROWS, 2))))


def flow_by_hand(q, noise):
    """z, and the log of dz_i / d noise_i, in the order of the steps."""
    log_var = numbers(q.base.log_var).reshape(ROWS, 4)
    z = numbers(q.base.mean).reshape(ROWS, 4) + np.exp(log_var / 2) * noise.reshape(ROWS, 4)
    total = log_var / 2
    for step in q.steps:
        log_scale, shift = (numbers(part) for part in step(tensor(z), q.context))
        z, total = z * np.exp(log_scale) + shift, total + log_scale
    return z, total


@pytest.mark.parametrize("shape", [(4,), (2, 2)])
def test_the_density_of_a_flow_is_that_of_its_noise_over_the_change_of_volume(shape):
    q, noise = flow(shape), RANDOM.normal(size=(ROWS, *shape))
    expected, log_scales = flow_by_hand(q, noise)
    log_q = scipy.stats.norm.logpdf(noise).reshape(ROWS, 4).sum(axis=1) - log_scales.sum(axis=1)
    z, found = q.from_noise_with_log_prob(tensor(noise))
    assert tuple(z.shape) == (ROWS, *shape)
    np.testing.assert_allclose(numbers(z).reshape(ROWS, 4), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(numbers(found), log_q, rtol=1e-4)
    np.testing.assert_allclose(numbers(q.log_prob(z)), log_q, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(numbers(q.from_noise(tensor(noise))), numbers(z))


def test_mean_and_log_variance_of_a_flow_are_those_of_zero_noise():
    q = flow()
    z, log_scales = flow_by_hand(q, np.zeros((ROWS, 4)))
    np.testing.assert_allclose(numbers(q.mean), z, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(numbers(q.log_var), 2 * log_scales, rtol=1e-4, atol=1e-5)
    noise = numbers(q.noise(5))
    assert noise.shape == (ROWS, 4)
    np.testing.assert_allclose(
        numbers(q.sample(5)), flow_by_hand(q, noise)[0], rtol=1e-4, atol=1e-4
    )
