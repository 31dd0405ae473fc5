"""TensorFlow ops that are faster than those of Keras on a CPU, with the same results.

Results agree with those of Keras within rounding. An op replaces a method of a layer, of an
optimizer, or of the formulas of this thread only while a step or a function runs or is traced.
Saved and exported models use Keras's own methods.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

from keras_vae.backend.formulas import formulas
from keras_vae.backend.keras_private import flatten_layers
from keras_vae.backend.tensorflow_kernels import (
    adam,
    attention,
    convolution,
    elementwise,
    normalization,
    recurrence,
)

Replacement = tuple[Any, str, Callable]

# For each kind of layer, the function that returns a faster `call` of a layer, or None.
LAYERS: dict[type, Callable[[Any], Callable | None]] = {
    keras.layers.Conv2DTranspose: convolution.faster_call,
    keras.layers.BatchNormalization: normalization.faster_batch_call,
    keras.layers.LayerNormalization: normalization.faster_layer_call,
    keras.layers.MultiHeadAttention: attention.faster_call,
    keras.layers.LSTM: recurrence.faster_call,
}


def use_in_training(model: keras.Model) -> contextlib.AbstractContextManager[None]:
    """Return a context in which the step of `model` uses the faster ops.

    Keras's ops stay with XLA, on a GPU, in eager steps, and with several replicas.
    """
    unchanged = model.jit_compile or model.run_eagerly or _has_gpu_or_strategy()
    return _replace_methods([] if unchanged else replacements(model))


def use_in_calls(model: keras.Model) -> contextlib.AbstractContextManager[None]:
    """Return a context in which calls of the layers of `model` use the faster ops.

    It is for functions that are compiled without XLA.
    """
    return _replace_methods([] if _has_gpu_or_strategy() else _replace_layers(model))


@contextlib.contextmanager
def _replace_methods(methods: Iterable[Replacement]) -> Iterator[None]:
    states: list[tuple[dict[str, Any], str, Callable]] = [
        (owner.__dict__, name, method)
        for owner, name, method in methods
        if name not in owner.__dict__
    ]
    for state, name, method in states:
        state[name] = method
    try:
        yield
    finally:
        for state, name, _ in states:
            state.pop(name, None)


def _has_gpu_or_strategy() -> bool:
    return tf.distribute.has_strategy() or bool(tf.config.list_logical_devices("GPU"))


def replacements(model: keras.Model) -> Iterator[Replacement]:
    """Yield the owner, the name and the replacement of each method, once for each owner."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if step := adam.faster_step(optimizer):
        yield optimizer, "update_step", step
    yield from _replace_layers(model)


def _replace_layers(model: keras.Model) -> Iterator[Replacement]:
    yield formulas, "softplus", elementwise.softplus
    for layer in {id(layer): layer for layer in flatten_layers(model)}.values():
        faster = LAYERS.get(type(layer))
        if faster is not None and (call := faster(layer)):
            yield layer, "call", call
