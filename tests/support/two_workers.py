"""One of several workers: python -m tests.support.two_workers FILE.npz, with TF_CONFIG.

A process of its own for each worker. Trains, evaluates, and writes weights and logs.
"""

import contextlib
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import keras
import numpy as np
import tensorflow as tf

import keras_vae as kv
from tests.support import linear
from tests.support.models import array

BYTES = np.random.default_rng(5).integers(0, 256, (linear.ROWS, linear.FEATURES), np.uint8)
BATCH = 8  # Of 13 examples: a ragged last batch.


def bytes_as_they_are():
    """A model that is given bytes, and divides them itself."""
    keras.utils.set_random_seed(3)
    encoder, decoder = kv.nets.dense((linear.FEATURES,), linear.CODES, hidden=())
    x = keras.Input((linear.FEATURES,), dtype="uint8")
    floats = keras.layers.Rescaling(1 / 255)(x)
    return kv.Autoencoder(keras.Model(x, encoder(floats)), decoder)


def scaled():
    """A model whose scale starts from the data, of which each worker may see others."""
    return linear.autoencoder(likelihood="normal_learned_scale")


def train(make, x, y, strategy):
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = make()
        # Adam would hide a gradient of the wrong size.
        model.compile(keras.optimizers.SGD(0.05))
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    data = data.with_options(options)
    history = model.fit(data, epochs=2, validation_data=data, shuffle=False, verbose=0).history
    logs = model.evaluate(data, return_dict=True, verbose=0)
    return [*map(array, model.weights), *map(np.asarray, history.values()), logs["loss"]]


class Plain(keras.Sequential):
    """A model of Keras itself, with the step that everybody writes."""

    def train_step(self, x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self(x) ** 2)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": loss}


def refusals(strategy):
    """Why a model of Keras itself cannot be trained by several workers; empty when it can."""
    found = {}
    for name, x in (("bytes", BYTES), ("floats", linear.X)):
        with strategy.scope():
            first = keras.Input(x.shape[1:], dtype=x.dtype)
            model = Plain([first, keras.layers.Rescaling(0.1), keras.layers.Dense(4)])
            model.compile("sgd")
        try:
            data = tf.data.Dataset.from_tensor_slices(x).batch(8, drop_remainder=True)
            model.fit(data, shuffle=False, verbose=0)
            found[name] = ""
        except Exception as error:  # Of whatever kind the version of TensorFlow raises.
            found[name] = str(error)
    return found


def results(strategy=None):
    """Weights, logs and loss by name, of one worker if there is no strategy."""
    found = {"floats": train(linear.autoencoder, linear.X, linear.Y, strategy)}
    found["scaled"] = train(scaled, linear.X, linear.Y, strategy)
    found["bytes"] = train(bytes_as_they_are, BYTES, linear.Y, strategy)
    return {f"{k}/{i:02}": np.asarray(v) for k, vs in found.items() for i, v in enumerate(vs)}


def main(path):
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    reasons = {f"refusal/{k}": np.asarray(v) for k, v in refusals(strategy).items()}
    np.savez(path, **results(strategy), **reasons)


if __name__ == "__main__":
    main(sys.argv[1])
