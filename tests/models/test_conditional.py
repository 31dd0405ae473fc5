"""The conditional VAE: what a condition changes, and what it must be."""

import keras
import numpy as np
import pytest
from scipy.stats import multivariate_normal

import keras_vae as kv
from keras_vae import estimators, nets
from keras_vae.base.conditioning import Conditioning
from keras_vae.models.conditional import ConditionalVAE
from keras_vae.models.vae import VAE
from tests.support.objectives import as_numpy, loss_and_gradients

RNG = np.random.default_rng(2)
X = (RNG.random((20, 6)) > 0.5).astype("float32")
CONDITION = np.eye(3, dtype="float32")[RNG.integers(3, size=20)]


def conditional(**kwargs):
    keras.utils.set_random_seed(3)
    networks = nets.conditional(nets.dense, (6,), 2, 3, hidden=(8,))
    return ConditionalVAE(*networks, seed=4, **kwargs)


def test_an_encoder_without_a_condition_is_refused():
    networks = nets.dense((6,), 2, hidden=(8,), heads=2)
    with pytest.raises(ValueError, match="Expected an encoder of two inputs"):
        ConditionalVAE(*networks)


def test_networks_without_the_condition_make_it_a_vae():
    """Anchor row 24: nothing but the condition is different."""
    keras.utils.set_random_seed(3)
    encoder, decoder = nets.dense((6,), 2, hidden=(8,), heads=2)
    ignored, given = keras.Input((3,)), keras.Input((3,))
    pair = [
        keras.Model([encoder.input, ignored], encoder.output),
        keras.Model([decoder.input, given], decoder.output),
    ]
    loss, gradients = loss_and_gradients(ConditionalVAE(*pair, seed=4), (X, CONDITION))
    expected, wanted = loss_and_gradients(VAE(encoder, decoder, seed=4), X)
    assert loss == pytest.approx(expected, rel=1e-6)
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_condition_reaches_the_encoder_and_the_decoder():
    model = conditional()
    other = np.roll(CONDITION, 1, axis=1)
    z = as_numpy(model.encode((X, CONDITION)))
    assert np.abs(z - as_numpy(model.encode((X, other)))).max() > 1e-3
    decoded = as_numpy(model.decode((z, CONDITION)))
    assert np.abs(decoded - as_numpy(model.decode((z, other)))).max() > 1e-3


@pytest.mark.slow
def test_a_trained_model_makes_what_its_condition_says():
    """Pixel c is on for label c and the rest is noise: only the condition can tell."""
    labels = np.arange(900) % 3
    x = (np.random.default_rng(0).random((900, 6)) > 0.5).astype("float32")
    x[:, :3] = np.eye(3)[labels]
    model = conditional()
    model.compile(keras.optimizers.Adam(0.05))
    model.fit((x, np.eye(3)[labels]), batch_size=25, epochs=2, verbose=0)
    for label in range(3):
        samples = as_numpy(model.sample(20, seed=0, condition=np.eye(3)[label]))
        np.testing.assert_allclose(samples[:, :3].mean(axis=0), np.eye(3)[label], atol=0.1)


def test_one_condition_for_all_is_that_condition_for_each():
    model = conditional()
    one = as_numpy(model.sample(4, seed=1, condition=CONDITION[0]))
    each = as_numpy(model.sample(seed=1, condition=np.repeat(CONDITION[:1], 4, axis=0)))
    np.testing.assert_array_equal(one, each)
    assert as_numpy(model.sample(condition=CONDITION[0])).shape == (1, 6)


def test_a_condition_of_images_is_spread_over_the_pixels():
    networks = nets.conditional(nets.conv, (6, 5, 1), 2, 3, filters=(2,), hidden=4)
    model = ConditionalVAE(*networks)
    images = np.random.default_rng(0).random((4, 6, 5, 1)).astype("float32")
    assert as_numpy(model((images, CONDITION[:4]))).shape == (4, 6, 5, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: m.fit(X, verbose=0), "Expected a pair .x, condition.. Received: one array"),
        (lambda m: m.fit((X, CONDITION[:, :2]), verbose=0), "Expected condition of shape.*'batch'"),
        (lambda m: m.fit((X[:, :5], CONDITION), verbose=0), "Expected x of shape"),
        (
            lambda m: m.fit((X, CONDITION * np.nan), verbose=0),
            "finite values in the condition of x",
        ),
        (lambda m: m.fit((X, CONDITION[:3]), verbose=0), "the condition of x with 20 rows"),
        (lambda m: m.decode(np.zeros((2, 2), "float32")), "Expected a pair .z, condition."),
        (lambda m: m.sample(3), "Expected condition of shape.*Received: None for count=3"),
        (lambda m: m.sample(3, condition=CONDITION[:2]), "Received: .2, 3. for count=3"),
        (lambda m: m.sample(condition=np.zeros((2, 4))), "Received: .2, 4."),
        (lambda m: m.sample(0, condition=CONDITION[0]), "count of at least 1"),
    ],
)
def test_a_condition_that_is_missing_or_of_the_wrong_shape_is_refused(make, message):
    model = conditional()
    model.compile()
    with pytest.raises(ValueError, match=message):
        make(model)


def linear_gaussian(means, loadings):
    """p(x | z, c) = N(loadings z + means[c], I), with its true posterior as the encoder."""
    x, z, condition = keras.Input((4,)), keras.Input((2,)), keras.Input((3,))
    precision = 1.0 + np.square(loadings).sum(axis=0)  # Of z given x: the loadings are orthogonal.
    of_x, of_c, log_var, of_z, mean_of = (keras.layers.Dense(n) for n in (2, 2, 2, 4, 4))
    q = [of_x(x) + of_c(condition), log_var(x)]
    model = ConditionalVAE(
        keras.Model([x, condition], q),
        keras.Model([z, condition], of_z(z) + mean_of(condition)),
        likelihood="normal",
    )
    weights = {
        of_x: (loadings / precision, 0.0),
        of_c: (-means @ loadings / precision, 0.0),
        log_var: (np.zeros((4, 2)), -np.log(precision)),
        of_z: (loadings.T, 0.0),
        mean_of: (means, 0.0),
    }
    for layer, (kernel, bias) in weights.items():
        layer.set_weights([kernel, np.zeros(layer.bias.shape) + bias])
    return model


def test_the_likelihood_is_that_of_x_given_the_condition():
    """With the true posterior each weight is p(x | c), whose density is known."""
    random = np.random.default_rng(5)
    means = 2.0 * random.standard_normal((3, 4))
    loadings = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, -0.5]])
    x = random.standard_normal((20, 4)).astype("float32")
    model = linear_gaussian(means, loadings)
    covariance = np.eye(4) + loadings @ loadings.T
    truth = [
        multivariate_normal(c @ means, covariance).logpdf(e)
        for e, c in zip(x, CONDITION, strict=True)
    ]
    found = estimators.log_likelihood(model, (x, CONDITION), samples=3)
    np.testing.assert_allclose(found, truth, atol=2e-5)
    np.testing.assert_allclose(estimators.elbo(model, (x, CONDITION), samples=3), truth, atol=2e-5)


# Conditions and other losses than that of the VAE.


def composed(base, **kwargs):
    """A model of `base` with a condition, and the networks and the seed of `conditional`."""
    keras.utils.set_random_seed(3)
    networks = nets.conditional(nets.dense, (6,), 2, 3, hidden=(8,))
    return type(base.__name__, (Conditioning, base), {})(*networks, seed=4, **kwargs)


LIMITS = {
    "DIPVAE": lambda: composed(kv.DIPVAE, lambda_od=0.0, lambda_d=0.0),
    "FactorVAE": lambda: composed(kv.FactorVAE, gamma=0.0, loss_weights={"discriminator": 0.0}),
    "BetaTCVAE": lambda: composed(kv.BetaTCVAE, dataset_size=20, beta=1.0),
    "InfoVAE": lambda: composed(kv.InfoVAE, alpha=0.0, lambda_=1.0),
    "FreeBitsVAE": lambda: composed(kv.FreeBitsVAE, nats=0.0),
}


@pytest.mark.parametrize("name", LIMITS)
def test_in_the_limit_in_which_a_model_is_the_vae_it_is_the_conditional_vae(name):
    model, y = LIMITS[name](), (X, CONDITION)
    loss, _ = loss_and_gradients(model, y)
    expected, _ = loss_and_gradients(conditional(), y)
    assert loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("gradient", ["iwae", "dreg"])
def test_each_sample_of_the_iwae_is_decoded_with_the_condition_of_its_example(gradient):
    """With the true posterior the weights of all samples are p(x | c), whose density is known."""
    random = np.random.default_rng(5)
    means = 2.0 * random.standard_normal((3, 4))
    loadings = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, -0.5]])
    x = random.standard_normal((20, 4)).astype("float32")
    exact = linear_gaussian(means, loadings)
    base = type("ConditionalIWAE", (Conditioning, kv.IWAE), {})
    model = base(exact.encoder, exact.decoder, samples=3, gradient=gradient, likelihood="normal")
    covariance = np.eye(4) + loadings @ loadings.T
    truth = [
        multivariate_normal(c @ means, covariance).logpdf(e)
        for e, c in zip(x, CONDITION, strict=True)
    ]
    found = model.loss_terms((x, CONDITION), x)["iwae"]
    np.testing.assert_allclose(-as_numpy(found), truth, rtol=1e-4)


OTHERS = (
    *(kv.AdversarialAutoencoder, kv.FactorVAE, kv.IWAE, kv.RAE, kv.WAE),
    kv.SparseAutoencoder,
)


@pytest.mark.long
@pytest.mark.parametrize("base", OTHERS)
def test_other_models_train_and_decode_with_a_condition(base):
    heads = 2 if issubclass(base, VAE) else 1
    encoder, _ = nets.conditional(nets.dense, (6,), 2, 3, heads=heads, hidden=(8,))
    _, decoder = nets.conditional(nets.dense, (6,), 2, 3, heads=1, hidden=(8,))
    model = type(base.__name__, (Conditioning, base), {})(encoder, decoder, seed=0)
    model.compile(keras.optimizers.Adam(0.01))
    history = model.fit((X, CONDITION), batch_size=10, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert as_numpy(model.reconstruct((X, CONDITION))).shape == X.shape


def test_a_model_whose_loss_has_no_place_for_a_condition_is_refused():
    for base in (kv.VampVAE, kv.DenoisingAutoencoder, kv.ContractiveAutoencoder):
        networks = nets.conditional(nets.dense, (6,), 2, 3, hidden=(8,))
        with pytest.raises(TypeError, match="loss takes a condition.*Received: Given"):
            type("Given", (Conditioning, base), {})(*networks)
