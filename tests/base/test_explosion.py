"""`fit` warns once of a loss that grows tenfold, and not of one that is meant to rise."""

import contextlib
import re
import warnings

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.base.explosion import LossWatch
from tests.support import linear
from tests.support.models import FAST

EXPLODED = re.compile("has grown from .* nats, the mean up to step .*Lower the .*clipnorm=1.0")
X = np.ones((16, 4), "float32")


def watch(model, *logs, x=X):
    """Give a watch the logs of steps, one after another."""
    callback = LossWatch(x)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_begin(0)
    for step, one in enumerate(logs):
        callback.on_train_batch_begin(step)
        callback.on_train_batch_end(step, one)
    callback.on_epoch_end(0)


def count_warnings(*args, call=watch, **kwargs):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call(*args, **kwargs)
    texts = [str(one.message) for one in found if one.category is UserWarning]
    return sum(bool(EXPLODED.search(text)) for text in texts)


def autoencoder_logs(*values):
    return [{"loss": value, "reconstruction": value} for value in values]


def vae_logs(*pairs):
    return [{"loss": r + k, "reconstruction": r, "kl": k} for r, k in pairs]


@pytest.mark.parametrize("source", ["arrays", "a generator"])
def test_a_training_that_explodes_warns_once(source):
    model = linear.autoencoder()
    model.compile(keras.optimizers.SGD(3.0), **FAST)
    x = linear.X[:8] if source == "arrays" else ((linear.X[:2],) for _ in range(8))
    steps = None if source == "arrays" else 8
    given = {"batch_size": 2, "steps_per_epoch": steps, "shuffle": False, "verbose": 0}
    assert count_warnings(x, call=model.fit, **given) == 1


def test_the_callbacks_of_the_user_stay_and_are_not_changed():
    model, given = linear.autoencoder(), [keras.callbacks.History()]
    model.compile(keras.optimizers.SGD(0.0), **FAST)
    history = model.fit(linear.X, callbacks=given, verbose=0)
    assert history is given[0] and len(given) == 1
    assert model.fit(linear.X, callbacks=given[0], verbose=0) is given[0]


@pytest.mark.parametrize("last, wanted", [(59.0, 0), (61.0, 1), (np.inf, 1), (np.nan, 1)])
def test_the_limit_is_ten_times_the_first_loss(last, wanted):
    assert count_warnings(linear.autoencoder(), *autoencoder_logs(6.0, 2.0, last, 8.0)) == wanted


def test_a_first_loss_near_0_or_below_is_measured_by_the_number_of_elements():
    model = linear.autoencoder()
    assert count_warnings(model, *autoencoder_logs(0.01, 19.0)) == 0
    assert count_warnings(model, *autoencoder_logs(0.01, 21.0)) == 1
    assert count_warnings(model, *autoencoder_logs(-6.0, 59.0)) == 0
    assert count_warnings(model, *autoencoder_logs(-6.0, 61.0)) == 1


def test_an_explosion_among_the_first_steps_is_found_by_the_loss_of_outputs_0():
    """Of ones under a normal of variance 1, it is 4 (1 + log 2 pi) / 2 = 5.7 nats."""
    model = linear.autoencoder()
    assert count_warnings(model, *autoencoder_logs(56.0)) == 0
    assert count_warnings(model, *autoencoder_logs(58.0)) == 1
    large = 100 * X  # 20,004 nats.
    assert count_warnings(model, *autoencoder_logs(150_000.0), x=large) == 0
    assert count_warnings(model, *autoencoder_logs(250_000.0, 1e9), x=large) == 1
    assert count_warnings(model, *autoencoder_logs(250_000.0), x=[(large, None)]) == 1
    assert count_warnings(model, *autoencoder_logs(1e9), x=iter([large])) == 0


WARM_UPS = {
    "a schedule": lambda: kv.schedules.LinearWarmUp(10),
    "a controller": lambda: kv.controllers.Geco(2.0),
    "a callback": lambda: 0.0,
}


@pytest.mark.parametrize("name", WARM_UPS)
def test_a_kl_that_costs_nothing_at_first_may_grow(name):
    model = linear.vae(beta=WARM_UPS[name]())
    assert count_warnings(model, *vae_logs((6.0, 0.1), (3.0, 500.0))) == 0
    assert count_warnings(model, *vae_logs((6.0, 0.1), (70.0, 0.0))) == 1


def test_terms_count_by_their_weight():
    assert count_warnings(linear.vae(beta=0.1), *vae_logs((6.0, 0.1), (3.0, 500.0))) == 0
    assert count_warnings(linear.vae(), *vae_logs((6.0, 0.1), (3.0, 500.0))) == 1


def test_skipped_steps_of_a_resumed_training_have_no_logs():
    logs = autoencoder_logs(6.0, 59.0, 61.0)
    assert count_warnings(linear.autoencoder(), {}, logs[0], {}, logs[1], {}) == 0
    assert count_warnings(linear.autoencoder(), {}, logs[0], {}, logs[2], {}) == 1


@pytest.mark.parametrize("likelihood", ["normal_learned_scale", "normal_per_element"])
def test_a_scale_far_below_the_data_is_no_explosion(likelihood):
    """A mean of 9 and a deviation of 0.1 begin with 4,000 nats for each element."""
    keras.utils.set_random_seed(3)
    heads = kv.distributions.get(likelihood).heads
    networks = kv.nets.dense((4,), 2, (3,), heads=2, decoder_heads=heads)
    model = kv.VAE(*networks, likelihood=likelihood)
    x = np.random.default_rng(0).normal(9.0, 0.1, (12, 4)).astype("float32")
    model.compile(keras.optimizers.SGD(0.0), **FAST)
    assert model.fit(x, verbose=0).history["loss"][0] > 10_000.0


@pytest.mark.parametrize(
    ("likelihood", "scaled"),
    [("normal", True), ("poisson", False), ("gamma", False), ("beta_binomial_9", False)],
)
def test_a_scale_is_advised_where_the_likelihood_takes_one(likelihood, scaled):
    heads = kv.distributions.get(likelihood).heads
    networks = kv.nets.dense((4,), 2, hidden=(), decoder_heads=heads)
    model = kv.Autoencoder(*networks, likelihood=likelihood)
    with pytest.warns(UserWarning, match="Expected a loss that falls") as found:
        watch(model, *autoencoder_logs(3.0, 1e6))
    assert ("standardize" in str(found[0].message)) == scaled
    given = kv.preprocessing.standardize(np.arange(32.0).reshape(8, 4))
    with contextlib.nullcontext() if scaled else pytest.raises(ValueError, match="preprocess"):
        kv.Autoencoder(*networks, likelihood=likelihood, preprocess=given)
