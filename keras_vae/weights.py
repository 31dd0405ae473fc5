"""Weights of loss terms: numbers, schedules over training steps, controllers with a state."""

from typing import Any

import keras

Schedule = keras.optimizers.schedules.LearningRateSchedule
LossWeight = float | Schedule


def as_loss_weight(model: Any, name: str, weight: LossWeight) -> Any:
    """A weight in a form that works inside a compiled step and is saved with the model.

    A number becomes a variable of `model`, so that a callback can assign it during training and
    a file keeps it. A schedule is called with the number of training steps done.

    Raises:
        ValueError: If `name` is not a term of `model`.
        TypeError: If `weight` is neither a number nor a schedule.
    """
    if name not in model.terms:
        raise ValueError(
            f"Expected loss_weights for the terms {model.terms} of {type(model).__name__}. "
            f"Received: {name!r}."
        )
    if isinstance(weight, Schedule):
        return weight
    if isinstance(weight, (int, float)) and not isinstance(weight, bool):
        return model.add_weight(
            name=f"{name}_weight",
            shape=(),
            initializer=keras.initializers.Constant(float(weight)),
            trainable=False,
            autocast=False,
        )
    raise TypeError(
        f"Expected the weight of {name!r} to be a number or a Keras schedule "
        f"(keras.optimizers.schedules). Received: {weight!r}."
    )
