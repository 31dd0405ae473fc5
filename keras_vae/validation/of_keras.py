"""Checks of the arguments that methods of Keras take: counts, callbacks, and optimizers."""

import inspect
from collections.abc import Callable, Collection
from typing import Any

import keras

from keras_vae.cli import did_you_mean
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.validation import arguments

# Counts and their smallest values; those of 0 may not be None.
LEAST = {
    **dict.fromkeys(("batch_size", "validation_batch_size", "steps_per_epoch", "steps"), 1),
    **{"validation_steps": 1, "epochs": 0, "initial_epoch": 0},
}


def name_arguments(
    function: Callable[..., Any], model: keras.Model, args: tuple, kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return the arguments of a method of Keras by name, without the model."""
    signature = inspect.signature(function)
    refuse_unknown(function, kwargs)
    try:
        given = signature.bind(model, *args, **kwargs).arguments
    except TypeError as error:
        raise UsageTypeError(
            f"Expected the arguments of keras.Model.{function.__name__}. Received: {error}."
        ) from error
    others = given.pop("kwargs", {})
    return {name: value for name, value in given.items() if name != "self"} | others


def refuse_unknown(function: Callable[..., Any], given: Collection[str]) -> None:
    """Raise TypeError for names that a method of Keras does not have; those of Keras begin with _.

    Args:
        function: The method.
        given: Names of arguments.
    """
    known = [name for name in inspect.signature(function).parameters if name != "kwargs"][1:]
    if unknown := [name for name in given if name not in known and not name.startswith("_")]:
        raise UsageTypeError(
            f"Expected arguments of {function.__name__} among {', '.join(known)}. Received: "
            f"{', '.join(unknown)}.{did_you_mean(unknown[0], known)}"
        )


def check_counts(given: dict[str, Any]) -> None:
    """Make Python integers of the counts in `given`; raise for what Keras would misread."""
    for name, least in LEAST.items():
        if name in given and (given[name] is not None or not least):
            given[name] = arguments.integer(name, given[name], least)
    for name in set(given) & {"shuffle", "return_dict"}:
        if not (name == "shuffle" and isinstance(given[name], str) and given[name] == "batch"):
            given[name] = arguments.flag(name, given[name])
    if "verbose" in given:
        given["verbose"] = arguments.verbose(given["verbose"])
    check_callbacks(given.get("callbacks"))
    frequency = given.get("validation_freq", 1)
    check = arguments.sizes if arguments.is_list(frequency) else arguments.integer
    check("validation_freq", frequency)
    split = given.get("validation_split") or 0.0
    if not 0 <= arguments.real("validation_split", split) < 1:
        raise UsageError(f"Expected validation_split from 0 to below 1. Received: {split!r}.")
    if split and given.get("validation_data") is not None:
        raise UsageError(
            "Expected validation_split or validation_data. Received: both, "
            f"validation_split={split!r}. (Leave one out.)"
        )


def check_compile_options(given: dict[str, Any]) -> None:
    """Raise an error for options of `keras.Model.compile` that Keras would misread or drop."""
    refuse_unknown(keras.Model.compile, given)
    for name in ("run_eagerly", "auto_scale_loss", "jit_compile"):
        value = given.get(name)
        if value is not None and not (name == "jit_compile" and value == "auto"):
            arguments.flag(name, value)
    if given.get("steps_per_execution") is not None:
        arguments.integer("steps_per_execution", given["steps_per_execution"])


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
