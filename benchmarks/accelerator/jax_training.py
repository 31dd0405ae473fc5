"""Training of this package on JAX: whole epochs in one compiled scan, or `fit`."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import network
from benchmarks.accelerator import plan
from benchmarks.accelerator.plan import Row

Epochs = Callable[[int], float]


def prepare(row: Row) -> tuple[Epochs, str]:
    """Return a function that trains a number of epochs and returns the loss, and the device.

    The scan calls the `train_step` that `fit` compiles, with data that are on the device.
    """
    import jax
    import keras

    import keras_vae as kv

    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_global_policy(_policy(row))
    model, data = keras_model(row), example_data(row)
    kv.compile_fast(model, keras.optimizers.Adam(network.RATE), say=lambda text: None)
    model.optimizer.build(model.trainable_variables)
    device = jax.devices()[0].device_kind
    if row.library == plan.FIT:
        return _fit(row, model, data), device
    return _scan(row, model, data), device


def keras_model(row: Row) -> Any:
    """Return the network of a row in Keras."""
    import keras_vae as kv
    from benchmarks.peers import families

    family = plan.NETWORKS[row.network].family
    if family is not None:
        return families.keras_model(family)
    model = kv.ConvVAE(network.IMAGE_SHAPE, network.LATENT, activation="relu", seed=0)
    network.check_parameters(sum(int(np.prod(v.shape)) for v in model.trainable_variables))
    return model


def example_data(row: Row) -> np.ndarray:
    """Return the random examples of a row, float32."""
    from benchmarks.peers import families

    family = plan.NETWORKS[row.network].family
    if family is None:
        return np.random.default_rng(0).random((row.count, *network.IMAGE_SHAPE), dtype="float32")
    return families.FAMILIES[family].part("data")(family, row.count)[0]


def _policy(row: Row) -> str:
    return "mixed_bfloat16" if row.precision == "bfloat16" else "float32"


def _fit(row: Row, model: Any, data: np.ndarray) -> Epochs:
    def epochs(count: int) -> float:
        history = model.fit(data, batch_size=row.batch, epochs=count, verbose=0).history
        return float(history["loss"][-1])

    return epochs


def _scan(row: Row, model: Any, data: np.ndarray) -> Epochs:
    """Return the training of epochs of which each is one call of compiled code."""
    import jax
    from jax import numpy as jnp

    examples = jax.device_put(data)

    def one_step(state: Any, rows: Any) -> Any:
        logs, state = model.train_step(state, (examples[rows],))
        return state, logs["loss"]

    def one_epoch(state: Any, key: Any) -> Any:
        order = jax.random.permutation(key, row.count).reshape(-1, row.batch)
        state, losses = jax.lax.scan(one_step, state, order)
        return state, losses[-1]

    run = jax.jit(one_epoch, donate_argnums=0)
    groups = (
        *(model.trainable_variables, model.non_trainable_variables),
        *(model.optimizer.variables, model.metrics_variables),
    )
    # Copies, because the state of each call is deleted by the next one.
    held: list[Any] = [tuple([jnp.array(v.value) for v in group] for group in groups)]
    keys = (jax.random.key(number) for number in itertools.count())

    def epochs(count: int) -> float:
        loss = jnp.zeros(())
        for _ in range(count):
            held[0], loss = run(held[0], next(keys))
        return float(loss)

    return epochs
