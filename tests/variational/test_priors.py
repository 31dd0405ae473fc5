"""Priors against SciPy's densities: mixtures, learned ones, and the posteriors of pseudo-inputs."""

import keras
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

import keras_vae
from keras_vae import random
from keras_vae.models.learned_prior import LearnedPriorVAE
from keras_vae.models.vae import VAE
from keras_vae.models.vamp_vae import VampVAE
from keras_vae.variational import priors
from tests.support.objectives import as_numpy, loss_and_gradients, terms

X = (np.random.default_rng(2).random((20, 6)) > 0.5).astype("float32")


def networks(latent_dim=2):
    keras.utils.set_random_seed(3)
    return keras_vae.nets.dense((6,), latent_dim, hidden=(8,), heads=2)


def vamp(components=4, latent_dim=2, **kwargs):
    return VampVAE(*networks(latent_dim), components=components, seed=4, **kwargs)


def mixture_density(p, z):
    """Of a mixture over vectors, by SciPy in float64."""
    mean, sigma = as_numpy(p.components.mean), np.exp(0.5 * as_numpy(p.components.log_var))
    weights = np.exp(as_numpy(p.log_weights))
    return scipy.stats.norm(mean, sigma).pdf(z[:, None]).prod(-1) @ weights


def test_the_density_of_a_mixture_is_the_weighted_sum_of_its_components():
    mean, log_var, z = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    p = priors.GaussianMixture(mean, log_var, np.arange(5, dtype="float32"))
    np.testing.assert_allclose(as_numpy(p.log_prob(z)), np.log(mixture_density(p, z)), rtol=1e-4)
    weights = scipy.special.softmax(np.arange(5))
    np.testing.assert_allclose(as_numpy(p.mean)[0], weights @ mean, rtol=1e-4)


def test_codes_from_noise_follow_the_mixture():
    """Each axis passes a Kolmogorov-Smirnov test against the marginal of the mixture."""
    mean, log_var = np.random.default_rng(1).normal(size=(2, 3, 2)).astype("float32")
    p = priors.GaussianMixture(3 * mean, log_var, np.array([0.0, 1.0, -0.5], "float32"))
    noise = random.standard_normal(random.row_seeds(8000, 1), 4)
    z = as_numpy(p.from_noise(noise))
    weights = np.exp(as_numpy(p.log_weights))
    for j in range(2):
        marginal = scipy.stats.norm(3 * mean[:, j], np.exp(0.5 * log_var[:, j]))
        found = scipy.stats.kstest(z[:, j], lambda t, m=marginal: m.cdf(t[:, None]) @ weights)
        assert found.pvalue > 0.001


def test_without_temperature_codes_are_the_means_of_the_components():
    mean = np.array([[0.0], [5.0]], "float32")
    p = priors.GaussianMixture(mean, np.zeros_like(mean))
    z = as_numpy(p.from_noise(random.standard_normal(random.row_seeds(50, 0), 3), 0.0))
    assert set(z[:, 0]) == {0.0, 5.0}


# The learned prior.


def test_a_standard_normal_as_learned_prior_makes_it_a_vae_with_a_sampled_kl():
    prior = priors.MixturePrior(1, spread=0.0)
    model, vae = LearnedPriorVAE(*networks(), prior, seed=4), VAE(*networks(), seed=4)
    found, expected = terms(model, np.repeat(X[:1], 20_000, 0)), terms(vae, X[:1])
    error = found["kl"].std() / np.sqrt(20_000)
    assert abs(found["kl"].mean() - expected["kl"][0]) < 4 * error
    np.testing.assert_allclose(as_numpy(model.sample(3, 0)), as_numpy(model.sample(3, 0)))


@pytest.mark.slow
def test_a_learned_mixture_finds_the_clusters_of_the_codes():
    """The prior alone is trained: its bound rises to that of the two true Gaussians."""
    code = np.repeat([[-3.0], [3.0]], 50, axis=0)
    x = (code + 0.1 * np.random.default_rng(0).normal(size=code.shape)).astype("float32")
    e, z = keras.Input((1,)), keras.Input((1,))
    encoder, decoder = keras.Model(e, [1.0 * e, 0.0 * e - 2.0]), keras.Model(z, 1.0 * z)
    prior = priors.MixturePrior(2, seed=1)
    model = LearnedPriorVAE(encoder, decoder, prior, likelihood="normal", seed=0)
    model.compile(keras.optimizers.Adam(0.1))
    model.fit(np.tile(x, (200, 1)), batch_size=100, verbose=0)
    np.testing.assert_allclose(np.sort(as_numpy(prior.mean)[:, 0]), [-3, 3], atol=0.2)
    np.testing.assert_allclose(np.exp(as_numpy(prior.log_var)), np.exp(-2.0) + 0.01, rtol=0.4)


def test_what_is_no_prior_is_refused():
    with pytest.raises(TypeError, match="one of keras_vae.priors. Received: 'vamp'"):
        LearnedPriorVAE(*networks(), "vamp")
    with pytest.raises(ValueError, match="components of at least 1"):
        priors.MixturePrior(0)


# The VampPrior.


def test_with_one_pseudo_input_the_prior_is_its_posterior():
    """Anchor row 18: KL(q(z | x0) || p(z)) = 0 for u = x0."""
    model = vamp(components=1)
    model.adapt(X[:1])
    np.testing.assert_allclose(terms(model, np.repeat(X[:1], 50, 0))["kl"], 0.0, atol=1e-5)
    assert np.abs(terms(model, X[1:])["kl"]).max() > 1e-3


def test_copies_of_one_pseudo_input_are_one_component():
    """Anchor row 18."""
    one, many = vamp(components=1), vamp(components=7)
    one.pseudo_inputs.assign(X[:1])
    many.pseudo_inputs.assign(np.repeat(X[:1], 7, 0))
    z = np.random.default_rng(0).normal(size=(9, 2)).astype("float32")
    wanted = as_numpy(one.prior(z).log_prob(z))
    np.testing.assert_allclose(as_numpy(many.prior(z).log_prob(z)), wanted, rtol=1e-5)


def test_the_prior_is_the_mean_of_the_posteriors_and_integrates_to_one():
    """Anchor row 18."""
    model = vamp(components=5, latent_dim=1)
    grid = np.linspace(-30, 30, 20_001, dtype="float32")[:, None]
    density = np.exp(as_numpy(model.prior(grid).log_prob(grid)).astype("float64"))
    assert scipy.integrate.simpson(density, x=grid[:, 0]) == pytest.approx(1.0, abs=1e-4)
    q = model.posterior(as_numpy(model.pseudo_inputs))
    each = scipy.stats.norm(as_numpy(q.mean)[:, 0], np.exp(0.5 * as_numpy(q.log_var)[:, 0]))
    np.testing.assert_allclose(density, each.pdf(grid).mean(axis=1), rtol=1e-3, atol=1e-9)


def test_the_pseudo_inputs_are_trained_and_kept_in_the_range_of_the_data():
    model = vamp()
    _, gradients = loss_and_gradients(model, X)
    place = [v.name for v in model.trainable_variables].index("pseudo_inputs")
    assert np.all(np.abs(gradients[place]).sum(axis=1) > 0)
    z = np.zeros((1, 2), "float32")
    model.pseudo_inputs.assign(np.full((4, 6), 9.0))
    outside = as_numpy(model.prior(z).log_prob(z))
    model.pseudo_inputs.assign(np.ones((4, 6)))
    np.testing.assert_allclose(outside, as_numpy(model.prior(z).log_prob(z)))


def test_adapting_takes_different_examples():
    model = vamp(components=20)
    model.adapt(X * 0.5 + np.arange(20)[:, None] * 0.01)
    chosen = as_numpy(model.pseudo_inputs)
    assert len({row.tobytes() for row in chosen}) == 20
    model.adapt([X[:9], (X[9:],)])
    np.testing.assert_allclose(as_numpy(model.pseudo_inputs), X)


def test_fewer_examples_than_pseudo_inputs_are_refused():
    for data in (X[:3], [X[:2]], []):
        with pytest.raises(ValueError, match="Expected at least 4 examples. Received"):
            vamp().adapt(data)
    with pytest.raises(ValueError, match=r"Expected x of shape \('batch', 6\)"):
        vamp().adapt(np.zeros((9, 5)))
    with pytest.raises(ValueError, match="components of at least 1"):
        vamp(components=0)


class Lists(keras.utils.PyDataset):
    """Batches as lists, as a PyTorch `DataLoader` gives them."""

    def __init__(self, make, size=6):
        super().__init__()
        self.make, self.size = make, size

    def __len__(self):
        return -(-len(X) // self.size)

    def __getitem__(self, index):
        return self.make(X[index * self.size :][: self.size])


@pytest.mark.parametrize(
    "make",
    [lambda x: [x], lambda x: [x, x], lambda x: [x, x, np.ones(len(x))], lambda x: {"x": x}],
    ids=["x", "x_y", "x_y_weight", "dictionary"],
)
@pytest.mark.parametrize("form", ["sequence", "iterable"])
def test_adapting_takes_batches_that_are_lists_or_dictionaries(make, form):
    source = Lists(make) if form == "sequence" else [make(X[:6]), make(X[6:])]
    model = vamp(components=15)
    model.adapt(source)
    np.testing.assert_allclose(as_numpy(model.pseudo_inputs), X[:15])
