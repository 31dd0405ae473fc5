"""The state of a training as arrays and plain values: captured from a model, and restored."""

import re
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_vae.backend import sync_variables
from keras_vae.errors import UsageError

# Keras numbers the layers of a process: dense_3_kernel in one is dense_kernel in another.
NUMBER = re.compile(r"_\d+(?=[/_]|$)")
PLAIN = (bool, int, float, str, type(None))


def variables(model: keras.Model) -> list[Any]:
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


def variable_names(model: keras.Model) -> list[str]:
    """Return the paths of `variables(model)` without the numbers that Keras appends."""
    return [NUMBER.sub("", variable.path) for variable in variables(model)]


def capture(model: keras.Model) -> list[np.ndarray]:
    """Return copies of the values of `variables(model)`, also during a training."""
    sync_variables(model)
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables(model)]


def assign(model: keras.Model, known_names: Sequence[str], arrays: Sequence[np.ndarray]) -> None:
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


def changes(callback: Any, initial: dict[str, Any]) -> dict[str, Any]:
    """Return the state of a callback that has changed, as far as a checkpoint may restore it.

    Text is left out, with a warning: it may be a path, and a checkpoint may be a stranger's.
    """
    now = callback_state(callback)
    changed = {k: v for k, v in now.items() if k not in initial or not are_equal(v, initial[k])}
    if hasattr(callback, "resume_state"):
        return changed
    for name in [name for name, value in changed.items() if isinstance(value, str)]:
        del changed[name]
        warnings.warn(
            f"Expected callbacks that change numbers and arrays. Received: "
            f"{type(callback).__name__}, which has changed the text {name!r}. A checkpoint does "
            "not restore it. (Give the callback resume_state and resume_from.)",
            stacklevel=2,
        )
    return changed


def restore_callback(callback: Any, state: dict[str, Any]) -> None:
    """Restore the state of a callback that `changes` returned.

    Without `resume_from`, only numbers and arrays are set, and only in place of such or where there
    was nothing. So a checkpoint can redirect no file and replace no method.

    Raises:
        ValueError: If the state has something else.
    """
    if hasattr(callback, "resume_from"):
        try:
            callback.resume_from(state)
        except (AttributeError, KeyError, TypeError) as error:
            raise _state_error(callback, f"{sorted(state)} ({error})") from error
        return
    for name, value in state.items():
        if not _is_number(value) or not _may_set(callback, name):
            raise _state_error(callback, f"{name!r}")
    vars(callback).update(state)


def _may_set(callback: Any, name: str) -> bool:
    if name in vars(callback):
        return _is_number(vars(callback)[name])
    return not hasattr(type(callback), name)


def _is_number(value: Any) -> bool:
    """Return whether a value is a number, an array, a list of arrays, or None."""
    is_empty = isinstance(value, list) and not value
    return is_empty or (_is_storable(value) and not isinstance(value, str))


def _state_error(callback: Any, what: str) -> UsageError:
    return UsageError(
        f"Expected a checkpoint that restores numbers and arrays of {type(callback).__name__}. "
        f"Received: one that sets {what}. (It is of another program: remove the folder to train "
        "from the start.)"
    )


def check_form(content: Any) -> None:
    """Raise ValueError unless the content of a checkpoint is as `ExactResume` writes it."""
    about, arrays = content
    callbacks, names = about.get("callbacks"), about.get("names")
    right = (
        all(type(about.get(name)) is int and about[name] >= 0 for name in ("epoch", "step"))
        and isinstance(about.get("ended"), bool)
        and all(isinstance(about.get(name), dict) for name in ("means", "history"))
        and isinstance(callbacks, list)
        and all(isinstance(one, list) and len(one) == 2 for one in callbacks)
        and all(isinstance(n, str) and isinstance(state, dict) for n, state in callbacks)
        and isinstance(names, list)
        and len(names) < len(arrays)
    )
    if not right:
        raise UsageError(
            "Expected the content of a checkpoint of ExactResume. Received: "
            f"{sorted(about)} and {len(arrays)} arrays."
        )


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
            return np.array(_array_at(arrays, value.get("array")))
        return [put_arrays(one) for one in value] if isinstance(value, list) else value

    return [{key: put_arrays(value) for key, value in state.items()} for state in tree]


def _array_at(arrays: Sequence[np.ndarray], number: Any) -> np.ndarray:
    if type(number) is not int or not 0 <= number < len(arrays):
        raise UsageError(f"Expected one of {len(arrays)} arrays of callbacks. Received: {number}.")
    return arrays[number]


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
