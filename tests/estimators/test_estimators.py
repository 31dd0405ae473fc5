"""log p(x) of models for which it is known: by formula, or by a grid over two latent dimensions."""

import keras
import numpy as np
import pytest
from scipy import stats

import keras_vae as kv
from keras_vae import estimators

# E[IWAE bound] for p(z) = N(0, 1), p(x | z) = N(z, 1), x = 0, q = N(0, 1), by integration.
IWAE_OF_TOY = {1: -1.4189385, 2: -1.3173039, 5: -1.28263, 10: -1.27368, 50: -1.26713}


def gaussian_toy(slope, variance):
    """p(z) = N(0, 1), p(x | z) = N(z, 1), and q(z | x) = N(slope x, variance)."""
    x = keras.Input((1,))
    mean = keras.layers.Dense(1, use_bias=False, kernel_initializer=_constant(slope))(x)
    log_variance = keras.layers.Dense(
        1, kernel_initializer="zeros", bias_initializer=_constant(np.log(variance))
    )(x)
    z = keras.Input((1,))
    same = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(z)
    return kv.VAE(keras.Model(x, [mean, log_variance]), keras.Model(z, same), likelihood="normal")


def _constant(value):
    return keras.initializers.Constant(value)


@pytest.fixture(scope="module")
def bounds_of_zero():
    """Bounds of 20,000 copies of x = 0, each with noise of its own."""
    model = gaussian_toy(0.0, 1.0)
    return estimators.measure_likelihood(model, np.zeros((20_000, 1), "float32"), IWAE_OF_TOY)


@pytest.mark.parametrize("samples", IWAE_OF_TOY)
def test_the_importance_weighted_bound_of_k_samples_has_its_exact_expectation(
    bounds_of_zero, samples
):
    bounds = bounds_of_zero.bounds[samples]
    error = bounds.std() / np.sqrt(len(bounds))
    assert abs(bounds.mean() - IWAE_OF_TOY[samples]) < 3.5 * error + 6e-5


def test_the_bound_rises_with_the_number_of_samples(bounds_of_zero):
    means = [bounds_of_zero.bounds[samples].mean() for samples in sorted(IWAE_OF_TOY)]
    assert np.all(np.diff(means) > 0)
    assert means[-1] < -0.5 * np.log(4 * np.pi)


def test_the_gap_to_the_truth_shrinks_as_one_over_the_number_of_samples(bounds_of_zero):
    gap = -0.5 * np.log(4 * np.pi) - bounds_of_zero.bounds[50].mean()
    assert gap * 50 == pytest.approx((2 / np.sqrt(3) - 1) / 2, rel=0.2)


def test_the_elbo_is_the_bound_of_one_sample_averaged(bounds_of_zero):
    assert bounds_of_zero.elbo.mean() == pytest.approx(IWAE_OF_TOY[1], abs=0.003)


def test_at_the_exact_posterior_every_sample_gives_log_p_without_variance():
    x = np.linspace(-3, 3, 7, dtype="float32")[:, None]
    exact = stats.norm(0, np.sqrt(2)).logpdf(x[:, 0])
    for weights in estimators.log_weights(gaussian_toy(0.5, 0.5), x, samples=20):
        np.testing.assert_allclose(weights, np.repeat(exact[:, None], 20, axis=1), atol=3e-6)


def test_the_standard_error_is_the_spread_of_the_estimate():
    x = np.full((2000, 1), 1.0, "float32")
    estimate, error = estimators.log_likelihood(
        gaussian_toy(0.3, 1.0), x, samples=400, return_standard_error=True
    )
    exact = stats.norm(0, np.sqrt(2)).logpdf(1.0)
    assert np.std(estimate - exact) == pytest.approx(np.sqrt(np.mean(error**2)), rel=0.1)


@pytest.fixture(scope="module")
def digits_model():
    """A VAE with two latent dimensions, trained a little on binary digits; and 40 of the digits."""
    from sklearn.datasets import load_digits

    x = (load_digits().data >= 8).astype("float32")
    keras.utils.set_random_seed(0)
    model = kv.VAE(*kv.nets.dense((64,), 2, hidden=(32,), heads=2), seed=0)
    model.compile(keras.optimizers.Adam(5e-3))
    model.fit(x, batch_size=64, epochs=12, verbose=0)
    return model, x[:40]


@pytest.mark.long
def test_five_thousand_samples_agree_with_a_grid_over_the_codes(digits_model):
    model, x = digits_model
    exact = estimators.quadrature_log_likelihood(model, x, points=200)
    estimate, error = estimators.log_likelihood(model, x, return_standard_error=True)
    assert abs(np.mean(estimate - exact)) < 0.02
    assert np.mean(estimate) <= np.mean(exact) + 3 * np.sqrt(np.sum(error**2)) / len(x)


@pytest.mark.slow
def test_a_finer_and_a_wider_grid_change_nothing(digits_model):
    model, x = digits_model
    exact = estimators.quadrature_log_likelihood(model, x[:5], points=120)
    finer = estimators.quadrature_log_likelihood(model, x[:5], points=200, limit=6.0)
    np.testing.assert_allclose(finer, exact, atol=2e-3)


def test_the_grid_gives_the_known_density_of_a_linear_model():
    z = keras.Input((2,))
    decoder = keras.Model(z, keras.layers.Dense(2, kernel_initializer="identity")(z))
    encoder, _ = kv.nets.dense((2,), 2, hidden=(), heads=2)
    model = kv.VAE(encoder, decoder, likelihood="normal")
    x = np.asarray([[0.0, 0.0], [1.0, -2.0]], "float32")
    exact = stats.multivariate_normal([0, 0], 2 * np.eye(2)).logpdf(x)
    found = estimators.quadrature_log_likelihood(model, x, points=100, limit=8.0)
    np.testing.assert_allclose(found, exact, atol=1e-5)


@pytest.mark.parametrize("batch_size", [pytest.param(1, marks=pytest.mark.slow), 7, 40, 100])
def test_the_result_does_not_depend_on_the_batch_size(digits_model, batch_size):
    model, x = digits_model
    usual = estimators.log_likelihood(model, x, samples=30)
    other = estimators.log_likelihood(model, x, samples=30, batch_size=batch_size)
    # The noise is the same to the bit; a matrix product of another size may round differently.
    np.testing.assert_allclose(other, usual, atol=3e-5)


def test_the_result_does_not_depend_on_how_samples_are_cut_into_chunks(digits_model, monkeypatch):
    model, x = digits_model
    usual = estimators.log_likelihood(model, x, samples=50)
    monkeypatch.setattr("keras_vae.estimators.likelihood.NOISE_PER_CHUNK", 1)
    np.testing.assert_allclose(estimators.log_likelihood(model, x, samples=50), usual, atol=3e-5)


def test_a_progress_bar_ends_when_all_chunks_of_all_batches_are_done(monkeypatch, capsys):
    """Three batches of 20 samples in three chunks of at most eight."""
    monkeypatch.setattr("keras_vae.estimators.likelihood.NOISE_PER_CHUNK", 1)
    model, x = gaussian_toy(0.0, 1.0), np.zeros((5, 1), "float32")
    estimators.log_likelihood(model, x, samples=20, batch_size=2)
    assert capsys.readouterr().out == ""
    estimators.log_likelihood(model, x, samples=20, batch_size=2, verbose=1)
    shown = capsys.readouterr().out
    assert "1/9" in shown and "9/9" in shown.splitlines()[-1] and shown.endswith("\n")


def test_a_grid_is_decoded_in_batches(monkeypatch):
    monkeypatch.setattr("keras_vae.estimators.quadrature.default_batch_size", lambda shape: 7)
    model = kv.VAE(*kv.nets.dense((2,), 2, hidden=(), heads=2), likelihood="normal")
    rows, observation = set(), type(model).observation

    def counted(self, z, training=False):
        rows.add(z.shape[0])
        return observation(self, z, training)

    x = np.zeros((1, 2), "float32")
    whole = estimators.quadrature_log_likelihood(model, x, points=2)
    monkeypatch.setattr(type(model), "observation", counted)
    assert estimators.quadrature_log_likelihood(model, x, points=2) == whole
    assert rows == {4}
    estimators.quadrature_log_likelihood(model, x, points=5)
    assert rows == {4, 7}


def test_more_samples_contain_the_fewer(digits_model):
    model, x = digits_model
    few, many = (np.concatenate([*estimators.log_weights(model, x, s)]) for s in (5, 50))
    np.testing.assert_allclose(many[:, :5], few, atol=3e-5)


def test_another_seed_gives_other_noise_and_the_same_seed_the_same(digits_model):
    model, x = digits_model
    first, again, other = (estimators.log_likelihood(model, x, 5, seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(again, first)
    assert np.all(other != first)


@pytest.mark.parametrize("seed", [-1, 2**63, 2**70 + 1])
def test_a_seed_may_be_any_integer(seed):
    model, x = gaussian_toy(0.0, 1.0), np.zeros((3, 1), "float32")
    given, usual = (estimators.log_likelihood(model, x, 4, seed=s) for s in (seed, 0))
    assert np.isfinite(given).all() and np.all(given != usual)


def test_examples_have_noise_of_their_own():
    weights = estimators.log_likelihood(gaussian_toy(0.0, 1.0), np.zeros((50, 1), "float32"), 1)
    assert len(np.unique(weights)) == 50


@pytest.mark.only_on("tensorflow", "jax")  # PyTorch runs uncompiled.
def test_chunks_do_not_retrace(digits_model, monkeypatch):
    model, x = digits_model
    traces = []
    observation = type(model).observation

    def counted(self, z, training=False):
        traces.append(z)
        return observation(self, z, training)

    monkeypatch.setattr("keras_vae.estimators.likelihood.NOISE_PER_CHUNK", 1)
    monkeypatch.setattr(type(model), "observation", counted)
    estimators.log_likelihood(model, x[:1], samples=8)
    once = len(traces)
    estimators.log_likelihood(model, x, samples=80, batch_size=7)
    assert len(traces) == 2 * once > 0


def test_the_weights_of_the_model_survive_and_training_goes_on(digits_model):
    model, x = digits_model
    before = [np.array(weight) for weight in model.get_weights()]
    estimators.log_likelihood(model, x, samples=2)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    model.fit(x, epochs=1, verbose=0)


@pytest.mark.parametrize("numbers", [{"samples": 0}, {"samples": -1}, {"batch_size": 0}])
def test_numbers_below_one_are_refused(digits_model, numbers):
    model, x = digits_model
    with pytest.raises(ValueError, match="at least 1"):
        estimators.log_likelihood(model, x, **numbers)


@pytest.mark.parametrize("numbers", [{"samples": 2.5}, {"samples": "10"}, {"batch_size": 1.5}])
def test_numbers_that_are_no_integers_are_refused(digits_model, numbers):
    model, x = digits_model
    with pytest.raises(TypeError, match=f"Expected {next(iter(numbers))} of at least 1, an int"):
        estimators.log_likelihood(model, x, **numbers)


def test_data_outside_the_support_are_refused_before_any_work(digits_model):
    model, x = digits_model
    with pytest.raises(ValueError, match="support"):
        estimators.log_likelihood(model, 255.0 * x)


def test_a_model_without_a_posterior_is_refused_by_name():
    model = kv.Autoencoder(*kv.nets.dense((4,), 2, hidden=()))
    with pytest.raises(TypeError, match="Autoencoder, which gives x no probability"):
        estimators.log_likelihood(model, np.zeros((3, 4), "float32"))


def test_a_grid_over_other_than_two_dimensions_is_refused():
    with pytest.raises(ValueError, match=r"codes of shape \(2,\)"):
        estimators.quadrature_log_likelihood(gaussian_toy(0.0, 1.0), np.zeros((1, 1), "float32"))


def test_the_log_of_a_mean_survives_extremes():
    assert estimators.log_mean_exp([-1e5, -1e5 + np.log(3)]) == pytest.approx(-1e5 + np.log(2))
    assert estimators.log_mean_exp([-np.inf, 0.0]) == pytest.approx(-np.log(2))
    assert estimators.log_mean_exp([-np.inf, -np.inf]) == -np.inf
    assert estimators.log_mean_exp([[700.0, 900.0], [0.0, 0.0]], axis=0).shape == (2,)
    with pytest.raises(ValueError, match="at least one value"):
        estimators.log_mean_exp([])


def test_a_uniform_model_of_eight_bits_needs_eight_bits():
    uniform_probabilities = 784 * np.log(256)
    assert estimators.bits_per_dim(uniform_probabilities, (28, 28, 1)) == pytest.approx(8)
    density_one = 0.0
    assert estimators.bits_per_dim(density_one, (28, 28, 1), levels=256) == pytest.approx(8)
    with pytest.raises(ValueError, match="levels of at least 1"):
        estimators.bits_per_dim(1.0, (4,), levels=0)
