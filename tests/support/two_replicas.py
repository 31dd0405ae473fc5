"""Train on one device and on two replicas: python -m tests.support.two_replicas FILE.npz.

A process of its own, because TensorFlow must be told of virtual devices before it starts.
"""

import contextlib
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import keras
import numpy as np
import tensorflow as tf

import keras_vae as kv
from tests.base.test_regularizers import regularized
from tests.support import linear
from tests.support.linear import WEIGHTS, X, Y
from tests.support.models import array, values

# Of 13 examples, the last batch has 5 (three and two a replica), or 1 (one and none).
BATCHES = {"odd": 8, "single": 12}


def controlled():
    """What a controller sees is the mean over all replicas."""
    from keras_vae.losses.controllers import Capacity

    return linear.autoencoder(loss_weights={"reconstruction": Capacity(5.0, gamma=0.5)})


def quantized(**kwargs):
    """Counts and sums of codes are those of all replicas."""
    keras.utils.set_random_seed(3)
    networks = kv.nets.dense((linear.FEATURES,), linear.CODES, hidden=())
    model = kv.VQVAE(*networks, **{"codebook_size": 3, "decay": 0.5, "restart": 0.0, **kwargs})
    model.quantizer.codebook.assign(np.eye(3, linear.CODES))
    return model


MODELS = {
    "plain": linear.autoencoder,
    "regularized": regularized,
    "controlled": controlled,
    "quantized": quantized,
}


def train(make, batch, strategy):
    scope = strategy.scope() if strategy else contextlib.nullcontext()
    with scope:
        model = make()
        # Adam would hide a gradient of the wrong size.
        model.compile(keras.optimizers.SGD(0.05), run_eagerly=not strategy)
    arguments = {"sample_weight": WEIGHTS, "batch_size": batch, "verbose": 0}
    history = model.fit(X, Y, shuffle=False, epochs=2, **arguments).history
    logs = model.evaluate(X, Y, return_dict=True, **arguments)
    return [*values(model.weights), *map(np.asarray, history.values()), logs["loss"]]


def restarted(strategy):
    """The codebook on each of two replicas, after all codes but one were dead."""
    with strategy.scope():
        model = quantized(restart=0.9, seed=0)
        model.quantizer.codebook.assign([[0.0, 0.0], [99.0, 99.0], [-99.0, 99.0]])
        model.compile(keras.optimizers.SGD(0.0))
    model.fit(X, batch_size=12, verbose=0)
    return [v.numpy() for v in model.quantizer.codebook.value.values]


def noise(strategy):
    """What each of two replicas draws from a model's seed, and then what one alone draws."""
    with strategy.scope():
        model = linear.vae()
    drawn = strategy.run(lambda: keras.random.normal((4,), seed=model.seed_generator))
    alone = keras.random.normal((4,), seed=linear.vae().seed_generator)
    return [array(d) for d in (*strategy.experimental_local_results(drawn), alone)]


def collapsed(strategy):
    """What is said at the end of a training whose posterior never leaves the prior."""
    said = []
    with strategy.scope():
        model = linear.vae()
        model.encoder.set_weights([0.0 * w for w in model.encoder.get_weights()])
        model.compile(keras.optimizers.SGD(0.0))
    report = kv.callbacks.LatentReport(X, said.append, least_steps=2)
    model.fit(X, batch_size=7, verbose=0, callbacks=[report])
    return len(said)


def main(path):
    devices = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
    # One strategy only: a second one would mistake the collectives of the first for its own.
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    results = {"noise": np.stack(noise(strategy)), "restarted": np.stack(restarted(strategy))}
    results["collapsed"] = np.asarray(collapsed(strategy))
    for name, make in MODELS.items():
        for kind, batch in BATCHES.items() if name == "plain" else [("odd", BATCHES["odd"])]:
            for count, scope in (("one", None), ("two", strategy)):
                for i, value in enumerate(train(make, batch, scope)):
                    results[f"{name}/{kind}/{count}/{i:02}"] = np.asarray(value)
    np.savez(path, **results)


if __name__ == "__main__":
    main(sys.argv[1])
