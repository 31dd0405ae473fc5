"""Flows against exact Jacobians, numeric integrals, and the identity they start as."""

import keras
import numpy as np
import pytest
import scipy.stats

import keras_vae
from keras_vae.distributions import Normal
from keras_vae.models.iaf_vae import IAFVAE
from keras_vae.models.learned_prior import LearnedPriorVAE
from keras_vae.models.vae import VAE
from keras_vae.variational import flows, priors
from keras_vae.variational.posteriors import FlowPosterior
from tests.support.differentiation import gradient, jacobian
from tests.support.flows import shaken
from tests.support.objectives import as_numpy, loss_and_gradients, terms

X = (np.random.default_rng(2).random((20, 6)) > 0.5).astype("float32")


def networks(latent_dim=2, heads=2):
    keras.utils.set_random_seed(3)
    return keras_vae.nets.dense((6,), latent_dim, hidden=(8,), heads=heads)


def made_prior(size, shake=0.4, **kwargs):
    prior = priors.FlowPrior(3, hidden=(5,), seed=1, **kwargs)
    prior.build((None, size))
    return shaken(prior, shake) if shake else prior


POINT = np.array([0.3, -1.2, 0.8, 0.1, -0.4, 1.5], "float32")


@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_the_log_determinant_of_a_real_nvp_is_that_of_its_jacobian(size):
    """Anchor row 19."""
    prior, e = made_prior(size), POINT[:size]
    sign, wanted = np.linalg.slogdet(jacobian(lambda e: prior.transform(e)[0], e))
    found = as_numpy(prior.transform(e[None])[1])[0]
    assert sign == 1.0 and abs(found) > 1e-3
    assert found == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("size", [1, 4])
def test_the_inverse_of_a_real_nvp_undoes_it(size):
    """Anchor row 19."""
    prior = made_prior(size)
    e = np.random.default_rng(1).normal(size=(50, size)).astype("float32")
    z, log_det = prior.transform(e)
    back, same = prior.invert(z)
    assert np.abs(as_numpy(z) - e).max() > 0.1
    np.testing.assert_allclose(as_numpy(back), e, atol=1e-5)
    np.testing.assert_allclose(as_numpy(same), as_numpy(log_det), atol=1e-5)


def test_every_element_is_changed_and_depends_on_the_others():
    prior = made_prior(4)
    entries = jacobian(lambda e: prior.transform(e)[0], POINT[:4])
    assert np.all(np.abs(entries) > 1e-6) and np.all(np.abs(np.diag(entries) - 1) > 1e-4)


def test_the_density_of_a_flow_prior_integrates_to_one_and_is_that_of_its_draws():
    prior = made_prior(2)
    edge = np.linspace(-15, 15, 601, dtype="float32")
    grid = np.stack(np.meshgrid(edge, edge), axis=-1).reshape(-1, 2)
    density = np.exp(as_numpy(prior.log_prob(grid)).astype("float64"))
    area = (edge[1] - edge[0]) ** 2
    assert density.sum() * area == pytest.approx(1.0, abs=2e-3)
    noise = np.random.default_rng(0).normal(size=(20_000, 2)).astype("float32")
    draws = as_numpy(prior.from_noise(noise))
    wanted = (density[:, None] * grid).sum(0) * area
    np.testing.assert_allclose(draws.mean(0), wanted, atol=0.03 * draws.std())


def test_a_fresh_flow_prior_is_the_standard_normal_and_its_model_the_vae():
    """Anchor row 19: the identity; what is left is that the KL is estimated from the draw."""
    model = LearnedPriorVAE(*networks(), priors.FlowPrior(4, (5,)), seed=4)
    vae = VAE(*networks(), seed=4)
    found, wanted = terms(model, X), terms(vae, X)
    np.testing.assert_array_equal(found["reconstruction"], wanted["reconstruction"])
    z = np.random.default_rng(0).normal(size=(9, 2)).astype("float32")
    np.testing.assert_allclose(
        as_numpy(model.prior(z).log_prob(z)), scipy.stats.norm.logpdf(z).sum(1), rtol=1e-5
    )
    for verb in (lambda m: m.sample(5, seed=3), lambda m: m.reconstruct(X)):
        np.testing.assert_array_equal(as_numpy(verb(model)), as_numpy(verb(vae)))
    many = terms(model, np.repeat(X[:1], 20_000, 0))["kl"]
    assert abs(many.mean() - wanted["kl"][0]) < 4 * many.std() / np.sqrt(20_000)


def test_a_fresh_flow_prior_is_trained():
    model = LearnedPriorVAE(*networks(), priors.FlowPrior(2, (5,)), seed=4)
    _, gradients = loss_and_gradients(model, X)
    last = {id(step.last.kernel) for step in model.learned_prior.steps}
    sizes = [
        np.abs(g).max()
        for v, g in zip(model.trainable_variables, gradients, strict=True)
        if id(v) in last
    ]
    assert len(sizes) == 2 and min(sizes) > 1e-4


@pytest.mark.slow
def test_the_likelihood_under_a_flow_prior_is_that_of_quadrature():
    model = LearnedPriorVAE(*networks(), made_prior(2, shake=0.2), seed=4)
    # A wide posterior, so that no code has a large weight.
    model.encoder.get_layer("z_log_var").bias.assign(np.ones(2))
    exact = keras_vae.estimators.quadrature_log_likelihood(model, X[:4], points=300, limit=9.0)
    found, error = keras_vae.estimators.log_likelihood(
        model, X[:4], 1000, return_standard_error=True
    )
    assert np.all(np.abs(found - exact) < 4 * error + 1e-3)


def test_a_flow_prior_without_couplings_or_hidden_layers_is_refused():
    with pytest.raises(ValueError, match="couplings of at least 1.* couplings=0"):
        priors.FlowPrior(0)
    with pytest.raises(ValueError, match=r"hidden of at least one.*hidden=\(\)"):
        priors.FlowPrior(2, hidden=())


# Autoregressive steps.


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("hidden", [(7,), (6, 9), (2,)])
def test_an_element_of_an_autoregressive_step_sees_only_those_before_it(hidden, backwards):
    """Anchor row 19: of log scale and shift, d out_i / d in_j = 0 for j >= i."""
    step = shaken(flows.autoregressive(4, backwards, hidden, context=3))
    context = np.full((1, 3), 0.7, "float32")
    for part in range(2):
        entries = jacobian(lambda e, part=part: step(e, context)[part], POINT[:4])
        entries = entries[::-1, ::-1] if backwards else entries
        np.testing.assert_array_equal(np.triu(entries), 0.0)
        seen = np.abs(entries[np.tril_indices(4, -1)]) > 0
        assert seen.all() if min(hidden) >= 4 else seen.any()


def test_every_element_of_an_autoregressive_step_sees_the_context():
    step = shaken(flows.autoregressive(3, False, (6,), context=2))
    point = np.zeros((1, 3), "float32")
    for part in range(2):
        for i in range(3):
            of_context = gradient(
                lambda c, part=part, i=i: step(point, c)[part][0, i], np.ones((1, 2), "float32")
            )
            assert np.all(np.abs(of_context[0]) > 0)


@pytest.mark.parametrize("size", [1, 5])
def test_an_autoregressive_step_is_undone_in_as_many_passes_as_it_has_elements(size):
    """Anchor row 19: the inverse and the determinant."""
    step, e = shaken(flows.autoregressive(size, True, (8,))), POINT[None, :size]
    z, log_scale = step.transform(e)
    back, same = step.invert(z, passes=size)
    np.testing.assert_allclose(as_numpy(back), e, atol=1e-5)
    np.testing.assert_allclose(as_numpy(same), as_numpy(log_scale), atol=1e-5)
    _, wanted = np.linalg.slogdet(jacobian(lambda e: step.transform(e)[0], e[0]))
    assert as_numpy(log_scale).sum() == pytest.approx(wanted, abs=1e-5)


# The posterior.


def iaf(latent_dim=2, shake=0.3, **kwargs):
    model = IAFVAE(*networks(latent_dim), hidden=(6,), seed=4, **kwargs)
    for step in model.flow if shake else ():
        shaken(step, shake)
    return model


def test_a_fresh_iaf_is_the_vae():
    """Anchor row 19: the identity; what is left is that the KL is estimated from the draw."""
    model, vae = iaf(shake=0), VAE(*networks(), seed=4)
    found, wanted = terms(model, X), terms(vae, X)
    np.testing.assert_allclose(found["reconstruction"], wanted["reconstruction"], rtol=1e-6)
    for one, other in (
        (model.encode(X), vae.encode(X)),
        (model.reconstruct(X), vae.reconstruct(X)),
        (model.sample(5, seed=3), vae.sample(5, seed=3)),
        (model.posterior(X).log_var, vae.posterior(X).log_var),
    ):
        np.testing.assert_allclose(as_numpy(one), as_numpy(other), rtol=1e-6, atol=1e-7)
    many = terms(model, np.repeat(X[:1], 20_000, 0))["kl"]
    assert abs(many.mean() - wanted["kl"][0]) < 4 * many.std() / np.sqrt(20_000)


def test_the_flow_of_a_fresh_iaf_is_trained():
    model = iaf(shake=0)
    _, gradients = loss_and_gradients(model, X)
    last = {id(step.last.kernel) for step in model.flow}
    sizes = [
        np.abs(g).max()
        for v, g in zip(model.trainable_variables, gradients, strict=True)
        if id(v) in last
    ]
    assert len(sizes) == 2 and min(sizes) > 1e-4


@pytest.mark.parametrize("size", [1, 2])
def test_the_density_of_an_iaf_integrates_to_one_and_has_the_moments_of_its_draws(size):
    """By change of variables against numeric integration."""
    steps = [shaken(flows.autoregressive(size, t == 1, (6,), context=1), 0.3) for t in range(3)]

    def posterior(count):
        mean, log_var = np.full((2, count, size), 0.5, "float32")
        return FlowPosterior(Normal(mean, -log_var), steps, np.ones((count, 1), "float32"))

    edge = np.linspace(-12, 12, 401 if size == 2 else 4001, dtype="float32")
    grid = np.stack(np.meshgrid(*[edge] * size), axis=-1).reshape(-1, size)
    density = np.exp(as_numpy(posterior(len(grid)).log_prob(grid)).astype("float64"))
    volume = float(edge[1] - edge[0]) ** size
    assert density.sum() * volume == pytest.approx(1.0, abs=1e-3)
    draws = as_numpy(posterior(20_000).sample(3)).astype("float64")
    mean = (density[:, None] * grid).sum(0) * volume
    square = (density[:, None] * np.square(grid)).sum(0) * volume
    np.testing.assert_allclose(draws.mean(0), mean, atol=4 * draws.std() / np.sqrt(20_000))
    np.testing.assert_allclose(np.square(draws).mean(0), square, rtol=0.08)


def test_the_density_of_a_draw_is_that_of_its_code_by_the_inverse():
    q = iaf(4).posterior(X)
    z, log_q = q.from_noise_with_log_prob(q.noise(1))
    np.testing.assert_allclose(as_numpy(q.log_prob(z)), as_numpy(log_q), atol=1e-4)
    log_gaussian = as_numpy(q.base.log_prob(z))
    assert np.abs(as_numpy(log_q) - log_gaussian).max() > 0.1


@pytest.mark.slow
def test_estimators_use_the_density_of_the_flow():
    model = iaf(shake=0.15)
    exact = keras_vae.estimators.quadrature_log_likelihood(model, X[:4])
    found, error = keras_vae.estimators.log_likelihood(
        model, X[:4], 1000, return_standard_error=True
    )
    assert np.all(np.abs(found - exact) < 4 * error + 1e-3)
    bound = keras_vae.estimators.elbo(model, X[:4], 500)
    assert np.all(bound < exact)


def test_a_third_output_of_the_encoder_is_what_the_flow_is_told():
    encoder, decoder = networks()
    mean, log_var = encoder.output
    told = keras.layers.Dense(5)(encoder.input)
    model = IAFVAE(keras.Model(encoder.input, [mean, log_var, told]), decoder, hidden=(4,))
    assert as_numpy(model.posterior(X).context).shape == (20, 5)
    assert model.flow[0].hidden[0].kernel.shape == (2 + 5, 4)


def test_codes_that_are_maps_go_through_a_flow():
    networks = keras_vae.nets.conv_map((8, 8, 1), 1, (2,), heads=2)
    model = IAFVAE(*networks, hidden=(20,), seed=0)
    x = np.random.default_rng(0).random((3, 8, 8, 1)).astype("float32")
    assert as_numpy(model.encode(x)).shape == (3, 4, 4, 1)
    assert as_numpy(model.score(x)).shape == (3,)
    q = model.posterior(x)
    z, log_q = q.from_noise_with_log_prob(q.noise(0))
    np.testing.assert_allclose(as_numpy(q.log_prob(z)), as_numpy(log_q), atol=1e-3)


def test_a_flow_posterior_without_steps_or_hidden_layers_is_refused():
    with pytest.raises(ValueError, match="flow_steps of at least 1.* flow_steps=0"):
        iaf(flow_steps=0)
    with pytest.raises(ValueError, match="two outputs of one shape"):
        IAFVAE(*networks(heads=1))
