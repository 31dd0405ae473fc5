"""AdversarialAutoencoder: its best discriminator is known, and which term moves what."""

import keras
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import keras_vae as kv
from tests.support.models import array, dense
from tests.support.objectives import loss_and_gradients, terms

X = (np.random.default_rng(2).random((20, 6)) > 0.5).astype("float32")


def critic(size=3):
    return keras.Sequential(
        [keras.Input((size,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)]
    )


def model(kind=kv.AdversarialAutoencoder, **kwargs):
    keras.utils.set_random_seed(3)
    networks = dense()
    if kind is kv.AdversarialAutoencoder:
        kwargs = {"discriminator": critic(), **kwargs}
    return kind(*networks, seed=4, **kwargs)


def parts(aae, x=X):
    """Gradients of the autoencoder and of the discriminator."""
    _, gradients = loss_and_gradients(aae, x)
    own = {id(v) for v in aae.discriminator.trainable_variables}
    found = {True: [], False: []}
    for variable, gradient in zip(aae.trainable_variables, gradients, strict=True):
        found[id(variable) in own].append(gradient)
    return found[False], found[True]


def only(term, **kwargs):
    off = dict.fromkeys(kv.AdversarialAutoencoder.terms, 0.0)
    return model(loss_weights={**off, term: 1.0}, **kwargs)


def size(arrays):
    return sum(np.abs(a).sum() for a in arrays)


def shifted(mean, **kwargs):
    """A model whose code is x, and the best discriminator of codes N(mean, 1) from N(0, 1)."""
    x, z = keras.Input((1,)), keras.Input((1,))
    linear = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    aae = kv.AdversarialAutoencoder(
        keras.Model(x, 1.0 * x), keras.Model(z, 1.0 * z), discriminator=linear, seed=0, **kwargs
    )
    # log N(z; 0, 1) - log N(z; mean, 1) = mean^2 / 2 - mean z.
    linear.set_weights([np.full((1, 1), -mean, "float32"), np.full(1, mean**2 / 2, "float32")])
    return aae


def jensen_shannon(p, q):
    """The divergence in nats, by quadrature."""

    def half(a, b):
        return quad(lambda z: 0.5 * a(z) * np.log(2 * a(z) / (a(z) + b(z))), -8, 12)[0]

    return half(p, q) + half(q, p)


def test_the_best_discriminator_reaches_log_2_minus_the_jensen_shannon_divergence():
    count, mean = 40_000, 1.5
    codes = np.random.default_rng(0).normal(mean, size=(count, 1)).astype("float32")
    found = terms(shifted(mean), codes)["discriminator"]
    wanted = np.log(2) - jensen_shannon(norm(0).pdf, norm(mean).pdf)
    assert wanted < 0.5
    assert found.mean() == pytest.approx(wanted, abs=4 * found.std() / np.sqrt(count))


def test_the_best_discriminator_has_no_gradient():
    codes = np.random.default_rng(0).normal(1.5, size=(40_000, 1)).astype("float32")
    off = {"reconstruction": 0.0, "adversarial": 0.0}
    best = shifted(1.5, loss_weights=off)
    _, gradients = parts(best, codes)
    assert size(gradients) < 0.02
    best.discriminator.set_weights([0.5 * w for w in best.discriminator.get_weights()])
    assert size(parts(best, codes)[1]) > 0.1


def test_the_terms_are_those_of_the_log_odds():
    aae = model()
    found = terms(aae, X)
    z = array(aae.encode(X))
    prior = array(keras.random.normal((20, 3), seed=keras.random.SeedGenerator(4)))
    false, true = (array(aae.discriminator(each))[:, 0] for each in (z, prior))
    np.testing.assert_allclose(found["adversarial"], np.log1p(np.exp(-false)), rtol=1e-4)
    wanted = 0.5 * (np.log1p(np.exp(-true)) + np.log1p(np.exp(false)))
    np.testing.assert_allclose(found["discriminator"], wanted, rtol=1e-4)


def test_each_of_the_two_opponents_moves_itself_alone():
    autoencoder, discriminator = parts(only("adversarial"))
    assert size(autoencoder) > 1e-3 and size(discriminator) == 0
    autoencoder, discriminator = parts(only("discriminator"))
    assert size(discriminator) > 1e-3 and size(autoencoder) == 0


def test_the_adversarial_term_moves_codes_towards_the_prior():
    """Codes around 1.5 get smaller against their gradient -dD/dz sigmoid(-D), here positive."""
    networks = kv.nets.dense((1,), 1, hidden=())
    linear = shifted(1.5).discriminator
    off = {"reconstruction": 0.0, "discriminator": 0.0}
    aae = kv.AdversarialAutoencoder(*networks, discriminator=linear, loss_weights=off, seed=0)
    aae.encoder.set_weights([np.ones((1, 1), "float32"), np.full(1, 1.5, "float32")])
    (_, bias, *_), _ = parts(aae, np.zeros((4, 1), "float32"))
    odds = 1.5**2 / 2 - 1.5 * 1.5
    assert bias[0] == pytest.approx(1.5 / (1.0 + np.exp(odds)), rel=1e-4)


def test_without_the_adversary_it_is_an_autoencoder():
    found, _ = parts(model(adversarial_weight=0.0))
    _, wanted = loss_and_gradients(model(kv.Autoencoder), X)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.slow
def test_it_brings_its_codes_to_the_prior():
    """Trained against the discriminator alone, a line of codes gets means 0 and variances 1."""
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(4000, 2)).astype("float32")
    layers = [keras.Input((2,)), keras.layers.Dense(32, "tanh"), keras.layers.Dense(1)]
    aae = kv.AdversarialAutoencoder(
        *kv.nets.dense((2,), 2, hidden=()),
        discriminator=keras.Sequential(layers),
        loss_weights={"reconstruction": 0.0},
        seed=0,
    )
    aae.encoder.set_weights([np.array([[3.0, 0.0], [1.5, 0.3]], "float32"), np.full(2, 2.0, "f4")])
    aae.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.02, 800), beta_1=0.5)
    )
    aae.fit(x, batch_size=200, epochs=40, verbose=0)
    codes = array(aae.encode(x))
    np.testing.assert_allclose(codes.mean(0), 0.0, atol=0.2)
    np.testing.assert_allclose(np.cov(codes.T), np.eye(2), atol=0.3)


def test_it_samples_from_the_prior():
    z = array(model().sample_codes_from_seeds(kv.random.row_seeds(4000, 1)))
    np.testing.assert_allclose(np.cov(z.T), np.eye(3), atol=0.1)


def test_codes_may_be_maps_and_the_discriminator_of_the_paper_is_made():
    keras.utils.set_random_seed(0)
    x, z = keras.Input((6,)), keras.Input((2, 2))
    encoder = keras.Model(x, keras.layers.Reshape((2, 2))(keras.layers.Dense(4)(x)))
    decoder = keras.Model(z, keras.layers.Dense(6)(keras.layers.Flatten()(z)))
    aae = kv.AdversarialAutoencoder(encoder, decoder, seed=1)
    assert {t.shape for t in terms(aae, X).values()} == {(20,)}
    shapes = [tuple(v.shape) for v in aae.discriminator.trainable_variables]
    assert shapes[0] == (4, 1000) and shapes[-2] == (1000, 1) and len(shapes) == 6


def test_a_discriminator_of_other_codes_is_refused():
    with pytest.raises(ValueError, match="Expected a discriminator from codes to log odds"):
        model(discriminator=critic(2))
