"""Models whose optimum is known exactly must reach it: nothing here can be tuned to."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import keras_vae as kv
from keras_vae.training.data.loading import load
from keras_vae.training.data.sources.fashion_mnist import FASHION_MNIST_FOLDER

# Steps that run without a return to Python; PyTorch takes them one by one.
TOGETHER = 1 if keras.backend.backend() == "torch" else 20
minutes_on_torch = pytest.mark.only_on("tensorflow", "jax")


@pytest.fixture(scope="module")
def digits():
    """1,797 images of 64 pixels in [0, 1]."""
    return (load_digits().data / 16).astype("float32")


def train(model, x, steps, learning_rate=0.03, batch_size=500):
    """Adam with a cosine decay to 0, in epochs of 100 steps."""
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(keras.optimizers.Adam(schedule), steps_per_execution=TOGETHER)
    repeated = np.resize(x, (100 * batch_size, *x.shape[1:]))
    model.fit(repeated, epochs=steps // 100, batch_size=batch_size, verbose=0)


def expected_logs(model, x, copies=50):
    """Means over `copies` draws of the noise for each example."""
    repeated = np.tile(x, (copies, 1))
    return model.evaluate(repeated, batch_size=len(x), verbose=0, return_dict=True)


# A linear autoencoder is principal component analysis (Baldi & Hornik 1989).


def test_a_linear_autoencoder_reaches_pca_on_digits(digits):
    keras.utils.set_random_seed(0)
    model = kv.Autoencoder(*kv.nets.dense((64,), 10, hidden=()))
    train(model, digits, steps=1500)
    pca = PCA(10).fit(digits)
    error = np.mean((model.predict(digits, verbose=0) - digits) ** 2)
    best = np.mean((pca.inverse_transform(pca.transform(digits)) - digits) ** 2)
    assert 0.9999 * best < error < 1.001 * best
    found = np.linalg.qr(keras.ops.convert_to_numpy(model.decoder.weights[0]).T)[0]
    cosines = np.linalg.svd(pca.components_ @ found, compute_uv=False)
    assert np.degrees(np.arccos(cosines.min())) < 2.0


@minutes_on_torch
@pytest.mark.skipif(not FASHION_MNIST_FOLDER.exists(), reason="needs dataset-fashion-mnist")
def test_a_linear_autoencoder_reaches_pca_on_fashion_mnist():
    """The test error of 16 principal components is .02045, whoever computes it."""
    data = load("fashion_mnist")
    x, test = (images.reshape(-1, 784) / np.float32(255) for images in (data.train, data.test))
    keras.utils.set_random_seed(0)
    model = kv.Autoencoder(*kv.nets.dense((784,), 16, hidden=()))
    steps = 6 * 300
    schedule = keras.optimizers.schedules.CosineDecay(0.01, steps)
    model.compile(keras.optimizers.Adam(schedule), steps_per_execution=TOGETHER)
    model.fit(x, epochs=6, batch_size=200, verbose=0)
    error = np.mean((model.predict(test, batch_size=1000, verbose=0) - test) ** 2)
    assert error == pytest.approx(0.02045, rel=0.01)


# A linear VAE is probabilistic PCA, and its bound is tight (Lucas et al. 2019).


@pytest.mark.parametrize(("latent_dim", "log_likelihood"), [(2, 0.00571), (5, 8.90764)])
def test_a_linear_vae_reaches_the_likelihood_of_probabilistic_pca(
    digits, latent_dim, log_likelihood
):
    assert ppca_log_likelihood(digits, latent_dim) == pytest.approx(log_likelihood, abs=1e-4)
    keras.utils.set_random_seed(0)
    networks = kv.nets.dense((64,), latent_dim, hidden=(), heads=2)
    model = kv.VAE(*networks, likelihood="normal_learned_scale", seed=0)
    train(model, digits, steps=3000)
    # The bound is below the likelihood; what is above it is the noise of the estimate.
    assert -0.05 < expected_logs(model, digits)["elbo"] - log_likelihood < 0.01


def ppca_log_likelihood(x, latent_dim):
    """Nats per example at the maximum (Tipping & Bishop 1999, equation 8), covariance by 1 / N."""
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T.astype("float64"), bias=True))[::-1]
    noise = eigenvalues[latent_dim:].mean()
    dims = len(eigenvalues)
    log_det = np.log(eigenvalues[:latent_dim]).sum() + (dims - latent_dim) * np.log(noise)
    return -0.5 * (dims * np.log(2 * np.pi) + log_det + dims)


# With a fixed variance, a latent is used where its eigenvalue exceeds beta times that variance.


@minutes_on_torch
@pytest.mark.parametrize(("beta", "active"), [(1.0, 3), (3.0, 2), (20.0, 0)])
def test_a_linear_vae_uses_the_eigenvalues_above_beta_and_pays_their_rate(beta, active):
    """The rate is the sum of log(eigenvalue / beta) / 2 (Alemi et al. 2018; Lucas et al. 2019)."""
    eigenvalues = np.array([9.0, 4.0, 2.0, 0.5, 0.2])
    x = data_with_eigenvalues(eigenvalues)
    keras.utils.set_random_seed(0)
    networks = kv.nets.dense((5,), 5, hidden=(), heads=2)
    model = kv.VAE(*networks, likelihood="normal", beta=beta, seed=0)
    train(model, x, steps=1500)
    means = keras.ops.convert_to_numpy(model.encode(x))
    assert np.sum(means.var(axis=0) > 0.01) == active
    rate = 0.5 * np.log(eigenvalues[:active] / beta).sum()
    assert expected_logs(model, x)["kl"] == pytest.approx(rate, abs=0.02)


def data_with_eigenvalues(eigenvalues):
    """2,000 Gaussian examples whose covariance (1 / N) has exactly these eigenvalues."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, len(eigenvalues)))
    x -= x.mean(axis=0)
    white = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T, bias=True))).T
    rotation = np.linalg.qr(rng.normal(size=(len(eigenvalues),) * 2))[0]
    return (white * np.sqrt(eigenvalues) @ rotation).astype("float32")


# A linear denoising autoencoder is the Wiener filter.


@minutes_on_torch
def test_a_linear_denoising_autoencoder_reaches_the_wiener_filter(digits):
    sigma = 0.3
    keras.utils.set_random_seed(0)
    noise = keras.layers.GaussianNoise(sigma, seed=1)
    model = kv.DenoisingAutoencoder(*kv.nets.dense((64,), 64, hidden=()), corruption=noise)
    train(model, digits, steps=1500, learning_rate=0.01)
    mean, covariance = digits.mean(axis=0), np.cov(digits.T.astype("float64"), bias=True)
    wiener = np.linalg.solve(covariance + sigma**2 * np.eye(64), covariance)
    clean = np.tile(digits, (20, 1))
    noisy = clean + sigma * np.random.default_rng(2).normal(size=clean.shape).astype("float32")
    best = np.mean((mean + (noisy - mean) @ wiener - clean) ** 2)
    assert best == pytest.approx(np.trace(sigma**2 * wiener) / 64, rel=0.01)
    error = np.mean((model.predict(noisy, batch_size=2000, verbose=0) - clean) ** 2)
    assert 0.999 * best < error < 1.02 * best
