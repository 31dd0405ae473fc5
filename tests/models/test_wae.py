"""WAE and InfoVAE: the discrepancy as a term, and the VAE as the limit."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.losses.terms import prior_discrepancy
from tests.support.models import FAST, array, dense, uniform
from tests.support.objectives import as_numpy, loss_and_gradients, terms

X = (np.random.default_rng(2).random((20, 6)) > 0.5).astype("float32")


def model(kind, heads=2, **kwargs):
    keras.utils.set_random_seed(3)
    return kind(*dense(heads), seed=4, **kwargs)


def rows(z, kernel="rbf", scale=None, seed=5):
    z = keras.ops.convert_to_tensor(np.asarray(z, "float32"))
    return array(prior_discrepancy(z, keras.random.SeedGenerator(seed), kernel, scale))


@pytest.mark.parametrize("kernel", ["rbf", "imq"])
def test_the_mean_of_the_summands_is_the_unbiased_discrepancy(kernel):
    z = np.random.default_rng(0).normal(size=(9, 2, 3)).astype("float32")
    prior = array(keras.random.normal(z.shape, seed=keras.random.SeedGenerator(5)))
    wanted = kv.estimators.mmd(z.reshape(9, 6), prior.reshape(9, 6), kernel=kernel, scale=2.0)
    assert rows(z, kernel, 2.0).mean() == pytest.approx(float(array(wanted)), abs=1e-6)


def test_codes_away_from_the_prior_have_the_discrepancy_of_the_closed_form():
    """Anchor row 17: kernel exp(-d2 / (2 * 8)) in 8 dimensions, N(1, I) against N(0, I)."""
    generator = np.random.default_rng(0)
    found = [rows(generator.normal(1.0, size=(1000, 8)), seed=i).mean() for i in range(5)]
    assert np.mean(found) == pytest.approx(0.2700738, abs=3 * 0.008)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 30])
def test_codes_from_the_prior_have_none_on_average_in_batches_of_any_size(count):
    """Anchor row 17, for one graph of many batches: so a ragged last batch adds no bias."""
    generator = np.random.default_rng(1)
    found = [rows(generator.normal(size=(count, 3)), seed=i).mean() for i in range(200)]
    assert abs(np.mean(found)) < 3.5 * np.std(found) / np.sqrt(len(found))


def test_a_single_code_has_no_discrepancy():
    np.testing.assert_array_equal(rows(np.full((1, 3), 9.0)), [0.0])


def test_without_the_discrepancy_the_wae_is_an_autoencoder():
    loss, gradients = loss_and_gradients(model(kv.WAE, 1, mmd_weight=0.0), X)
    expected, wanted = loss_and_gradients(model(kv.Autoencoder, 1), X)
    assert loss == pytest.approx(expected, rel=1e-6)
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.slow
def test_the_wae_brings_its_codes_to_the_prior():
    """Trained on the discrepancy alone, codes that were a line get means 0 and variances 1."""
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(4000, 2)).astype("float32")
    networks = kv.nets.dense((2,), 2, hidden=())
    wae = kv.WAE(*networks, loss_weights={"reconstruction": 0.0}, seed=0)
    wae.encoder.set_weights([np.array([[3.0, 0.0], [1.5, 0.3]], "float32"), np.full(2, 2.0, "f4")])
    wae.compile(keras.optimizers.Adam(0.03))
    wae.fit(x, batch_size=200, epochs=12, verbose=0)
    codes = array(wae.encode(x))
    np.testing.assert_allclose(codes.mean(0), 0.0, atol=0.15)
    np.testing.assert_allclose(np.cov(codes.T), np.eye(2), atol=0.2)


def test_the_wae_samples_from_the_prior_and_has_codes_without_noise():
    wae = model(kv.WAE, 1)
    z = array(wae.sample_codes_from_seeds(kv.random.row_seeds(4000, 1)))
    np.testing.assert_allclose(np.cov(z.T), np.eye(3), atol=0.1)
    cold = array(wae.sample(2, seed=0, temperature=0.0))
    np.testing.assert_allclose(cold, array(wae.decode(np.zeros((2, 3)))), rtol=1e-5)
    assert set(wae.endpoints()) == {"reconstruct", "encode", "decode", "score", "sample"}


def test_with_alpha_0_and_lambda_1_the_info_vae_is_the_vae():
    loss, gradients = loss_and_gradients(model(kv.InfoVAE, alpha=0.0, lambda_=1.0), X)
    expected, wanted = loss_and_gradients(model(kv.VAE), X)
    assert loss == expected
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_alpha_and_lambda_weigh_the_rate_and_the_discrepancy():
    """Zhao et al. 2017, equation 6."""
    found = {name: term.mean() for name, term in terms(model(kv.InfoVAE), X).items()}
    expected = found["reconstruction"] + 0.6 * found["kl"] + 6.4 * found["mmd"]
    loss, _ = loss_and_gradients(model(kv.InfoVAE, alpha=0.4, lambda_=7.0), X)
    assert loss == pytest.approx(expected, rel=1e-5)
    wanted = terms(model(kv.VAE), X)["kl"]
    np.testing.assert_allclose(terms(model(kv.InfoVAE), X)["kl"], wanted, rtol=1e-6)


def test_a_last_batch_of_one_example_keeps_the_weights_finite():
    wae = model(kv.WAE, 1)
    wae.compile("sgd", **FAST)
    history = wae.fit(uniform(5, 6), batch_size=4, verbose=0).history
    assert np.isfinite(history["mmd"]).all()
    assert all(np.isfinite(as_numpy(v)).all() for v in wae.trainable_variables)


@pytest.mark.parametrize("kind", [kv.WAE, kv.InfoVAE])
@pytest.mark.parametrize("bad", [{"kernel": "linear"}, {"scale": 0.0}])
def test_an_unknown_kernel_or_no_scale_is_refused(kind, bad):
    with pytest.raises(ValueError, match="Expected (kernel|scale).*Received"):
        model(kind, 1 if kind is kv.WAE else 2, **bad)
