"""A training step is the one written out in NumPy, however it is run and optimized."""

import keras
import numpy as np
import pytest

import keras_vae
from tests.support import linear
from tests.support.linear import BATCH, WEIGHTS, X, Y
from tests.support.models import FAST, array, assert_equal, flat, values
from tests.support.objectives import loss_and_gradients

BACKEND = keras.backend.backend()

MODES = {
    "plain": {},
    "eager": {"run_eagerly": True},
    "several_steps_at_once": {"steps_per_execution": 2},
    "compiled_by_xla": {"jit_compile": True},
}
if BACKEND == "torch":  # No steps_per_execution there, and torch.compile needs a compiler.
    MODES = {"plain": {}}


@pytest.mark.parametrize("mode", MODES)
def test_an_epoch_equals_gradient_descent_by_hand(mode):
    """Targets, sample weights and a ragged last batch included."""
    model = linear.autoencoder()
    expected = linear.train_by_hand(model, rate=0.1)
    model.compile(keras.optimizers.SGD(0.1), **MODES[mode])
    model.fit(X, Y, sample_weight=WEIGHTS, batch_size=BATCH, shuffle=False, verbose=0)
    assert_equal(values(model.trainable_variables), expected, rtol=1e-4, atol=1e-6)
    assert int(array(model.steps)) == 3


def test_an_epoch_of_a_vae_equals_gradient_descent_by_hand():
    """XLA draws other noise from the same seed, so that the oracle holds without it."""
    model = linear.vae(beta=0.7)
    expected = linear.train_vae_by_hand(model, rate=0.1, beta=0.7)
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(X, Y, sample_weight=WEIGHTS, batch_size=BATCH, shuffle=False, verbose=0)
    assert_equal(values(model.trainable_variables), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_evaluation_gives_the_means_that_numpy_gives(mode):
    model = linear.autoencoder()
    encoder, encoder_bias, decoder, decoder_bias = values(model.trainable_variables)
    model.compile(**MODES[mode])
    logs = model.evaluate(
        X, Y, sample_weight=WEIGHTS, batch_size=BATCH, return_dict=True, verbose=0
    )
    error = (X @ encoder + encoder_bias) @ decoder + decoder_bias - Y
    nats = 0.5 * (error**2).sum(1) + linear.FEATURES / 2 * np.log(2 * np.pi)
    assert logs["reconstruction"] == pytest.approx(np.average(nats, weights=WEIGHTS), rel=1e-5)
    assert logs["loss"] == pytest.approx(logs["reconstruction"], rel=1e-6)


OPTIMIZERS = {
    "clipped by norm": lambda: keras.optimizers.SGD(0.1, clipnorm=0.05),
    "clipped by value": lambda: keras.optimizers.SGD(0.1, clipvalue=0.01),
    "clipped by global norm": lambda: keras.optimizers.SGD(0.1, global_clipnorm=0.1),
    "accumulated": lambda: keras.optimizers.Adam(0.1, gradient_accumulation_steps=2),
    "averaged": lambda: keras.optimizers.SGD(
        0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2
    ),
    "decayed": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_an_optimizer_does_with_gradients_is_kept(name):
    model = linear.autoencoder()
    optimizer = OPTIMIZERS[name]()
    by_hand = [keras.Variable(value) for value in values(model.trainable_variables)]
    model.compile(OPTIMIZERS[name](), **FAST)
    for x, y, weights in linear.batches(X, Y, WEIGHTS):
        slopes = linear.gradients(values(by_hand), x, y, weights)
        optimizer.apply([keras.ops.cast(s, "float32") for s in slopes], by_hand)
        model.train_on_batch(x.astype("float32"), y.astype("float32"), weights.astype("float32"))
    assert_equal(values(model.trainable_variables), values(by_hand), rtol=1e-3, atol=1e-5)


# The loss is a mean over examples of sums over the event.


def test_the_gradient_of_a_batch_is_the_mean_of_the_gradients_of_its_halves():
    model = linear.autoencoder()
    halves = [loss_and_gradients(model, half) for half in (X[:6], X[6:12])]
    loss, found = loss_and_gradients(model, X[:12])
    assert loss == pytest.approx(np.mean([half[0] for half in halves]), rel=1e-5)
    wanted = [np.mean(pair, axis=0) for pair in zip(halves[0][1], halves[1][1], strict=True)]
    assert_equal(found, wanted, rtol=1e-4, atol=1e-6)


def test_duplicated_examples_change_nothing():
    model = linear.autoencoder()
    once, twice = loss_and_gradients(model, X), loss_and_gradients(model, np.repeat(X, 2, axis=0))
    assert twice[0] == pytest.approx(once[0], rel=1e-5)
    assert_equal(twice[1], once[1], rtol=1e-4, atol=1e-6)


def test_twice_the_features_give_twice_the_loss():
    """A sum over the event, not a mean."""
    narrow, wide = linear.autoencoder(), linear.autoencoder(features=2 * linear.FEATURES)
    for model in (narrow, wide):
        model.set_weights([np.zeros(weight.shape) for weight in model.weights])
    one, other = loss_and_gradients(narrow, X)[0], loss_and_gradients(wide, np.tile(X, 2))[0]
    assert other == pytest.approx(2 * one, rel=1e-5)


# Batches one at a time, and weights that stay.


def test_batches_can_be_trained_and_tested_one_at_a_time():
    model = linear.autoencoder()
    model.compile("sgd", **FAST)
    before = model.test_on_batch(X, Y, return_dict=True)
    logs = model.train_on_batch(X, Y, return_dict=True)
    assert logs["loss"] == pytest.approx(before["loss"], rel=1e-5)
    model.reset_metrics()
    assert model.test_on_batch(X, Y, return_dict=True)["loss"] < before["loss"]


def test_frozen_layers_stay_and_the_others_train():
    model = linear.autoencoder()
    model.encoder.trainable = False
    frozen, free = values(model.encoder.variables), values(model.decoder.variables)
    model.compile("sgd", **FAST)
    model.fit(X, batch_size=BATCH, verbose=0)
    assert_equal(values(model.encoder.variables), frozen)
    assert all(np.any(a != b) for a, b in zip(values(model.decoder.variables), free, strict=True))


# Half precision.


def test_gradients_too_small_for_half_precision_are_scaled():
    """Without `optimizer.scale_loss` in the step they would all be 0."""
    changes = {}
    for policy in ("float32", "mixed_float16"):
        keras.config.set_dtype_policy(policy)
        model = linear.autoencoder(loss_weights={"reconstruction": 1e-9})
        before = flat(values(model.trainable_variables))
        model.compile(keras.optimizers.SGD(1e9), **FAST)
        model.train_on_batch(X, Y)
        changes[policy] = flat(values(model.trainable_variables)) - before
    difference = np.linalg.norm(changes["mixed_float16"] - changes["float32"])
    assert difference < 0.02 * np.linalg.norm(changes["float32"])


class Chain(keras.layers.Layer):
    """Networks one after the other."""

    def __init__(self, parts):
        super().__init__()
        self.parts = parts

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x


def dense(inputs, outputs, name):
    x = keras.Input((inputs,))
    return keras.Model(x, keras.layers.Dense(outputs, name=name)(x))


def test_layers_of_one_name_are_trained_like_others():
    """Each keeps gradients of its own, and of the last step alone."""

    def trained(names):
        keras.utils.set_random_seed(0)
        sizes = ((3, 3), (3, linear.FEATURES))
        decoder = Chain([dense(*size, name) for size, name in zip(sizes, names, strict=True)])
        encoder = dense(linear.FEATURES, 3, "z")
        model = keras_vae.Autoencoder(encoder, decoder)
        model.compile(keras.optimizers.SGD(0.1))
        model.fit(X, batch_size=BATCH, shuffle=False, epochs=2, verbose=0)
        return values(model.trainable_variables)

    assert_equal(trained(["same", "same"]), trained(["one", "other"]), rtol=1e-5, atol=1e-6)


class Interrupt(keras.callbacks.Callback):
    """Ctrl-C before or after the first batch of a verb."""

    def raise_it(self, *_, logs=None):
        raise KeyboardInterrupt

    def __init__(self, moment):
        super().__init__()
        setattr(self, moment, self.raise_it)


@pytest.mark.parametrize("moment", ["on_train_batch_begin", "on_train_batch_end"])
def test_an_interrupted_model_has_the_weights_of_its_last_step(moment):
    model = linear.autoencoder()
    model.compile(keras.optimizers.SGD(0.1))
    start = flat(values(model.trainable_variables))
    steps = int(moment == "on_train_batch_end")
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[Interrupt(moment)])
    assert int(array(model.steps)) == steps
    assert np.any(flat(values(model.trainable_variables)) != start) == bool(steps)


@pytest.mark.parametrize("moment", ["on_test_batch_end", "on_predict_batch_end"])
def test_an_interrupted_evaluation_or_prediction_leaves_the_weights(moment):
    model = linear.autoencoder()
    model.compile()
    start = flat(values(model.trainable_variables))
    verb = model.evaluate if "test" in moment else model.predict
    with pytest.raises(KeyboardInterrupt):
        verb(X, batch_size=BATCH, verbose=0, callbacks=[Interrupt(moment)])
    np.testing.assert_array_equal(flat(values(model.trainable_variables)), start)


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore:.*ran out of data")
@pytest.mark.parametrize("at_once", [1, 4])
def test_the_end_of_data_without_a_known_length_is_no_step(at_once):
    import tensorflow as tf

    networks = keras_vae.nets.dense((6,), 2, (4,), heads=2)
    model = keras_vae.VAE(*networks, seed=0)
    model.compile("adam", steps_per_execution=at_once, jit_compile=False)
    data = tf.data.Dataset.from_tensor_slices(np.zeros((16, 6), "float32")).batch(4)
    batches = data.filter(lambda x: True)  # Its length is not known.
    model.fit(batches, epochs=3, verbose=0)
    assert array(model.steps) == array(model.optimizer.iterations) == 12
