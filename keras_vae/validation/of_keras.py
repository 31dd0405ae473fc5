"""Checks of the arguments that methods of Keras take: counts, callbacks, and optimizers."""

import inspect
from collections.abc import Callable
from typing import Any

import keras

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.validation import arguments


def name_arguments(
    function: Callable[..., Any], model: keras.Model, args: tuple, kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return the arguments of a method of Keras by name, without the model."""
    signature = inspect.signature(function)
    given = signature.bind(model, *args, **kwargs).arguments
    others = given.pop("kwargs", {})
    return {name: value for name, value in given.items() if name != "self"} | others


def check_counts(given: dict[str, Any]) -> None:
    """Make Python integers of the counts in `given`; raise for what Keras would misread."""
    for name in ("batch_size", "validation_batch_size", "steps_per_epoch", "steps", "epochs"):
        if given.get(name) is not None:
            given[name] = arguments.integer(name, given[name], 0 if name == "epochs" else 1)
    if "verbose" in given:
        given["verbose"] = arguments.verbose(given["verbose"])
    check_callbacks(given.get("callbacks"))
    split = given.get("validation_split") or 0.0
    if not 0 <= arguments.real("validation_split", split) < 1:
        raise UsageError(f"Expected validation_split from 0 to below 1. Received: {split!r}.")


def check_callbacks(value: Any) -> None:
    """Raise TypeError unless `callbacks` of a method of Keras, or None, can be called back."""
    parts = [] if value is None else keras.tree.flatten(value)
    if not all(hasattr(one, "set_model") and not isinstance(one, type) for one in parts):
        raise UsageTypeError(
            f"Expected callbacks to be a list of Keras callbacks. Received: {value!r:.80}. (Give "
            "objects: callbacks=[keras.callbacks.TerminateOnNaN()].)"
        )


def check_optimizer(value: Any) -> None:
    """Raise ValueError for what Keras does not take for an optimizer."""
    if value is None:
        return
    try:
        keras.optimizers.get(value)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            "Expected optimizer to be the name of a Keras optimizer, such as 'adam', or an object "
            f"of one. Received: optimizer={value!r:.80}."
        ) from error


def refuse_class_weight(class_weight: Any) -> None:
    """Raise ValueError for weights of classes, which the data here do not have."""
    if class_weight is not None:
        raise UsageError(
            f"Expected no class_weight: y is no class here. Received: {class_weight!r}. (Give a "
            "weight for each example: sample_weight=numpy.array([class_weight[c] for c in labels])"
            ".)"
        )
