"""Planar and radial flows against exact Jacobians, numeric integrals, and their own inverses."""

import keras
import numpy as np
import pytest
from keras_vae.posteriors import FlowPosterior

import keras_vae as kv
from keras_vae.distributions import Normal
from keras_vae.variational.simple_flows import STEPS
from tests.support.differentiation import jacobian
from tests.support.flows import shaken
from tests.support.objectives import as_numpy, loss_and_gradients, terms

X = (np.random.default_rng(2).random((20, 6)) > 0.5).astype("float32")
POINT = np.array([0.3, -1.2, 0.8, 0.1, -0.4, 1.5], "float32")
CONTEXT = np.array([[0.7, -0.2]], "float32")

every_kind = pytest.mark.parametrize("kind", STEPS)


def step(kind, size, scale=1.0, seed=0):
    """A step with random weights; large ones reach the bounds that keep it invertible."""
    return shaken(STEPS[kind](size, 2, seed=1), scale, seed)


def by_hand(kind, layer, e):
    """The formulas of the paper, in float64, of rows with the same context."""
    numbers = np.asarray(CONTEXT[0] @ as_numpy(layer.kernel) + as_numpy(layer.bias), "float64")
    size, start = e.shape[1], as_numpy(layer.direction).astype("float64")

    def above_minus_one(x):
        return np.log1p(np.exp(x) * np.expm1(0.999)) - 0.999

    if kind == "planar":
        u, w, b = numbers[:size], numbers[size : 2 * size] + start, numbers[-1]
        u = u + (above_minus_one(u @ w) - u @ w) * w / (w @ w)
        return e + u * np.tanh(e @ w + b)[:, None]
    center, alpha = numbers[:size] + start, np.log1p(np.exp(numbers[-2] + 1.0))
    beta = alpha * above_minus_one(numbers[-1])
    radius = np.linalg.norm(e - center, axis=1, keepdims=True)
    return e + beta * (e - center) / (alpha + radius)


@every_kind
@pytest.mark.parametrize("size", [1, 2, 6])
@pytest.mark.parametrize("scale", [0.4, 3.0])
def test_a_step_is_that_of_the_paper_and_its_determinant_that_of_its_jacobian(kind, size, scale):
    layer, e = step(kind, size, scale), POINT[None, :size]
    z, shares = layer.transform(e, CONTEXT)
    np.testing.assert_allclose(as_numpy(z), by_hand(kind, layer, e), rtol=1e-4, atol=1e-5)
    sign, wanted = np.linalg.slogdet(jacobian(lambda e: layer.transform(e, CONTEXT)[0], e[0]))
    assert sign == 1.0 and abs(wanted) > 1e-4
    assert as_numpy(shares).shape == (1, size)
    assert as_numpy(shares).sum() == pytest.approx(wanted, rel=1e-4, abs=1e-5)


@every_kind
@pytest.mark.parametrize("seed", range(4))
def test_a_step_is_undone(kind, seed):
    layer = step(kind, 4, 2.0, seed)
    e = np.random.default_rng(seed).normal(size=(200, 4), scale=3).astype("float32")
    context = np.repeat(CONTEXT, 200, axis=0)
    z, shares = layer.transform(e, context)
    back, same = layer.invert(z, context)
    # Where a step nearly folds, an error of float32 in z is up to 1,000 times as large in e.
    again = as_numpy(layer.transform(back, context)[0])
    np.testing.assert_allclose(again, as_numpy(z), rtol=1e-5, atol=1e-5)
    assert np.quantile(np.abs(as_numpy(back) - e).max(axis=1), 0.9) < 1e-4
    assert np.quantile(np.abs(as_numpy(same - shares)).max(axis=1), 0.9) < 1e-3


@every_kind
@pytest.mark.parametrize("size", [1, 2])
def test_the_density_of_a_flow_integrates_to_one_and_has_the_moments_of_its_draws(kind, size):
    steps = [step(kind, size, 0.7, seed) for seed in range(3)]

    def posterior(count):
        mean, log_var = np.full((2, count, size), 0.5, "float32")
        return FlowPosterior(Normal(mean, -log_var), steps, np.repeat(CONTEXT, count, axis=0))

    edge = np.linspace(-12, 12, 401 if size == 2 else 4001, dtype="float32")
    grid = np.stack(np.meshgrid(*[edge] * size), axis=-1).reshape(-1, size)
    density = np.exp(as_numpy(posterior(len(grid)).log_prob(grid)).astype("float64"))
    volume = float(edge[1] - edge[0]) ** size
    assert density.sum() * volume == pytest.approx(1.0, abs=2e-3)
    draws = as_numpy(posterior(20_000).sample(3)).astype("float64")
    mean = (density[:, None] * grid).sum(0) * volume
    square = (density[:, None] * np.square(grid)).sum(0) * volume
    np.testing.assert_allclose(draws.mean(0), mean, atol=4 * draws.std() / np.sqrt(20_000))
    np.testing.assert_allclose(np.square(draws).mean(0), square, rtol=0.08)


def vae(kind, shake=0.5, **kwargs):
    keras.utils.set_random_seed(3)
    networks = kv.nets.dense((6,), 2, hidden=(8,), heads=2)
    model = kv.FlowVAE(*networks, kind, flow_steps=3, seed=4, **kwargs)
    for layer in model.flow if shake else ():
        shaken(layer, shake)
    return model


@every_kind
def test_a_fresh_model_is_the_vae_and_its_flow_is_trained(kind):
    model = vae(kind, shake=0)
    plain = kv.VAE(model.encoder, model.decoder, seed=4)
    found, wanted = terms(model, X), terms(plain, X)
    np.testing.assert_allclose(found["reconstruction"], wanted["reconstruction"], rtol=1e-5)
    np.testing.assert_allclose(as_numpy(model.encode(X)), as_numpy(plain.encode(X)), atol=1e-6)
    many = terms(model, np.repeat(X[:1], 20_000, 0))["kl"]
    assert abs(many.mean() - wanted["kl"][0]) < 4 * many.std() / np.sqrt(20_000)
    _, gradients = loss_and_gradients(model, X)
    kernels = {id(layer.kernel) for layer in model.flow}
    sizes = [
        np.abs(gradient).max()
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True)
        if id(variable) in kernels
    ]
    assert len(sizes) == 3 and min(sizes) > 1e-5


@every_kind
def test_the_density_of_a_draw_is_that_of_its_code_by_the_inverse(kind):
    q = vae(kind).posterior(X)
    z, log_q = q.from_noise_with_log_prob(q.noise(1))
    np.testing.assert_allclose(as_numpy(q.log_prob(z)), as_numpy(log_q), atol=1e-3)
    assert np.abs(as_numpy(log_q) - as_numpy(q.base.log_prob(z))).max() > 0.1


@pytest.mark.slow
@every_kind
def test_a_flow_halves_what_a_gaussian_loses_of_a_skewed_posterior(kind):
    """p(x | z) = N(softplus(4 z), 1) at x = 0.3, with the likelihood by quadrature in NumPy."""
    z = np.linspace(-12, 12, 100_001)
    log_joint = -0.5 * (z**2 + (0.3 - np.logaddexp(0.0, 4.0 * z)) ** 2) - np.log(2 * np.pi)
    exact = np.log(np.exp(log_joint).sum() * (z[1] - z[0]))
    data = np.full((4096, 1), 0.3, "float32")
    lost = {}
    for model_kind, options in ((kv.VAE, {}), (kv.FlowVAE, {"flow_kind": kind, "flow_steps": 4})):
        keras.utils.set_random_seed(0)
        x, code = keras.Input((1,)), keras.Input((1,))
        encoder = keras.Model(x, [keras.layers.Dense(1)(x), keras.layers.Dense(1)(x)])
        decoder = keras.Model(code, keras.ops.softplus(4.0 * code))
        model = model_kind(encoder, decoder, likelihood="normal", seed=0, **options)
        model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.03, 480)))
        model.fit(data, epochs=30, batch_size=256, verbose=0)
        lost[model_kind] = exact - np.mean(
            [-sum(terms(model, data).values()).mean() for _ in range(10)]
        )
    assert lost[kv.VAE] > 0.02
    assert -0.005 < lost[kv.FlowVAE] < 0.5 * lost[kv.VAE]
