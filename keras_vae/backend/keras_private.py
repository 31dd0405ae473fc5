"""Everything of Keras that is not public and that this package uses, in one module.

Keras 3 may change these names in any release. Adapting to a new release means changing this file
alone.
"""

from collections.abc import Mapping
from typing import Any


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
