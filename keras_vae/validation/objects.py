"""Checks of arguments that are no numbers: models, functions, lists of objects, class labels."""

import numbers
import os
from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras
import numpy as np

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.validation.arguments import is_list
from keras_vae.validation.containers import refuse_masked, to_array

# What is no model, whatever methods it has.
DATA = (type, str, bytes, os.PathLike, numbers.Number, Mapping, Collection, np.ndarray, np.generic)
VERBS = ("encode", "decode", "posterior", "reconstruct", "sample")


def model(value: Any) -> Any:
    """Return `value`; raise TypeError for a file, data, a function or a layer in its place.

    Any other object with one of the verbs of a model may have those that are asked of it.
    """
    is_part = not any(hasattr(value, verb) for verb in VERBS)
    if is_part or isinstance(value, DATA):
        is_text = isinstance(value, str | bytes)
        raise UsageTypeError(
            "Expected model to be an autoencoder of keras_vae, such as a keras_vae.VAE. Received: "
            f"{_kind_of(value)}." + " (keras_vae.load reads a file.)" * (is_text and value != "")
        )
    return value


def function(name: str, value: Any) -> Callable[..., Any]:
    """Return `value`; raise TypeError unless it can be called."""
    if not callable(value):
        raise UsageTypeError(
            f"Expected {name} to be a function. Received: {_kind_of(value)}, {name}={value!r:.80}."
        )
    return value


def callbacks(value: Any) -> list[keras.callbacks.Callback]:
    """Return callbacks in a list or a tuple as a list; raise TypeError for anything else."""
    if is_list(value) and all(isinstance(one, keras.callbacks.Callback) for one in value):
        return list(value)
    raise UsageTypeError(
        f"Expected callbacks to be a list of Keras callbacks. Received: {value!r:.80}. (Write "
        "callbacks=[callback].)"
    )


def autoencoder(value: Any, cls: type) -> Any:
    """Return `value`; raise TypeError unless it is of `cls`, the class of all autoencoders."""
    if not isinstance(value, cls):
        advice = " (keras_vae.load reads a file.)" if isinstance(value, str | os.PathLike) else ""
        raise UsageTypeError(
            f"Expected an autoencoder of keras_vae. Received: {_kind_of(value)}.{advice}"
        )
    return value


def activation(value: Any) -> Any:
    """Return an activation that Keras knows by name, or a function; raise ValueError otherwise."""
    try:
        keras.activations.get(value)
    except (TypeError, ValueError) as error:
        raise UsageError(
            "Expected activation to be the name of a Keras activation, such as 'relu', or a "
            f"function. Received: activation={value!r}."
        ) from error
    return value


def labels(name: str, values: Any) -> np.ndarray:
    """Return class labels, an array of integers or text of any shape.

    Args:
        name: Name of the argument, for the message.
        values: An array, a tensor, or a list.

    Raises:
        ValueError: If a label is masked, a fraction, or NaN.
        TypeError: If labels are other objects, such as dates or None.
    """
    refuse_masked(name, values)
    if isinstance(values, str | bytes | Mapping | set | frozenset | os.PathLike):
        raise UsageTypeError(
            f"Expected {name} to be a list of classes, one for each example. Received: "
            f"{values!r:.80}."
        )
    found = to_array(name, values)
    if found.dtype.kind == "f" and (found != np.round(found)).any():
        raise UsageError(
            f"Expected labels of classes, integers or text, in {name}. Received: fractions or NaN."
        )
    kinds = {type(one).__name__ for one in found.flat} if found.dtype == object else set()
    if kinds - {"str"} or found.dtype.kind in "cVMm":
        raise UsageTypeError(
            f"Expected labels of classes, integers or text, in {name}. Received: objects of "
            f"{', '.join(sorted(kinds)) or found.dtype}."
        )
    return found


def check_keras_arguments(cls: type, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `given`, arguments that every Keras model takes: `name`, `dtype`, `trainable`.

    Args:
        cls: The class that is constructed, for the message.
        given: Arguments by name.

    Raises:
        TypeError: If there is an argument that `cls` does not have.
        ValueError: If the name is no text, empty, or has a "/".
    """
    unknown = sorted(set(given) - {"name", "dtype", "trainable"})
    if unknown:
        raise UsageTypeError(
            f"Expected arguments that {cls.__name__} has. Received: {', '.join(unknown)}. "
            f"(help(keras_vae.{cls.__name__}) lists them.)"
        )
    called = given.get("name")
    if called is not None and (not isinstance(called, str) or not called or "/" in called):
        raise UsageError(f"Expected name to be text without '/'. Received: name={called!r}.")
    return given


def _kind_of(value: Any) -> str:
    """Return words for a value: the class of an object, or the name of a class."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
