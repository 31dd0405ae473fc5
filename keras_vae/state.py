"""All that a training has learned, as arrays and plain values, out of a model and back into it."""

import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_vae.steps import settle

# Keras numbers what a process makes: dense_3_kernel in one is dense_kernel in another.
NUMBER = re.compile(r"_\d+(?=[/_]|$)")
PLAIN = (bool, int, float, str, type(None))


def variables(model: Any) -> list[Any]:
    """Weights, states of random generators, running means, and those of the optimizer, once each.

    Raises:
        ValueError: If the model has not made its variables yet.
    """
    if not model.built:
        raise ValueError(
            f"Expected a model that is built. Received: {type(model).__name__} without variables. "
            "(Call model.build_for(x) with a batch before fit.)"
        )
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    every = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return list({id(variable): variable for variable in every}.values())


def names(model: Any) -> list[str]:
    """Of the variables, without the numbers that Keras gives."""
    return [NUMBER.sub("", variable.path) for variable in variables(model)]


def values(some: Sequence[Any]) -> list[np.ndarray]:
    """Copies of the values of variables."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in some]


def captured(model: Any) -> list[np.ndarray]:
    """The values of all variables of a model, also in the middle of a training."""
    settle(model)
    return values(variables(model))


def assign(model: Any, known_names: Sequence[str], arrays: Sequence[np.ndarray]) -> None:
    """Give a model the values that `captured` has found.

    Raises:
        ValueError: If the model has other variables.
    """
    own = variables(model)
    wanted = [(n, tuple(a.shape), str(a.dtype)) for n, a in zip(known_names, arrays, strict=True)]
    found = [
        (n, tuple(v.shape), keras.backend.standardize_dtype(v.dtype))
        for n, v in zip(names(model), own, strict=True)
    ]
    if wanted != found:
        first = next((a for a in zip(wanted, found, strict=False) if a[0] != a[1]), None)
        raise ValueError(
            f"Expected the model and the optimizer of the checkpoint, {len(wanted)} variables. "
            f"Received: {len(found)} in {type(model).__name__}"
            + (f", the first other one {first[1]} for {first[0]}" if first else "")
            + ". (Build and compile it as before, or remove the folder to train from the start.)"
        )
    for variable, array in zip(own, arrays, strict=True):
        variable.assign(array)


def plain(callback: Any) -> dict[str, Any]:
    """What a callback knows: plain values, arrays and lists of arrays among its attributes."""
    if hasattr(callback, "resume_state"):
        return callback.resume_state()
    known = {k: v for k, v in vars(callback).items() if k not in ("model", "_model", "params")}
    return {k: _copied(v) for k, v in known.items() if _is_kept(v)}


def initial(callback: Any) -> dict[str, Any]:
    """What is not kept unless it changes: settings, of which a later process may have others."""
    return {} if hasattr(callback, "resume_state") else plain(callback)


def give_back(callback: Any, state: dict[str, Any]) -> None:
    """The inverse of `plain`."""
    if hasattr(callback, "resume_from"):
        callback.resume_from(state)
    else:
        vars(callback).update(state)


def flattened(states: Any) -> tuple[Any, list[np.ndarray]]:
    """A tree that JSON can hold, and its arrays, which `unflattened` puts back."""
    arrays: list[np.ndarray] = []

    def lifted(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            arrays.append(value)
            return {"array": len(arrays) - 1}
        if isinstance(value, list):
            return [lifted(one) for one in value]
        return value

    tree = [{key: lifted(value) for key, value in state.items()} for state in states]
    return tree, arrays


def unflattened(tree: Any, arrays: Sequence[np.ndarray]) -> Any:
    """The inverse of `flattened`."""

    def lowered(value: Any) -> Any:
        if isinstance(value, dict):
            return np.array(arrays[value["array"]])
        return [lowered(one) for one in value] if isinstance(value, list) else value

    return [{key: lowered(value) for key, value in state.items()} for state in tree]


def _is_kept(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, (np.ndarray, np.generic)) for one in value)
    return isinstance(value, (*PLAIN, np.generic, np.ndarray))


def _copied(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list):
        return [np.array(one) for one in value]
    return np.array(value) if isinstance(value, np.ndarray) else value
