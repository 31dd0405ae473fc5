"""Samplers that are fitted after training: against SciPy's and scikit-learn's Gaussians."""

import keras
import numpy as np
import pytest
import scipy.stats

import keras_vae as kv
from keras_vae.samplers import mixture
from tests.support.models import FAST, FEATURES, array, dense, uniform

RNG = np.random.default_rng(0)
COVARIANCE = np.array([[2.0, 1.2], [1.2, 1.0]])
X = uniform(200, *FEATURES)


def correlated(count=500):
    return RNG.multivariate_normal([3.0, -1.0], COVARIANCE, count)


def noise(sampler, count=20_000):
    size = sampler.means.shape[1] + sampler.extra_noise
    return kv.random.standard_normal(kv.random.row_seeds(count, 1), size)


def autoencoder(kind=kv.Autoencoder, heads=1, **kwargs):
    keras.utils.set_random_seed(7)
    return kind(*dense(heads), seed=1, **kwargs)


def test_one_component_is_the_gaussian_of_the_mean_and_the_covariance():
    codes = correlated()
    sampler = mixture.fit_mixture(codes, 1)
    np.testing.assert_allclose(sampler.means[0], codes.mean(0), rtol=1e-5)
    factor = sampler.factors[0]
    np.testing.assert_allclose(factor @ factor.T, np.cov(codes.T, bias=True), rtol=1e-4)
    diagonal = mixture.fit_mixture(codes, 1, covariance="diag")
    np.testing.assert_allclose(diagonal.factors[0], codes.std(0), rtol=1e-4)


def test_codes_of_one_number_need_no_axis_for_it():
    codes = correlated(50)[:, 0]
    sampler = mixture.fit_mixture(codes, 1)
    np.testing.assert_allclose(sampler.means, [[codes.mean()]], rtol=1e-5)
    np.testing.assert_allclose(sampler.factors, [[[codes.std()]]], rtol=1e-4)
    with pytest.raises(ValueError, match="Received: one number"):
        mixture.fit_mixture(3.0)


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_codes_from_noise_have_the_moments_of_the_mixture(covariance):
    codes = np.concatenate([correlated(300) - 20, correlated(700) + 20])
    sampler = mixture.fit_mixture(codes, 2, covariance)
    np.testing.assert_allclose(np.sort(np.exp(sampler.log_weights)), [0.3, 0.7], rtol=1e-5)
    drawn = array(sampler.from_noise(noise(sampler)))
    low, high = drawn[drawn[:, 0] < 0], drawn[drawn[:, 0] > 0]
    assert len(low) / len(drawn) == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / len(drawn)))
    for found, wanted in ((low, codes[:300]), (high, codes[300:])):
        expected = np.cov(wanted.T, bias=True) * (1 if covariance == "full" else np.eye(2))
        np.testing.assert_allclose(found.mean(0), wanted.mean(0), atol=0.08)
        np.testing.assert_allclose(np.cov(found.T), expected, atol=0.12)


def test_temperature_scales_the_spread_and_zero_gives_the_means():
    sampler = mixture.fit_mixture(correlated(), 3)
    z = noise(sampler, 200)
    cold, warm, hot = (array(sampler.from_noise(z, t)) for t in (0.0, 1.0, 2.0))
    np.testing.assert_allclose(hot - warm, warm - cold, atol=1e-4)
    distances = np.abs(cold[:, None] - sampler.means[None]).max(-1).min(1)
    np.testing.assert_allclose(distances, 0.0, atol=1e-5)


def test_an_autoencoder_samples_what_its_decoder_makes_of_the_fitted_gaussian():
    """The codes pass a Kolmogorov-Smirnov test against the Gaussian fitted by hand."""
    model = autoencoder()
    model.fit_sampler(X, components=1)
    codes = array(model.encode(X))
    z = array(model.sample_codes_from_seeds(kv.random.row_seeds(4000, 5)))
    for j in range(3):
        marginal = scipy.stats.norm(codes[:, j].mean(), codes[:, j].std())
        assert scipy.stats.kstest(z[:, j], marginal.cdf).pvalue > 0.001
    expected = array(model.decode(z[:5]))
    np.testing.assert_allclose(array(model.sample(4000, seed=5))[:5], expected, rtol=1e-5)


def test_the_codes_of_a_vae_are_drawn_from_its_posterior_not_taken_at_its_mean():
    model = autoencoder(kv.VAE, heads=2)
    assert "sample" in model.endpoints()
    before = array(model.sample(4, seed=0))
    model.fit_sampler(X, components=1, covariance="diag")
    q = model.posterior(X)
    spread = np.var(array(q.mean), axis=0) + np.exp(array(q.log_var)).mean(0)
    np.testing.assert_allclose(model.sampler.factors[0] ** 2, spread, rtol=0.35)
    assert np.abs(array(model.sample(4, seed=0)) - before).max() > 1e-4
    model.sampler = None
    np.testing.assert_array_equal(array(model.sample(4, seed=0)), before)


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_the_file_of_a_model_keeps_its_sampler(covariance, tmp_path):
    model = autoencoder()
    model.fit_sampler(X, components=3, covariance=covariance)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    wanted = array(model.sample(5, seed=2))
    np.testing.assert_allclose(array(loaded.sample(5, seed=2)), wanted, rtol=1e-6)
    assert "sample" in loaded.endpoints()
    model.save_weights(tmp_path / "model.weights.h5")
    twin = autoencoder()
    twin.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(array(twin.sample(5, seed=2)), wanted, rtol=1e-6)


def test_a_sampler_outlives_the_file_it_is_read_from(tmp_path):
    """A store may give arrays that are read on demand, as HDF5 does."""
    h5py = pytest.importorskip("h5py")
    sampler = mixture.fit_mixture(correlated(50), 2)
    with h5py.File(tmp_path / "store.h5", "w") as store:
        mixture.save(sampler, store)
    with h5py.File(tmp_path / "store.h5") as store:
        loaded = mixture.load(store)
    for name, part in vars(sampler).items():
        np.testing.assert_array_equal(getattr(loaded, name), part)


@pytest.mark.slow
def test_a_sampler_takes_no_part_in_training():
    one, other = autoencoder(), autoencoder()
    one.fit_sampler(X)
    for model in (one, other):
        model.compile("sgd", **FAST)
        model.train_on_batch(X)
    for found, wanted in zip(one.variables, other.variables, strict=True):
        np.testing.assert_array_equal(array(found), array(wanted))


def test_batches_give_the_sampler_of_the_whole():
    model, other = autoencoder(), autoencoder()
    model.fit_sampler(X, components=2, batch_size=64)
    other.fit_sampler((batch for batch in [(X[:90], X[:90]), X[90:]]), components=2)
    np.testing.assert_allclose(model.sampler.means, other.sampler.means, rtol=1e-3, atol=1e-5)


def test_codes_are_sampled_as_many_at_a_time_as_asked_for(monkeypatch):
    model, rows = autoencoder(), set()
    codes_from_noise = type(model).codes_from_noise

    def counted(self, x, noise):
        rows.add(x.shape[0])
        return codes_from_noise(self, x, noise)

    monkeypatch.setattr(type(model), "codes_from_noise", counted)
    assert mixture.sample_posterior(model, X[:23], batch_size=5).shape == (23, 3)
    assert rows == {5}
    mixture.sample_posterior(model, X[:4], batch_size=5)
    assert rows == {5, 4}


def test_codes_may_be_maps():
    keras.utils.set_random_seed(0)
    model = kv.ConvAutoencoder((6, 5, 1), latent_channels=2, filters=(2,))
    model.fit_sampler(uniform(40, 6, 5, 1), components=2)
    assert tuple(model.sample(3, seed=0).shape) == (3, 6, 5, 1)


@pytest.mark.long
@pytest.mark.tensorflow
@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_exports_sample_what_the_model_samples(covariance, tmp_path):
    import tensorflow as tf

    from tests.support.litert_files import run

    model = autoencoder()
    model.fit_sampler(X, components=4, covariance=covariance)
    seeds = kv.random.row_seeds(5, 3)
    wanted = array(model.sample(5, seed=3))
    model.export(tmp_path / "sampler")
    loaded = tf.saved_model.load(str(tmp_path / "sampler"))
    found = loaded.signatures["sample"](seed=tf.constant(seeds))["reconstruction"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    file = tmp_path / "sampler.tflite"
    model.export(file, format="litert", endpoints=("sample",))
    found = run(file, "sample", seed=seeds)["reconstruction"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_model_without_prior_and_sampler_says_how_to_get_one():
    with pytest.raises(TypeError, match=r"(?s)Expected a model with a prior.*fit_sampler\(x\)"):
        autoencoder().sample(3)
    assert "sample" not in autoencoder().endpoints()


@pytest.mark.parametrize(
    ("codes", "kwargs", "message"),
    [
        (np.zeros((5, 2)), {"components": 0}, "components of at least 1.*Received: components=0"),
        (np.zeros((5, 2)), {"components": 6}, "as many codes as components.*components=6 and 5"),
        (np.zeros((5, 2)), {"covariance": "tied"}, "'full' or 'diag'. Received: covariance='tied'"),
        (np.zeros((20, 1025)), {}, "at most 1024.*Received: 1025.*'diag'"),
        (np.full((20, 2), np.nan), {}, "finite values in codes"),
    ],
)
def test_what_no_mixture_fits_is_refused(codes, kwargs, message):
    with pytest.raises(ValueError, match=message):
        mixture.fit_mixture(codes, **kwargs)


def test_examples_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"Expected x of shape \('batch', 6\)"):
        autoencoder().fit_sampler(np.zeros((20, 5)))
