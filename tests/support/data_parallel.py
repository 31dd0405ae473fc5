"""Train on one of two JAX devices and on both: python -m tests.support.data_parallel FILE.npz.

A process of its own, because JAX must be told of two devices before it starts.
"""

import os
import sys

os.environ |= {
    "KERAS_BACKEND": "jax",
    "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    "JAX_PLATFORMS": "cpu",
}

import jax
import keras
import numpy as np

from tests.support import linear
from tests.support.models import array


def train(distribution):
    with distribution.scope():
        model = linear.autoencoder()
        model.compile(keras.optimizers.SGD(0.05))
    with distribution.scope():
        history = model.fit(
            linear.X[:12], linear.Y[:12], batch_size=6, epochs=2, shuffle=False, verbose=0
        ).history
        logs = model.evaluate(
            linear.X[:12], linear.Y[:12], batch_size=6, return_dict=True, verbose=0
        )
    spread = len(model.weights[1].value.sharding.device_set)
    return [*map(array, model.weights), *map(np.asarray, history.values()), logs["loss"]], spread


def main(path):
    results = {}
    for count in (1, 2):
        devices = [f"cpu:{i}" for i in range(count)]
        values, spread = train(
            keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
        )
        results |= {f"{count}/{i:02}": np.asarray(v) for i, v in enumerate(values)}
        results[f"devices/{count}"] = np.asarray(spread)
    assert len(jax.devices()) == 2
    np.savez(path, **results)


if __name__ == "__main__":
    main(sys.argv[1])
