"""Parts of flows and mixtures on their own, against NumPy and SciPy."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats

from keras_vae.samplers import mixture as samplers
from keras_vae.variational import flows, priors

RANDOM = np.random.default_rng(0)
E = RANDOM.normal(size=(6, 4)).astype("float32")


def numbers(x):
    return keras.ops.convert_to_numpy(x).astype("float64")


def fill(layer):
    """Give all weights of a layer random numbers, and return them as arrays."""
    for variable in layer.trainable_variables:
        variable.assign(RANDOM.normal(size=variable.shape))
    return [numbers(v) for v in layer.trainable_variables]


@pytest.mark.parametrize("activation", [None, "tanh"])
def test_a_masked_layer_is_a_dense_one_without_the_connections_of_its_mask(activation):
    mask = RANDOM.integers(0, 2, (4, 3))
    layer = flows.MaskedDense(mask, activation, seed=0)
    kernel, bias = fill(layer)
    assert bias.shape == (3,)
    expected = E @ (kernel * mask) + bias
    expected = np.tanh(expected) if activation else expected
    np.testing.assert_allclose(numbers(layer(E)), expected, atol=1e-5)


def test_a_masked_layer_starts_from_its_seed_or_from_zero():
    mask = np.ones((4, 3))
    one, two, other = (flows.MaskedDense(mask, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(numbers(one.kernel), numbers(two.kernel))
    assert np.abs(numbers(one.kernel) - numbers(other.kernel)).max() > 0.01
    assert not numbers(one.bias).any()
    assert not numbers(flows.MaskedDense(mask, zero=True).kernel).any()
    assert numbers(one.kernel).std() > 0.1


def affine_by_hand(step, e, context=None):
    """Log scale and shift of an `Affine` in NumPy."""
    h = e if context is None else np.concatenate([e, context], axis=1)
    for layer in step.hidden:
        h = np.tanh(h @ (numbers(layer.kernel) * layer.mask) + numbers(layer.bias))
    h = h @ (numbers(step.last.kernel) * step.last.mask) + numbers(step.last.bias)
    log_scale, shift = h[:, : step.size], h[:, step.size :]
    return step.change * 3.0 * np.tanh(log_scale / 3.0), step.change * shift


@pytest.mark.parametrize("odd", [False, True])
def test_a_coupling_changes_every_second_element_by_a_network_of_the_others(odd):
    step = flows.coupling(4, odd, (5, 7), seed=0)
    keep = np.array([0, 1, 0, 1] if odd else [1, 0, 1, 0], bool)
    identity, scales = step.transform(E)
    np.testing.assert_array_equal(numbers(identity), E)
    assert not numbers(scales).any()
    fill(step)
    log_scale, shift = affine_by_hand(step, E)
    z, found = step.transform(E)
    np.testing.assert_allclose(numbers(found), log_scale, atol=1e-5)
    np.testing.assert_allclose(numbers(z), E * np.exp(log_scale) + shift, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(numbers(z)[:, keep], E[:, keep])
    assert np.abs(numbers(z) - E)[:, ~keep].min() > 0
    assert [layer.mask.shape for layer in [*step.hidden, step.last]] == [(4, 5), (5, 7), (7, 8)]
    # Elements that change are not read.
    changed = np.where(keep, E, 9.0)
    np.testing.assert_allclose(numbers(step(changed)[0]), log_scale, atol=1e-5)
    e, back = step.invert(z)
    np.testing.assert_allclose(numbers(e), E, atol=1e-4)
    np.testing.assert_allclose(numbers(back), log_scale, atol=1e-4)


@pytest.mark.parametrize("backwards", [False, True])
def test_an_autoregressive_step_reads_the_elements_before_and_the_context(backwards):
    context = RANDOM.normal(size=(6, 2)).astype("float32")
    step = flows.autoregressive(4, backwards, (9,), context=2, seed=0)
    fill(step)
    log_scale, shift = affine_by_hand(step, E, context)
    z, found = step.transform(E, context)
    np.testing.assert_allclose(numbers(found), log_scale, atol=1e-5)
    np.testing.assert_allclose(numbers(z), E * np.exp(log_scale) + shift, rtol=1e-4, atol=1e-4)
    order = np.arange(4)[::-1] if backwards else np.arange(4)
    for place in range(4):
        moved = E.copy()
        moved[:, order[place]] += 1.0
        differs = np.abs(affine_by_hand(step, moved, context)[1] - shift).max(axis=0) > 1e-6
        assert differs[order].tolist() == [later > place for later in range(4)]
    assert (np.abs(affine_by_hand(step, E, context + 1)[1] - shift).max(axis=0) > 1e-6).all()
    e, _ = step.invert(z, context, passes=4)
    np.testing.assert_allclose(numbers(e), E, atol=1e-3)


def test_a_single_step_cannot_overflow():
    step = flows.coupling(4, True, (), seed=0)
    step.last.bias.assign(np.full(8, 1e6))
    assert numbers(step(E)[0]).max() == pytest.approx(3.0)


# Mixtures.

WEIGHTS = np.array([0.2, 0.5, 0.3])
MEANS, LOG_VARS = RANDOM.normal(size=(3, 2, 2)), RANDOM.normal(size=(3, 2, 2))


def uniform_of(noise):
    """The uniform number of two standard normals: their squared radius is chi-squared."""
    return scipy.stats.chi2(2).sf(np.sum(noise**2, axis=1))


def test_components_are_chosen_by_the_tail_of_the_squared_radius():
    noise = RANDOM.normal(size=(500, 2))
    found = numbers(
        priors.choose_components(
            keras.ops.convert_to_tensor(noise, "float32"),
            keras.ops.convert_to_tensor(np.log(WEIGHTS), "float32"),
        )
    )
    expected = np.searchsorted(np.cumsum(WEIGHTS), uniform_of(noise), side="right")
    np.testing.assert_array_equal(found, expected)
    assert scipy.stats.chisquare(np.bincount(expected), 500 * WEIGHTS).pvalue > 1e-3


def mixture():
    return priors.GaussianMixture(
        MEANS, LOG_VARS, keras.ops.convert_to_tensor(np.log(3 * WEIGHTS), "float32")
    )


def test_the_density_of_a_mixture_is_scipys():
    z = RANDOM.normal(size=(5, 2, 2))
    components = [scipy.stats.norm(m, np.exp(v / 2)) for m, v in zip(MEANS, LOG_VARS, strict=True)]
    each = np.stack([c.logpdf(z).sum(axis=(1, 2)) for c in components], axis=1)
    expected = scipy.special.logsumexp(each, axis=1, b=WEIGHTS)
    np.testing.assert_allclose(numbers(mixture().log_prob(z)), expected, rtol=1e-5)
    found = numbers(mixture().mean)
    assert found.shape == (1, 2, 2)
    np.testing.assert_allclose(found[0], np.tensordot(WEIGHTS, MEANS, 1), rtol=1e-5)
    equal = priors.GaussianMixture(MEANS, LOG_VARS)
    np.testing.assert_allclose(numbers(equal.log_weights), np.log(1 / 3), rtol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 0.5, 0.0])
def test_codes_of_noise_are_those_of_the_chosen_component(temperature):
    noise = RANDOM.normal(size=(40, 6)).astype("float32")
    chosen = np.searchsorted(np.cumsum(WEIGHTS), uniform_of(noise[:, :2]), side="right")
    spread = temperature * np.exp(LOG_VARS[chosen] / 2)
    expected = MEANS[chosen] + spread * noise[:, 2:].reshape(-1, 2, 2)
    found = mixture().from_noise(keras.ops.convert_to_tensor(noise), temperature)
    np.testing.assert_allclose(numbers(found), expected, atol=1e-5)
    assert mixture().extra_noise == priors.MixturePrior().extra_noise == 2


def test_priors_have_the_defaults_that_they_document():
    mixture_prior, flow = priors.MixturePrior(), priors.FlowPrior()
    assert (mixture_prior.components, mixture_prior.spread) == (10, 1.0)
    assert (flow.couplings, tuple(flow.hidden), flow.extra_noise) == (4, (128,), 0)
    flow.build((None, 2, 3))
    odd = [step.change.tolist() for step in flow.steps]
    assert odd == 2 * [[0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0]]


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_a_sampler_of_noise_has_the_covariance_of_the_chosen_component(covariance):
    means, full = RANDOM.normal(size=(3, 4)), np.tril(RANDOM.normal(size=(3, 4, 4)))
    factors = full if covariance == "full" else np.abs(RANDOM.normal(size=(3, 4)))
    parts = (part.astype("float32") for part in (np.log(WEIGHTS), means, factors))
    sampler = samplers.MixtureSampler(*parts)
    noise = RANDOM.normal(size=(40, 6)).astype("float32")
    chosen = np.searchsorted(np.cumsum(WEIGHTS), uniform_of(noise[:, :2]), side="right")
    for temperature in (1.0, 0.5):
        own = [
            temperature * (factors[k] @ n if covariance == "full" else factors[k] * n)
            for k, n in zip(chosen, noise[:, 2:], strict=True)
        ]
        more = () if temperature == 1.0 else (temperature,)
        found = numbers(sampler.from_noise(keras.ops.convert_to_tensor(noise), *more))
        np.testing.assert_allclose(found, means[chosen] + own, atol=1e-5)
    store = {}
    samplers.save(sampler, store)
    again = samplers.load({**store, "other": 1})
    for name, part in vars(sampler).items():
        np.testing.assert_array_equal(getattr(again, name), part)


def test_nothing_is_saved_of_no_sampler_and_other_arrays_are_refused():
    store = {}
    samplers.save(None, store)
    assert store == {} and samplers.load(store) is None
    shapes = {"log_weights": (3,), "means": (3, 4), "factors": (3, 4)}
    assert samplers.load(arrays(shapes)).means.shape == (3, 4)
    for wrong in (
        {"means": (2, 4)},
        {"factors": (3, 5)},
        {"means": (3, 4, 1)},
        {"means": (3,)},
        {"more": (1,)},
    ):
        with pytest.raises(ValueError, match="arrays of a mixture of Gaussians"):
            samplers.load(arrays({**shapes, **wrong}))


def arrays(shapes):
    return {f"sampler_{name}": np.zeros(shape, "float32") for name, shape in shapes.items()}
