"""VAEGAN: its features and adversary in NumPy, the VAE as the limit, and which term moves what."""

import keras
import numpy as np
import pytest
from scipy.stats import norm

import keras_vae as kv
from tests.support.models import array, dense, uniform
from tests.support.objectives import loss_and_gradients, terms

X = (np.random.default_rng(2).random((20, 6)) > 0.5).astype("float32")


def critic(size=6):
    x = keras.Input((size,))
    features = keras.layers.Dense(4, "tanh")(x)
    return keras.Model(x, [features, keras.layers.Dense(1)(features)])


def pixels():
    """A discriminator whose features are the events themselves."""
    x = keras.Input((6,))
    return keras.Model(x, [1.0 * x, keras.layers.Dense(1)(x)])


def model(kind=kv.VAEGAN, **kwargs):
    keras.utils.set_random_seed(3)
    networks = dense(2)
    if kind is kv.VAEGAN:
        kwargs = {"discriminator": critic(), **kwargs}
    return kind(*networks, seed=4, **kwargs)


def moved(gan, term):
    """Names of the networks that a term moves, the others having weight 0."""
    gan.loss_weights.update({name: float(name == term) for name in gan.terms})
    _, gradients = loss_and_gradients(gan, X)
    owner = {
        id(variable): name
        for name in ("encoder", "decoder", "discriminator")
        for variable in getattr(gan, name).trainable_variables
    }
    sizes = dict.fromkeys(owner.values(), 0.0)
    for variable, gradient in zip(gan.trainable_variables, gradients, strict=True):
        sizes[owner[id(variable)]] += np.abs(gradient).sum()
    assert all(size == 0.0 or size > 1e-4 for size in sizes.values())
    return {name for name, size in sizes.items() if size}


PAPER = {
    "features": {"encoder", "decoder"},
    "kl": {"encoder"},
    "adversarial": {"decoder"},
    "discriminator": {"discriminator"},
    "reconstruction": {"encoder", "decoder"},
}


def test_each_term_moves_the_networks_of_the_paper():
    """Larsen et al. 2016, algorithm 1."""
    gan = model()
    assert {term: moved(gan, term) for term in gan.terms} == PAPER


def test_the_terms_are_those_of_the_features_and_the_log_odds():
    gan = model()
    found, seed = terms(gan, X), keras.random.SeedGenerator(4)
    z = gan.posterior(X).sample(seed)
    z_p = keras.random.normal((20, 3), seed=seed)
    judged = [gan.discriminator(x) for x in (X, gan.decode(z), gan.decode(z_p))]
    (true, real), (near, fake), (_, drawn) = (map(array, pair) for pair in judged)
    real, fake, drawn = (odds[:, 0] for odds in (real, fake, drawn))
    np.testing.assert_allclose(found["features"], 0.5 * ((true - near) ** 2).sum(1), rtol=1e-4)
    wanted = np.log1p(np.exp(-fake)) + np.log1p(np.exp(-drawn))
    np.testing.assert_allclose(found["adversarial"], wanted, rtol=1e-4)
    wanted = np.log1p(np.exp(-real)) + np.log1p(np.exp(fake)) + np.log1p(np.exp(drawn))
    np.testing.assert_allclose(found["discriminator"], wanted, rtol=1e-4)


def test_with_pixels_as_features_it_is_a_normal_likelihood():
    gan = model(discriminator=pixels(), likelihood="normal")
    found = terms(gan, X)
    constant = -norm.logpdf(0.0) * X.shape[1]
    np.testing.assert_allclose(found["features"], found["reconstruction"] - constant, rtol=1e-4)


def test_with_pixels_as_features_and_without_the_adversary_it_is_the_vae():
    off = {"discriminator": 0.0}
    gan = model(
        discriminator=pixels(), likelihood="normal", adversarial_weight=0.0, loss_weights=off
    )
    _, gradients = loss_and_gradients(gan, X)
    _, wanted = loss_and_gradients(model(kv.VAE, likelihood="normal"), X)
    for one, other in zip(gradients, wanted, strict=False):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert all(np.abs(rest).max() == 0.0 for rest in gradients[len(wanted) :])


def test_images_get_a_discriminator_whose_last_convolution_has_the_features():
    networks = kv.nets.conv((6, 5, 1), 2, filters=(2,), hidden=4, heads=2)
    gan = kv.VAEGAN(*networks, seed=0)
    features, odds = gan.discriminator(uniform(3, 6, 5, 1))
    assert tuple(features.shape) == (3, 1, 1, 128) and tuple(odds.shape) == (3, 1)
    found = terms(gan, uniform(3, 6, 5, 1))
    assert {term.shape for term in found.values()} == {(3,)}


def test_preprocessed_images_are_judged_in_the_units_of_the_networks():
    scaled = keras.layers.Rescaling(1 / 8, offset=0.25)
    judge = pixels()
    gan = model(discriminator=judge, likelihood="normal", preprocess=scaled)
    plain = model(discriminator=judge, likelihood="normal")
    found, wanted = terms(gan, 8 * X - 2), terms(plain, X)
    for name in ("features", "adversarial", "discriminator"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-4)


def odds_alone():
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])


@pytest.mark.parametrize("bad", [odds_alone, lambda: critic(5)])
def test_another_discriminator_is_refused(bad):
    with pytest.raises(ValueError, match=r"Expected a discriminator from events to \[features"):
        model(discriminator=bad())


def test_events_that_are_no_images_need_a_discriminator():
    with pytest.raises(ValueError, match=r"from events.*Expected images.*\(6,\).*Give a disc"):
        model(discriminator=None)
