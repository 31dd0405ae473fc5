"""Checks of constructor arguments, with the same message for the same mistake."""

import math
import numbers
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.files import outputs
from keras_vae.validation.containers import refuse_masked, to_array
from keras_vae.validation.value_checks import check_kind, refuse_beyond_float32

REAL = (int, float, np.integer, np.floating)  # No fractions: no configuration file holds them.


def integer(name: str, value: Any, least: float = 1) -> int:
    """Return `value` as an int.

    Raises:
        TypeError: If it is no integer.
        ValueError: If it is less than `least`.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        raise UsageTypeError(
            f"Expected {name}{_of_at_least(least)}, an integer. Received: {name}={value!r}."
        )
    if value < least:
        raise UsageError(f"Expected {name} of at least {least}. Received: {name}={value!r}.")
    return int(value)


def _of_at_least(least: float) -> str:
    return f" of at least {least:g}" if math.isfinite(least) else ""


def real(name: str, value: Any, least: float = -math.inf) -> float:
    """Return `value`, a finite real number, as a float or an int.

    Raises:
        TypeError: If it is no real number.
        ValueError: If it is NaN, infinite, or less than `least`.
    """
    what = "a finite number" + _of_at_least(least)
    if isinstance(value, bool) or not isinstance(value, REAL):
        raise UsageTypeError(f"Expected {name} to be {what}. Received: {name}={value!r}.")
    if value < least:
        raise UsageError(f"Expected {name} of at least {least:g}. Received: {name}={value!r}.")
    if not _is_finite(value):
        raise UsageError(f"Expected {name} to be {what}. Received: {name}={value!r}.")
    return value if isinstance(value, int | float) else float(value)


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # An integer that float64 does not hold.
        return False


def fraction(name: str, value: Any) -> float:
    """Return `value`, a number from 0 to 1.

    Raises:
        TypeError: If it is no real number.
        ValueError: If it is outside this range.
    """
    if not 0.0 <= (number := real(name, value)) <= 1.0:
        raise UsageError(f"Expected {name} between 0 and 1. Received: {name}={value!r}.")
    return number


def sizes(name: str, value: Any, least: int = 1, some: bool = True) -> tuple[int, ...]:
    """Return `value`, a sequence of integers, as a tuple of ints.

    Args:
        name: Name of the argument, for the message.
        value: The value to check.
        least: Smallest integer that is allowed.
        some: Whether an empty sequence is refused.

    Raises:
        TypeError: If it is no sequence, or an element is no integer.
        ValueError: If an element is less than `least`, or the sequence is empty.
    """
    if not is_list(value):
        raise UsageTypeError(
            f"Expected {name} to be a sequence of integers of at least {least}, such as (32, 64). "
            f"Received: {name}={value!r}."
        )
    if some and not len(value):
        raise UsageError(f"Expected {name} of at least one integer. Received: {name}={value!r}.")
    return tuple(integer(f"each of {name}", one, least) for one in value)


def is_list(value: Any) -> bool:
    """Return whether a value is a list, a tuple, a range, or an array of at least one axis."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def shape(name: str, value: Any, axes: Sequence[str] = (), example: Sequence[int] = (64,)) -> Any:
    """Return `value`, a shape without the batch axis, as a tuple of positive ints.

    Args:
        name: Name of the argument, for the message.
        value: The value to check.
        axes: Names of the axes; any number of axes is allowed if there are no names.
        example: A good value, for the message.

    Raises:
        ValueError: If it is no sequence of positive integers, one for each axis.
    """
    good = is_list(value) and len(value) == (len(axes) or max(len(value), 1))
    if not good or not all(_is_size(one) for one in value):
        form = f"({', '.join(axes)})" if axes else "a shape"
        raise UsageError(
            f"Expected {name} to be {form}, positive integers such as {tuple(example)}. "
            f"Received: {name}={value!r}."
        )
    if list(axes)[-1:] == ["channels"] and _is_channels_first(value):
        raise UsageError(
            f"Expected {name} with the channels last, also where Keras is set to channels_first. "
            f"Received: {name}={value!r}. (Move the axis: numpy.moveaxis(images, 1, -1).)"
        )
    return tuple(int(one) for one in value)


def _is_channels_first(shape: Sequence[int]) -> bool:
    """Return whether a shape has its channels first, as Keras is set to."""
    first = keras.config.image_data_format() == "channels_first"
    return first and shape[0] in (1, 3, 4) and shape[-1] not in (1, 3, 4)


def choice(name: str, value: Any, options: Sequence[Any]) -> str:
    """Return `value`; raise ValueError unless it is one of the `options`."""
    if not (isinstance(value, str) and value in options):
        named = ", ".join(map(repr, options[:-1])) + f" or {options[-1]!r}"
        raise UsageError(f"Expected {name} to be {named}. Received: {name}={value!r}.")
    return value


def names(name: str, value: Any, example: str = "a") -> list[str]:
    """Return `value`, a list of texts; a set has no order, and a generator is used up.

    Args:
        name: Name of the argument, for the message.
        value: A list, a tuple, or an array of one axis.
        example: A good name, for the message.

    Raises:
        TypeError: If it is anything else, or an element is no text.
    """
    if is_list(value) and all(isinstance(one, str) for one in value):
        return list(value)
    good = [value] if isinstance(value, str) else [example, "..."]
    raise UsageTypeError(
        f"Expected {name} to be a list of names. Received: {name}={value!r}. "
        f"(Write {name}={good!r}.)"
    )


def path(name: str, value: Any) -> Path:
    """Return `value` as a path, with the home folder in place of ~.

    Raises:
        TypeError: If it is neither text nor a path.
        ValueError: If it has a zero byte, or is an address, such as gs://BUCKET/NAME.
    """
    if not isinstance(value, str | os.PathLike) or isinstance(os.fspath(value), bytes):
        raise UsageTypeError(
            f"Expected {name} to be text or a path. Received: {name}={value!r}. "
            f'(Write {name}="PATH".)'
        )
    if not os.fspath(value):
        raise UsageError(f"Expected {name} to be the path of a file or a folder. Received: ''.")
    if "\0" in os.fspath(value):
        raise UsageError(f"Expected {name} without zero bytes. Received: {name}={value!r}.")
    outputs.refuse_address(name, os.fspath(value))
    return Path(os.path.expanduser(value))


def array(name: str, values: Any, finite: bool = True) -> np.ndarray:
    """Return `values`, real numbers in an array of any shape, in their own type.

    Args:
        name: Name of the argument, for the message.
        values: An array, a tensor, or lists of numbers.
        finite: Whether NaN, infinity, and numbers beyond the range of float32 are refused.

    Raises:
        TypeError: If they are not real numbers.
        ValueError: If one is masked or, with `finite`, NaN or infinite.
    """
    found = to_array(name, values)
    check_kind(name, found.dtype)
    refuse_masked(name, values, gaps=not finite)
    if finite and not np.isfinite(found).all():
        raise UsageError(
            f"Expected finite values in {name}. Received: NaN or infinity. (Remove "
            "or replace them; numpy.isfinite finds them. If they are of a model, its training "
            "diverged: lower the learning rate.)"
        )
    if finite and found.dtype.kind == "f":
        refuse_beyond_float32(name, found.min(initial=0.0), found.max(initial=0.0))
    return found


def codes(name: str, values: Any) -> np.ndarray:
    """Return `array(name, values)` of vectors, between which there are distances and means.

    Raises:
        TypeError: If they are no real numbers, or integers, as the indices of a codebook are.
        ValueError: If one is masked, NaN or infinite, or they are a single number.
    """
    found = array(name, values)
    if not found.ndim:
        raise UsageError(
            f"Expected {name} of shape (batch, ...). Received: one number, {name}={found.item()!r}."
        )
    if found.dtype.kind in "iu":
        raise UsageTypeError(
            f"Expected {name} of real numbers, between which there are distances. Received: "
            f"{found.dtype}, as indices of a codebook are. (Of a VQVAE or FSQ: "
            f'model.quantizer.lookup({name}). Of numbers: {name}.astype("float32").)'
        )
    return found


def readings(name: str, values: Any) -> np.ndarray:
    """Return `array(name, values)` of raw data, in which NaN and infinity are left to the caller.

    Raises:
        TypeError: If they are not real numbers.
        ValueError: If one is masked, or finite and beyond the range of float32.
    """
    found = array(name, values, finite=False)
    if found.dtype.kind == "f":
        finite: dict[str, Any] = {"initial": 0.0, "where": np.isfinite(found)}
        refuse_beyond_float32(name, found.min(**finite), found.max(**finite))
    return found


def mapping(name: str, value: Any) -> dict[str, Any]:
    """Return `value` as a dictionary, empty for None; raise TypeError unless it is a mapping."""
    if value is not None and not isinstance(value, Mapping):
        raise UsageTypeError(
            f"Expected {name} to be a dictionary from names to values. Received: {name}={value!r}."
        )
    return dict(value or {})


def _is_size(value: Any) -> bool:
    if isinstance(value, bool | np.bool_):
        return False
    return isinstance(value, numbers.Integral) and int(value) >= 1


def seed(value: Any) -> int | None:
    """Return `value` as an int from 0 to 2^32 - 1, or None.

    Raises:
        TypeError: If it is neither an integer nor None.
        ValueError: If it is outside this range.
    """
    if value is None:
        return None
    number = integer("seed", value, 0)
    if number >= 2**32:
        raise UsageError(f"Expected seed below 2^32, or None. Received: seed={value!r}.")
    return number


def verbose(value: Any) -> Any:
    """Return `value`, the verbosity of Keras; raise ValueError for any other than it knows."""
    known = isinstance(value, int | np.integer | np.bool_) and value in (0, 1, 2)
    if not (known or (isinstance(value, str) and value == "auto")):
        raise UsageError(f"Expected verbose to be 'auto', 0, 1 or 2. Received: verbose={value!r}.")
    return int(value) if known else value


def flag(name: str, value: Any) -> bool:
    """Return `value`; raise TypeError unless it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise UsageTypeError(f"Expected {name} to be True or False. Received: {name}={value!r}.")
    return bool(value)
