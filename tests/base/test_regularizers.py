"""Penalties of weights count once; penalties that layers add by themselves are refused."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.support import linear
from tests.support.linear import BATCH, FEATURES, X
from tests.support.models import FAST, assert_equal, flat, values

L2 = 0.1


def regularized():
    """As `linear.autoencoder`, with a penalty on the encoder's kernel."""
    model = linear.autoencoder()
    kernel = keras.regularizers.L2(L2)
    code = keras.layers.Dense(linear.CODES, kernel_regularizer=kernel)
    encoder = keras.Sequential([keras.Input((FEATURES,)), code])
    twin = kv.Autoencoder(encoder, model.decoder)
    encoder.set_weights(model.encoder.get_weights())
    return twin


def test_the_gradient_of_a_weight_penalty_is_added_once():
    model = regularized()
    parameters = values(model.trainable_variables)
    model.compile(keras.optimizers.SGD(0.1), **FAST)
    for x, y, weights in linear.batches(X, X, linear.WEIGHTS):
        slopes = linear.gradients(parameters, x, y, weights)
        slopes[0] = slopes[0] + 2 * L2 * parameters[0]
        parameters = linear.descend(parameters, slopes, 0.1)
    model.fit(X, X, sample_weight=linear.WEIGHTS, batch_size=BATCH, shuffle=False, verbose=0)
    assert_equal(values(model.trainable_variables), parameters, rtol=1e-4, atol=1e-6)


def test_a_weight_penalty_is_in_the_logged_loss_of_training_and_evaluation():
    model = regularized()
    penalty = L2 * np.sum(values(model.trainable_variables)[0] ** 2)
    model.compile(keras.optimizers.SGD(0.0), **FAST)
    history = model.fit(X, batch_size=BATCH, validation_data=(X,), verbose=0).history
    for prefix in ("", "val_"):
        found = history[f"{prefix}loss"][0] - history[f"{prefix}reconstruction"][0]
        assert found == pytest.approx(penalty, rel=1e-4)


class Penalized(keras.layers.Layer):
    """A layer that adds a loss when it is called."""

    def call(self, x):
        self.add_loss(keras.ops.sum(keras.ops.square(x)))
        return x


def with_added_loss():
    return Penalized()


def with_activity_regularizer():
    return keras.layers.ActivityRegularization(l2=0.1)


@pytest.mark.parametrize("mode", ["compiled", "fast"])
@pytest.mark.parametrize("where", ["encoder", "decoder"])
@pytest.mark.parametrize("layer", [with_added_loss, with_activity_regularizer])
def test_losses_that_layers_add_are_refused_before_a_step_is_taken(layer, where, mode):
    networks = dict(zip(("encoder", "decoder"), kv.nets.dense((FEATURES,), 2, ()), strict=True))
    network = networks[where]
    networks[where] = keras.Model(network.input, layer()(network.output))
    model = kv.Autoencoder(**networks)
    model.compile("sgd", **(FAST if mode == "fast" else {}))
    before = flat(values(model.variables))
    with pytest.raises(ValueError, match="(?s)Expected networks whose layers add no losses.*add_"):
        model.fit(X, verbose=0)
    np.testing.assert_array_equal(flat(values(model.variables)), before)
