"""What is logged and minimized, against NumPy, SciPy and quadrature."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats

import keras_vae as kv

SHAPE = (4, 3)
ROWS = 10

# To trace a TensorFlow graph takes longer than to run it once.
FAST = {"run_eagerly": keras.backend.backend() == "tensorflow"}


def to_numpy(x):
    return keras.ops.convert_to_numpy(x).astype("float64")


@pytest.fixture
def x():
    """Grey levels in [0, 1]."""
    return np.random.default_rng(0).uniform(size=(ROWS, *SHAPE)).astype("float32")


def networks(heads=1, decoder_heads=1, latent_dim=2, activation="tanh"):
    keras.utils.set_random_seed(0)
    return kv.nets.dense(SHAPE, latent_dim, (8,), heads, decoder_heads, activation)


def logs(model, x, y=None, **kwargs):
    """Means over the examples, in batches of 4, 4 and 2."""
    model.compile("adam", **FAST)
    return model.evaluate(x, y, batch_size=4, verbose=0, return_dict=True, **kwargs)


# The reconstruction term is a sum over pixels and a mean over examples.


def test_cross_entropy_is_summed_over_pixels(x):
    model = kv.Autoencoder(*networks(), likelihood="bernoulli")
    p = to_numpy(model.reconstruct(x))
    entropy = -scipy.special.xlogy(x, p) - scipy.special.xlog1py(1 - x, -p)
    expected = entropy.sum(axis=(1, 2)).mean()
    assert logs(model, x)["reconstruction"] == pytest.approx(expected, rel=1e-5)
    assert logs(model, x)["loss"] == pytest.approx(expected, rel=1e-5)


def test_squared_error_is_halved_summed_over_pixels_and_normalized(x):
    model = kv.Autoencoder(*networks(), likelihood="normal")
    squared = ((to_numpy(model.reconstruct(x)) - x) ** 2).sum(axis=(1, 2)).mean()
    expected = 0.5 * squared + 0.5 * np.prod(SHAPE) * np.log(2 * np.pi)
    assert logs(model, x)["reconstruction"] == pytest.approx(expected, rel=1e-5)


def test_the_learned_scale_is_one_number_counted_for_each_pixel(x):
    model = kv.Autoencoder(*networks(), likelihood="normal_learned_scale")
    (log_var,) = model.shared_parameters
    log_var.assign(-1.3)
    normal = scipy.stats.norm(to_numpy(model.reconstruct(x)), np.exp(-0.65))
    expected = -normal.logpdf(x).sum(axis=(1, 2)).mean()
    assert logs(model, x)["reconstruction"] == pytest.approx(expected, rel=1e-5)


def test_y_is_what_is_reconstructed_and_x_what_is_encoded(x):
    model = kv.Autoencoder(*networks(), likelihood="laplace")
    target = x[::-1].copy()
    distance = np.abs(to_numpy(model.reconstruct(x)) - target) + np.log(2)
    expected = distance.sum(axis=(1, 2)).mean()
    assert logs(model, x, target)["reconstruction"] == pytest.approx(expected, rel=1e-5)


# The evidence lower bound.


def test_kl_is_summed_over_latents_and_weighted_by_beta(x):
    model = kv.VAE(*networks(heads=2), beta=4.0, seed=0)
    mean, log_var = (to_numpy(h) for h in model.encoder(x))
    kl = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var).sum(axis=1).mean()
    found = logs(model, x)
    assert found["kl"] == pytest.approx(kl, rel=1e-5)
    assert found["loss"] == pytest.approx(found["reconstruction"] + 4 * kl, rel=1e-5)
    assert found["elbo"] == pytest.approx(-found["reconstruction"] - kl, rel=1e-5)


def test_the_bound_is_what_quadrature_over_the_code_gives_and_lies_below_the_likelihood(x):
    """The code has one dimension; the estimate may miss by 4 standard errors."""
    keras.utils.set_random_seed(1)
    model = kv.VAE(*kv.nets.dense(SHAPE, 1, (8,), heads=2, activation="tanh"), seed=0)
    one = x[:1]
    mean, log_var = (to_numpy(h).item() for h in model.encoder(one))
    z = np.linspace(-12, 12, 4001)
    logits = to_numpy(model.decoder(z[:, None].astype("float32")))
    log_p = (one * logits - np.logaddexp(0, logits)).sum(axis=(1, 2))
    q = scipy.stats.norm(mean, np.exp(0.5 * log_var))
    prior = scipy.stats.norm()
    integrand = q.pdf(z) * (log_p + prior.logpdf(z) - q.logpdf(z))
    bound = np.trapezoid(integrand, z)
    spread = np.sqrt(np.trapezoid(q.pdf(z) * log_p**2, z) - np.trapezoid(q.pdf(z) * log_p, z) ** 2)
    copies = 4000
    model.compile("adam", **FAST)
    repeated = np.repeat(one, copies, axis=0)
    found = model.evaluate(repeated, batch_size=copies, verbose=0, return_dict=True)["elbo"]
    assert abs(found - bound) < 4 * spread / np.sqrt(copies) + 1e-4
    assert bound < np.log(np.trapezoid(np.exp(log_p) * prior.pdf(z), z))


def test_score_is_minus_the_bound_at_the_posterior_mean(x):
    model = kv.VAE(*networks(heads=2), likelihood="normal", seed=0)
    mean, log_var = (to_numpy(h) for h in model.encoder(x))
    kl = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var).sum(axis=1)
    normal = scipy.stats.norm(to_numpy(model.decode(mean.astype("float32"))), 1)
    expected = kl - normal.logpdf(x).sum(axis=(1, 2))
    np.testing.assert_allclose(to_numpy(model.score(x)), expected, rtol=1e-5)


def test_a_decoder_that_ignores_the_code_is_scored_by_its_own_likelihood(x):
    """The likelihood of a constant is exact, whatever the code: the bound differs by the KL."""
    model = kv.VAE(*networks(heads=2), seed=0)
    for weight in model.decoder.weights:
        weight.assign(np.zeros(weight.shape))
    found = logs(model, x)
    assert found["reconstruction"] == pytest.approx(np.prod(SHAPE) * np.log(2), rel=1e-6)


# Denoising and sparsity.


class Zeroing(keras.layers.Layer):
    """A corruption whose effect is known: all zeros in training."""

    def call(self, x, training=False):
        return 0 * x if training else x


def test_denoising_encodes_the_corrupted_and_reconstructs_the_clean(x):
    model = kv.DenoisingAutoencoder(*networks(), corruption=Zeroing(), likelihood="laplace")
    distance = np.abs(to_numpy(model.reconstruct(np.zeros_like(x))) - x) + np.log(2)
    terms = model.loss_terms(x, x, training=True)
    np.testing.assert_allclose(
        to_numpy(terms["reconstruction"]), distance.sum(axis=(1, 2)), rtol=1e-5
    )
    clean = np.abs(to_numpy(model.reconstruct(x)) - x) + np.log(2)
    assert logs(model, x)["reconstruction"] == pytest.approx(
        clean.sum(axis=(1, 2)).mean(), rel=1e-5
    )


def test_l1_sparsity_is_the_sum_of_absolute_activations(x):
    model = kv.SparseAutoencoder(*networks(), penalty="l1", sparsity_weight=0.5)
    expected = np.abs(to_numpy(model.encode(x))).sum(axis=1).mean()
    found = logs(model, x)
    assert found["sparsity"] == pytest.approx(expected, rel=1e-5)
    assert found["loss"] == pytest.approx(found["reconstruction"] + 0.5 * expected, rel=1e-5)


def test_kl_sparsity_of_activations_of_a_tenth_has_its_known_value(x):
    """KL(.05 || .1) is .01671 nats, here for each of 3 units."""
    off = keras.initializers.Constant(scipy.special.logit(0.1))
    unit = keras.layers.Dense(
        3, "sigmoid", kernel_initializer="zeros", bias_initializer=off, name="z"
    )
    encoder = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), unit])
    decoder = kv.nets.dense_decoder(SHAPE, 3, ())
    model = kv.SparseAutoencoder(encoder, decoder, penalty="kl", target=0.05)
    assert logs(model, x)["sparsity"] == pytest.approx(3 * 0.01671, abs=2e-5)


def test_kl_sparsity_compares_the_mean_over_the_batch(x):
    encoder, decoder = networks(latent_dim=3)
    encoder = keras.Model(encoder.inputs[0], keras.ops.sigmoid(encoder.output))
    model = kv.SparseAutoencoder(encoder, decoder, penalty="kl", target=0.2)
    mean = to_numpy(model.encode(x)).mean(axis=0)
    expected = scipy.stats.entropy([[0.2] * 3, [0.8] * 3], [mean, 1 - mean]).sum()
    terms = model.loss_terms(x, x)
    np.testing.assert_allclose(to_numpy(terms["sparsity"]), [expected] * ROWS, rtol=1e-5)


def test_top_k_sparsity_leaves_exactly_k_activations_the_largest_ones(x):
    model = kv.SparseAutoencoder(*networks(latent_dim=6), penalty="top_k", k=2)
    dense, sparse = to_numpy(model.encoder(x)), to_numpy(model.encode(x))
    assert np.all((sparse != 0).sum(axis=1) == 2)
    np.testing.assert_allclose(sparse.max(axis=1), dense.max(axis=1), rtol=1e-6)
    kept = np.sort(dense, axis=1)[:, -2:].sum(axis=1)
    np.testing.assert_allclose(sparse.sum(axis=1), kept, rtol=1e-6)
    assert logs(model, x)["sparsity"] == 0


def test_sparsity_works_on_codes_that_are_maps():
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).uniform(size=(3, 8, 8, 1)).astype("float32")
    model = kv.SparseAutoencoder(*kv.nets.conv_map((8, 8, 1), 4), penalty="top_k", k=5)
    assert np.all((to_numpy(model.encode(images)) != 0).sum(axis=(1, 2, 3)) == 5)
    model = kv.SparseAutoencoder(*kv.nets.conv_map((8, 8, 1), 4), penalty="l1")
    assert logs(model, images)["sparsity"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"penalty": "l2"}, "'l1', 'kl' or 'top_k'.*Received: penalty='l2'"),
        ({"penalty": "top_k", "k": 0}, "k of at least 1.*k=0"),
        ({"penalty": "top_k", "k": 3}, "k of at most 2, the size of the code.*k=3"),
        ({"penalty": "kl", "target": 1.0}, "between 0 and 1.*1.0"),
    ],
)
def test_a_wrong_sparsity_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        kv.SparseAutoencoder(*networks(), **arguments)
