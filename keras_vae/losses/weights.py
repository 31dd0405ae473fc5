"""Loss weights: numbers, schedules over training steps, and controllers with a state."""

import numbers
from collections.abc import Mapping
from typing import Any, TypeAlias

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from keras_vae.backend import sum_over_replicas
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.losses.controllers import Controller
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

LossWeight: TypeAlias = float | LearningRateSchedule | Controller


def merged(own: Mapping[str, LossWeight], given: Any) -> dict[str, LossWeight]:
    """Return a model's own loss weights, updated by those of `loss_weights`."""
    return {**own, **arguments.mapping("loss_weights", given)}


def as_loss_weight(model: Any, name: str, weight: LossWeight) -> Any:
    """Convert a loss weight to a form that works in a compiled step and is saved with the model.

    A number becomes a variable of `model`, so that a callback can assign it during training and
    a file keeps it. A schedule is called with the number of training steps done, a controller
    with the term.

    Raises:
        ValueError: If `name` is not a term of `model` or a number is not finite.
        TypeError: If `weight` is neither a number nor a schedule nor a controller.
    """
    if name not in model.terms:
        raise UsageError(
            f"Expected loss_weights for the terms {model.terms} of {type(model).__name__}. "
            f"Received: {name!r}."
        )
    if isinstance(weight, (LearningRateSchedule, Controller)):
        return weight
    if isinstance(weight, numbers.Real) and not isinstance(weight, bool):
        arguments.real(f"the weight of {name!r}", weight)
        return model.add_weight(
            name=f"{name}_weight",
            shape=(),
            dtype="float32",
            initializer=keras.initializers.Constant(float(weight)),
            trainable=False,
            autocast=False,
        )
    raise UsageTypeError(
        f"Expected the weight of {name!r} to be a number, a Keras schedule or a controller "
        f"(keras_vae.schedules, keras_vae.controllers). Received: {weight!r}."
    )


def weighted(weight: Any, term: Tensor, rows: Tensor | None, step: Any, training: bool) -> Tensor:
    """Return the loss of a term, `(batch,)`, in nats.

    Args:
        weight: From `as_loss_weight`, or None for 1.
        term: The term, `(batch,)`, in nats.
        rows: Sample weights, `(batch,)`, or None for ones.
        step: Training steps done.
        training: Whether a controller learns from this batch.
    """
    if weight is None:
        return term
    if not isinstance(weight, Controller):
        return term * ops.cast(weight(step) if callable(weight) else weight, "float32")
    mean = _batch_mean(term, rows)
    minimized = weight.minimized(term, mean, step)
    if training:
        weight.update(mean, step)
    return minimized


def _batch_mean(term: Tensor, rows: Tensor | None) -> Tensor:
    """Return the mean of `term` with weights `rows`, over all replicas, without gradient."""
    rows = ops.ones_like(term) if rows is None else rows
    total = sum_over_replicas(ops.sum(ops.stop_gradient(term) * rows))
    return total / ops.maximum(sum_over_replicas(ops.sum(rows)), keras.config.epsilon())
