"""Refusals of what holds numbers otherwise than an array: sources, sparse and masked arrays."""

import os
from collections.abc import Mapping, Sequence, Set
from typing import Any

import keras
import numpy as np

from keras_vae.errors import UsageError, UsageTypeError

# What arrays and tensors of other kinds have, and the way to a dense one.
NOT_DENSE = {
    "toarray": "Make it dense: {0}.toarray().",
    "dense_shape": "Make it dense: tf.sparse.to_dense({0}).",
    "row_splits": "Pad the rows with {0}.to_tensor(), and mask the steps that there are not.",
}
# The way from a dictionary of columns to an array.
OF_A_TABLE = "Of the columns of a table: model.schema.to_array({0}), of a TabularVAE."


def refuse_batches(name: str, values: Any) -> None:
    """Raise TypeError for a source of batches, or a function, where an array belongs.

    Nothing is taken from it: a generator can be used afterwards.

    Args:
        name: Name of the argument, for the message.
        values: Anything.
    """
    is_source = hasattr(values, "__iter__") or hasattr(values, "__getitem__")
    known = hasattr(values, "shape") or hasattr(values, "__array__")
    if known or isinstance(values, Sequence | Mapping | Set) or not (is_source or callable(values)):
        return
    kind = type(values).__name__
    if isinstance(values, type) or not is_source:
        raise UsageTypeError(
            f"Expected {name} to be an array. Received: a {kind}, "
            f"{getattr(values, '__name__', kind)}. (Give what it returns.)"
        )
    raise UsageTypeError(
        f"Expected {name} to be an array. Received: a source of batches, {kind}. (Join the batches "
        "first: numpy.concatenate([batch for batch in batches]).)"
    )


def refuse_not_dense(name: str, values: Any) -> None:
    """Raise TypeError for a sparse, ragged or structured array, which no layer here takes.

    A tensor of PyTorch in a graph of gradients, which another backend cannot follow, is refused
    too.
    """
    for part in keras.tree.flatten(values):
        if getattr(part, "requires_grad", False) is True and not keras.ops.is_tensor(part):
            raise UsageTypeError(
                f"Expected {name} without gradients of PyTorch, which {keras.backend.backend()} "
                f"cannot follow. Received: a {type(part).__name__} that requires them. (Give "
                f"{name}.detach().)"
            )
        if str(getattr(part, "dtype", "")) == "torch.bfloat16" and not keras.ops.is_tensor(part):
            raise UsageTypeError(
                f"Expected a type of NumPy in {name}. Received: torch.bfloat16. (Convert {name} to "
                f"float32: {name}.float().)"
            )
        if isinstance(part, np.ndarray) and part.dtype.names:
            raise UsageTypeError(
                f"Expected {name} of numbers. Received: a structured array of "
                f"{', '.join(part.dtype.names[:4])}. (Make one array of its columns: "
                f"numpy.lib.recfunctions.structured_to_unstructured({name}).)"
            )
        for attribute, advice in NOT_DENSE.items():
            if hasattr(part, attribute):
                raise UsageTypeError(
                    f"Expected {name} of dense arrays. Received: {type(part).__name__}. "
                    f"({advice.format(name)})"
                )


def to_array(name: str, values: Any) -> np.ndarray:
    """Return an array, a tensor, or lists of values as an array of their own type.

    Args:
        name: Name of the argument, for the message.
        values: Anything.

    Raises:
        TypeError: If they are a source of batches, or a sparse, ragged or structured array.
        ValueError: If lists have different lengths.
    """
    refuse_batches(name, values)
    refuse_not_dense(name, values)
    is_tensor = keras.ops.is_tensor(values)
    try:
        return np.asarray(keras.ops.convert_to_numpy(values) if is_tensor else values)
    except ValueError as error:  # Lists of different lengths.
        raise UsageError(f"Expected {name} of one shape. Received: {error}") from error


def refuse_masked(name: str, values: Any, gaps: bool = False) -> None:
    """Raise ValueError for a masked array, whose mask nothing here uses.

    Args:
        name: Name of the argument, for the message.
        values: Anything.
        gaps: Whether NaN stands for a missing value in this argument.
    """
    if type(values) is not np.ndarray and np.ma.is_masked(values):
        filled = f'{name}.astype("float32").filled(numpy.nan)' if gaps else f"{name}.filled(0)"
        raise UsageError(
            f"Expected {'numbers or NaN' if gaps else 'finite values'} in {name}. Received: a "
            f"masked array with {np.ma.count_masked(values)} masked values, whose data would be "
            f"used. (Fill them: {filled}.)"
        )


def shown(value: Any) -> str:
    """Return a value as messages show it: a path as its text, and others as code."""
    return repr(os.fspath(value) if isinstance(value, os.PathLike) else value)[:200]
