"""Everything of Keras that is not public and that this package uses, in one module.

Keras 3 may change these names in any release. Adapting to a new release means changing this file
alone.
"""

import contextlib
import contextvars
import functools
import math
import threading
from collections.abc import Iterator, Mapping
from typing import IO, Any

from keras.src.trainers.data_adapters import get_data_adapter
from keras.src.trainers.data_adapters.data_adapter import DataAdapter as DataAdapter

from keras_vae.errors import UsageError

_left: contextvars.ContextVar[list[int] | None] = contextvars.ContextVar("left", default=None)
_adding = threading.RLock()


def flatten_layers(model: Any) -> list[Any]:
    """Return `model` and all layers in it at any depth, in a fixed order.

    A layer that is used twice may be listed twice.
    """
    return list(model._flatten_layers())


def adam_slots(optimizer: Any, variable: Any) -> tuple[Any, Any]:
    """Return the first and the second moment that Adam keeps for `variable`.

    Args:
        optimizer: A built `keras.optimizers.Adam` or `AdamW`.
        variable: A trainable variable of this optimizer.

    Returns:
        Two `keras.Variable` of the shape of `variable`.
    """
    index = optimizer._get_variable_index(variable)
    return optimizer._momentums[index], optimizer._velocities[index]


def stored_value(variable: Any) -> Any:
    """Return the tensor in a `keras.Variable`; None while a training on JAX holds it."""
    return variable._value


def validates_in_fit(arguments: Mapping[str, Any]) -> bool:
    """Return whether the arguments of an `evaluate` show that `fit` calls it for validation."""
    return bool(arguments.get("_use_cached_eval_dataset"))


def data_adapter(
    x: Any, y: Any = None, sample_weight: Any = None, shuffle: Any = False
) -> DataAdapter:
    """Return the adapter that Keras makes for a source of batches.

    `fit` and `evaluate` take an adapter as x and as validation data.
    """
    return get_data_adapter(x, y, sample_weight, shuffle=shuffle)


def load_open_file(file: IO[bytes], custom_objects: Any, compile: bool) -> Any:
    """Load the model of an open .keras file, in safe mode.

    `keras.saving.load_model` takes paths only, and chooses the format by their ends.
    """
    from keras.src.saving import saving_lib

    return saving_lib.load_model(file, custom_objects, compile, safe_mode=True)


@contextlib.contextmanager
def limit_variables(size: int) -> Iterator[None]:
    """Raise ValueError in the block before variables of more than `size` bytes in all are made.

    It counts the variables of this thread.
    """
    _count_variables()
    token = _left.set([size])
    try:
        yield
    finally:
        _left.reset(token)


@functools.cache
def _count_variables() -> None:
    """Let variables of Keras count their bytes before they are allocated."""
    from keras.src.backend.common.variables import Variable

    validate = Variable._validate_shape

    def count(self: Any, shape: Any) -> Any:
        shape = validate(self, shape)
        # Keras asks twice on JAX.
        if (left := _left.get()) is not None and not self.__dict__.get("_is_counted"):
            self.__dict__["_is_counted"] = True
            left[0] -= math.prod(shape) * _item_size(self._dtype)
            if left[0] < 0:
                raise UsageError(
                    f"Expected variables that are not much larger than the stored weights. "
                    f"Received: one of shape {tuple(shape)}."
                )
        return shape

    Variable._validate_shape = count


def _item_size(dtype: str) -> int:
    """Return the bytes of an element, such as 2 for bfloat16; half bytes count as one."""
    bits = "".join(filter(str.isdigit, dtype.partition("_")[0]))
    return max(int(bits or 8) // 8, 1)


@contextlib.contextmanager
def plain_addition() -> Iterator[None]:
    """Let sums of Keras on TensorFlow be additions where the second array has one channel.

    With a batch of one, Keras takes `(1, time, 1)` for a bias of `time` channels that come first.
    LiteRT and ONNX do not have that op. Other threads see the change, with the same numbers. One
    at a time makes it, so that the last one takes it back.
    """
    import tensorflow as tf
    from keras.src.backend.tensorflow import numpy as formulas

    def add_channel(x1: Any, x2: Any) -> Any:
        if not (tf.is_tensor(x1) and tf.is_tensor(x2)) or x1.dtype != x2.dtype:
            return add(x1, x2)
        is_channel = x1.shape.rank is not None and x1.shape.rank == x2.shape.rank
        if is_channel and x1.shape.rank > 2 and x2.shape[-1] == 1:
            return tf.add(x1, x2)
        return add(x1, x2)

    with _adding:
        add = formulas.add
        formulas.add = add_channel
        try:
            yield
        finally:
            formulas.add = add


def own_variables(layer: Any) -> list[Any]:
    """Return the variables of `layer` without those of sub-layers, in the order of files."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def origin(output: Any) -> tuple[Any, Any]:
    """Return the layer or op that made a symbolic tensor, and the first tensor it was made from.

    Models are looked into as far as they are made of known layers. Both are None if unknown.
    """
    operation, source, _ = numbered_origin(output)
    return operation, source


def numbered_origin(output: Any) -> tuple[Any, Any, int]:
    """Return the result of `origin`, and the number of the tensor among the outputs."""
    history = getattr(output, "_keras_history", None)
    if history is None or history.operation is None:
        return None, None, 0
    operation, node, number = history
    outputs = getattr(operation, "outputs", None)
    if outputs:  # Those of a model.
        return numbered_origin(outputs[number])
    inputs = operation._inbound_nodes[node].input_tensors
    return operation, inputs[0] if inputs else None, number


@contextlib.contextmanager
def unlock(layer: Any) -> Iterator[Any]:
    """Give the tracker of a layer, which takes new variables and sub-layers in the context.

    Keras locks a layer once it is built.
    """
    tracker = layer._tracker
    locked = tracker.locked
    tracker.unlock()
    try:
        yield tracker
    finally:
        if locked:
            tracker.lock()


def recompile(model: Any) -> None:
    """Make the compiled steps of a model anew, if there are any."""
    for kind in ("train", "test", "predict"):
        if getattr(model, f"{kind}_function", None) is not None:
            getattr(model, f"make_{kind}_function")(force=True)


class KnownShapes:
    """A mixin for a TensorFlow model that knows its shapes without a first batch of data.

    Keras 3.15 draws a batch before training to find the shapes. It averages this batch over the
    workers, which fails for bytes. A model that is built needs the variables of its optimizer only.
    """

    built: bool
    optimizer: Any
    trainable_variables: Any

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Create the variables of the optimizer, and leave the rest to Keras if not built."""
        strategy = getattr(self, "_distribute_strategy", None)
        if strategy is None or not self.built:
            super()._maybe_symbolic_build(iterator, data_batch)  # type: ignore[misc]
        elif self.optimizer is not None and not self.optimizer.built:
            with strategy.scope():
                self.optimizer.build(self.trainable_variables)
