"""A scale that is learned starts at the spread of the data, once, and never again."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.callbacks import ExactResume
from keras_vae.distributions import Normal
from tests.support.models import FAST, array

X = np.random.default_rng(0).normal([3.0, -2.0, 0.5, 9.0], 0.1, (12, 4)).astype("float32")
IMAGES = np.random.default_rng(1).random((12, 5, 6, 2), dtype="float32")


def learned(beta=1.0):
    keras.utils.set_random_seed(3)
    networks = kv.nets.dense((4,), 2, (3,), heads=2)
    return kv.VAE(*networks, likelihood="normal_learned_scale", beta=beta, seed=1)


def fit(model, x, rate=0.0, **kwargs):
    model.compile(keras.optimizers.SGD(rate), **FAST)
    model.fit(x, verbose=0, **kwargs)
    return model


def log_var(model):
    return float(array(model.shared_parameters[0]))


def log_variance(x):
    """Of the data around the mean of each element."""
    return np.log(np.var(x.astype("float64"), axis=0).mean())


@pytest.fixture
def half_counts():
    return np.repeat([1.0, 0.0], 6).astype("float32")


DATA = {
    "arrays": lambda: (X, X),
    "a target": lambda: (np.zeros_like(X), X),
    "a generator": lambda: (((X[i : i + 6],) for i in (0, 6)), X[:6]),
}


@pytest.mark.parametrize("name", DATA)
def test_a_shared_scale_starts_at_the_spread_around_the_mean_of_each_element(name):
    data, expected = DATA[name]()
    given = {"x": data, "y": X if name == "a target" else None, "shuffle": False}
    given["steps_per_epoch"] = 2 if name == "a generator" else None
    assert log_var(fit(learned(), **given)) == pytest.approx(log_variance(expected), rel=1e-5)


def test_the_spread_is_that_of_preprocessed_data_without_gaps():
    keras.utils.set_random_seed(3)
    steps = [kv.layers.FillGaps(0.0), keras.layers.Rescaling(2.0)]
    networks = kv.nets.dense((4,), 2, (3,), heads=2)
    model = kv.VAE(*networks, likelihood="normal_learned_scale", preprocess=steps)
    gaps = X.copy()
    gaps[6:, :3] = np.nan
    squares = np.square(2 * (gaps - np.nanmean(gaps, axis=0)))
    assert log_var(fit(model, gaps)) == pytest.approx(np.log(np.nanmean(squares)), rel=1e-4)


def test_rows_of_weight_0_do_not_count(half_counts):
    x = np.where(half_counts[:, None] > 0, X, 1e6).astype("float32")
    model = fit(learned(), x, sample_weight=half_counts)
    assert log_var(model) == pytest.approx(log_variance(X[:6]), rel=1e-5)


def test_padding_does_not_count():
    x = np.random.default_rng(2).normal(size=(8, 4, 2)).astype("float32")
    mask = (np.arange(4) <= np.arange(8)[:, None] % 4).astype("float32")
    padded = np.where(mask[..., None] > 0, x, np.nan)
    model = kv.LSTMVAE((4, 2), 3, masked=True, units=(3,), likelihood="normal_learned_scale")
    fit(model, (np.nan_to_num(padded, nan=1e3), mask))
    steps = [x[mask[:, t] > 0, t] for t in range(4)]
    squares = [np.square(s - s.mean(0)).sum() for s in steps]
    expected = np.log(sum(squares) / (2 * mask.sum()))
    assert log_var(model) == pytest.approx(expected, rel=1e-4)


def test_a_single_row_starts_at_its_spread_and_a_constant_one_is_not_infinite():
    assert log_var(fit(learned(), X[:1])) == pytest.approx(np.log(np.var(X[0])), rel=1e-5)
    assert -25 < log_var(fit(learned(), np.full((3, 4), 0.5, "float32"))) < -15
    assert log_var(fit(learned(), np.zeros((3, 4), "float32"))) == 0.0


def test_train_on_batch_starts_too():
    model = learned()
    model.compile(keras.optimizers.SGD(0.0), **FAST)
    model.train_on_batch(X[:6])
    assert log_var(model) == pytest.approx(log_variance(X[:6]), rel=1e-5)


@pytest.mark.parametrize(
    "networks",
    [kv.nets.dense((5, 6, 2), 2, (3,), 2, 2), kv.nets.conv((5, 6, 2), 2, (3, 4), 5, 2, 2)],
    ids=["dense", "conv"],
)
def test_outputs_that_are_scales_start_at_the_spread_and_the_means_stay(networks):
    model = kv.VAE(*networks, likelihood="normal_per_element")
    z = np.random.default_rng(0).normal(size=(3, 2)).astype("float32")
    mean, log_var = (array(part) for part in model.decoder(z))
    fit(model, IMAGES)
    new_mean, new_log_var = (array(part) for part in model.decoder(z))
    np.testing.assert_array_equal(new_mean, mean)
    np.testing.assert_allclose(new_log_var - log_var, log_variance(IMAGES), rtol=1e-4)


def test_a_ladder_starts_too():
    networks = kv.nets.conv_ladder((8, 8, 1), 2, 1, (3, 4), decoder_heads=2)
    model = kv.LadderVAE(*networks, likelihood="normal_per_element")
    x = IMAGES[:, :, :, :1].repeat(2, 1)[:, :8].repeat(2, 2)[:, :, :8]
    fit(model, x)
    bias = array(last_bias(model.decoder.head))
    np.testing.assert_allclose(bias, [0.0, log_variance(x)], rtol=1e-5)


def last_bias(network):
    return [layer.bias for layer in network.layers if getattr(layer, "bias", None) is not None][-1]


def test_a_scale_that_was_set_or_frozen_stays():
    model = learned()
    model.shared_parameters[0].assign(-7.0)
    assert log_var(fit(model, X)) == -7.0
    networks = kv.nets.dense((4,), 2, (3,), heads=2, decoder_heads=2)
    model = kv.VAE(*networks, likelihood="normal_per_element")
    model.decoder.trainable = False
    fit(model, X)
    np.testing.assert_array_equal(array(last_bias(model.decoder)), np.zeros(8))


def test_a_model_that_was_trained_is_not_started_again(tmp_path):
    model = fit(learned(), X)
    model.shared_parameters[0].assign(0.0)  # As a training may have ended.
    assert log_var(fit(model, X)) == 0.0
    model.save(tmp_path / "model.keras")
    assert log_var(fit(keras.saving.load_model(tmp_path / "model.keras"), X)) == 0.0
    model.save_weights(tmp_path / "model.weights.h5")
    other = learned()
    other.load_weights(tmp_path / "model.weights.h5")
    assert log_var(fit(other, X)) == 0.0


class StopAt(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if batch == self.step:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_a_resumed_training_ends_with_the_same_bits(tmp_path):
    def train(folder, step=None):
        model = learned()
        resume = ExactResume(folder, [StopAt(step)], minutes=None, steps=1, say=lambda text: None)
        return fit(model, X, rate=1e-5, epochs=2, batch_size=4, callbacks=[resume])

    whole = train(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", 1)
    found = train(tmp_path / "parts")
    assert log_var(found) not in (0.0, log_variance(X))
    for one, other in zip(found.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(array(one), array(other))


def test_the_first_loss_is_that_of_the_scale_of_the_data():
    """-log p(x | z) of the untrained decoder, with the variance of the data in place of 1."""
    model = fit(learned(beta=0.0), X, batch_size=12)
    q = model.posterior(X)
    mean = model.observation(q.mean).mean
    expected = -array(Normal(mean, np.log(np.var(X, 0).mean())).log_prob(X)).mean()
    assert float(array(model.evaluate(X, verbose=0))[0]) == pytest.approx(expected, rel=0.2)
