"""The state of a training as arrays and plain values: captured from a model, and restored."""

import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_vae.backend import sync_variables
from keras_vae.errors import UsageError

# Keras numbers the layers of a process: dense_3_kernel in one is dense_kernel in another.
NUMBER = re.compile(r"_\d+(?=[/_]|$)")
PLAIN = (bool, int, float, str, type(None))


def variables(model: Any) -> list[Any]:
    """Return all variables of a model in training, each once.

    These are weights, states of random generators, running means, and those of the optimizer.

    Args:
        model: A compiled model.

    Raises:
        ValueError: If the model is not built.
    """
    if not model.built:
        raise UsageError(
            f"Expected a model that is built. Received: {type(model).__name__} without variables. "
            "(Call model.build_for(x) with a batch before fit.)"
        )
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    every = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return list({id(variable): variable for variable in every}.values())


def variable_names(model: Any) -> list[str]:
    """Return the paths of `variables(model)` without the numbers that Keras appends."""
    return [NUMBER.sub("", variable.path) for variable in variables(model)]


def capture(model: Any) -> list[np.ndarray]:
    """Return copies of the values of `variables(model)`, also during a training."""
    sync_variables(model)
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables(model)]


def assign(model: Any, known_names: Sequence[str], arrays: Sequence[np.ndarray]) -> None:
    """Assign captured values to the variables of a model.

    Args:
        model: A compiled model.
        known_names: `variable_names` of the captured model.
        arrays: Its values, from `capture`.

    Raises:
        ValueError: If the model has other variables.
    """
    own = variables(model)
    wanted = [(n, tuple(a.shape), str(a.dtype)) for n, a in zip(known_names, arrays, strict=True)]
    found = [
        (n, tuple(v.shape), keras.backend.standardize_dtype(v.dtype))
        for n, v in zip(variable_names(model), own, strict=True)
    ]
    if wanted != found:
        first = next((a for a in zip(wanted, found, strict=False) if a[0] != a[1]), None)
        raise UsageError(
            f"Expected the model and the optimizer of the checkpoint, {len(wanted)} variables. "
            f"Received: {len(found)} in {type(model).__name__}"
            + (f", the first other one {first[1]} for {first[0]}" if first else "")
            + ". (Build and compile it as before, or remove the folder to train from the start.)"
        )
    for variable, array in zip(own, arrays, strict=True):
        variable.assign(array)


def callback_state(callback: Any) -> dict[str, Any]:
    """Return the state of a callback: its attributes that are plain values or arrays.

    A callback that has a method `resume_state` chooses its state itself.
    """
    if hasattr(callback, "resume_state"):
        return callback.resume_state()
    known = {k: v for k, v in vars(callback).items() if k not in ("model", "_model", "params")}
    return {k: _copy(v) for k, v in known.items() if _is_storable(v)}


def initial_state(callback: Any) -> dict[str, Any]:
    """Return the state of a callback that is stored only if it changes.

    These are settings, which a later process may choose differently.
    """
    return {} if hasattr(callback, "resume_state") else callback_state(callback)


def restore_callback(callback: Any, state: dict[str, Any]) -> None:
    """Restore the state of a callback that `callback_state` returned."""
    if hasattr(callback, "resume_from"):
        callback.resume_from(state)
    else:
        vars(callback).update(state)


def flatten(states: Any) -> tuple[Any, list[np.ndarray]]:
    """Split states of callbacks into a tree that JSON can hold, and its arrays."""
    arrays: list[np.ndarray] = []

    def take_arrays(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            arrays.append(value)
            return {"array": len(arrays) - 1}
        if isinstance(value, list):
            return [take_arrays(one) for one in value]
        return value

    tree = [{key: take_arrays(value) for key, value in state.items()} for state in states]
    return tree, arrays


def unflatten(tree: Any, arrays: Sequence[np.ndarray]) -> Any:
    """Return the states that `flatten` has split."""

    def put_arrays(value: Any) -> Any:
        if isinstance(value, dict):
            return np.array(arrays[value["array"]])
        return [put_arrays(one) for one in value] if isinstance(value, list) else value

    return [{key: put_arrays(value) for key, value in state.items()} for state in tree]


def _is_storable(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, (np.ndarray, np.generic)) for one in value)
    return isinstance(value, (*PLAIN, np.generic, np.ndarray))


def _copy(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list):
        return [np.array(one) for one in value]
    return np.array(value) if isinstance(value, np.ndarray) else value


def are_equal(value: Any, before: Any) -> bool:
    """Compare plain values, arrays and lists of arrays; arrays must have the same bytes."""
    if isinstance(value, list) and isinstance(before, list):
        return len(value) == len(before) and all(map(are_equal, value, before))
    if isinstance(value, np.ndarray) and isinstance(before, np.ndarray):
        same_type = value.dtype == before.dtype and value.shape == before.shape
        return same_type and value.tobytes() == before.tobytes()
    if isinstance(value, list | np.ndarray) or isinstance(before, list | np.ndarray):
        return False
    return bool(value == before)
