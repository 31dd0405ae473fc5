"""What constructors are given is checked here, so that all say the same of the same mistake."""

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def whole(name: str, value: Any, least: int = 1) -> int:
    """`value` as an int, if it is an integer of at least `least`.

    Raises:
        TypeError: If it is no integer.
        ValueError: If it is less.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        raise TypeError(
            f"Expected {name} of at least {least}, an integer. Received: {name}={value!r}."
        )
    if value < least:
        raise ValueError(f"Expected {name} of at least {least}. Received: {name}={value!r}.")
    return int(value)


def real(name: str, value: Any, least: float = -math.inf) -> float:
    """`value`, if it is a finite number of at least `least`.

    Raises:
        TypeError: If it is no number.
        ValueError: If it is NaN, infinite or less.
    """
    what = "a finite number" + (f" of at least {least:g}" if math.isfinite(least) else "")
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"Expected {name} to be {what}. Received: {name}={value!r}.")
    if value < least:
        raise ValueError(f"Expected {name} of at least {least:g}. Received: {name}={value!r}.")
    if not math.isfinite(value):
        raise ValueError(f"Expected {name} to be {what}. Received: {name}={value!r}.")
    return value  # type: ignore[return-value]


def fraction(name: str, value: Any) -> float:
    """`value`, if it is a number from 0 to 1; raises TypeError or ValueError otherwise."""
    if not 0.0 <= real(name, value) <= 1.0:
        raise ValueError(f"Expected {name} between 0 and 1. Received: {name}={value!r}.")
    return value


def sizes(name: str, value: Any, least: int = 1, some: bool = True) -> tuple[int, ...]:
    """`value` as a tuple of ints, if it is a sequence of integers of at least `least`.

    Args:
        name: Of the argument.
        value: What was given.
        least: The least integer.
        some: Whether there must be one at least.

    Raises:
        TypeError: If it is no sequence or one of it is no integer.
        ValueError: If one is less, or there is none.
    """
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
        raise TypeError(
            f"Expected {name} to be a sequence of integers of at least {least}, such as (32, 64). "
            f"Received: {name}={value!r}."
        )
    if some and not len(value):
        raise ValueError(f"Expected {name} of at least one integer. Received: {name}={value!r}.")
    return tuple(whole(f"each of {name}", one, least) for one in value)


def shape(name: str, value: Any, axes: Sequence[str] = (), example: Sequence[int] = (64,)) -> Any:
    """`value` as a tuple, if it is a shape without the batch: positive integers, one for each axis.

    Args:
        name: Of the argument.
        value: What was given.
        axes: Their names; any number of them if there are none.
        example: A good value, for the message.

    Raises:
        ValueError: If it is no such shape.
    """
    good = isinstance(value, Sequence) and not isinstance(value, str)
    good = good and len(value) == (len(axes) or max(len(value), 1))
    if not good or not all(_is_size(one) for one in value):
        form = f"({', '.join(axes)})" if axes else "a shape"
        raise ValueError(
            f"Expected {name} to be {form}, positive integers such as {tuple(example)}. "
            f"Received: {name}={value!r}."
        )
    return tuple(int(one) for one in value)


def choice(name: str, value: Any, options: Sequence[str]) -> str:
    """`value`, if it is one of the `options`; raises ValueError otherwise."""
    if not (isinstance(value, str) and value in options):
        named = ", ".join(map(repr, options[:-1])) + f" or {options[-1]!r}"
        raise ValueError(f"Expected {name} to be {named}. Received: {name}={value!r}.")
    return value


def mapping(name: str, value: Any) -> dict[str, Any]:
    """`value` as a dictionary, empty for None; raises TypeError if it is no mapping."""
    if value is not None and not isinstance(value, Mapping):
        raise TypeError(
            f"Expected {name} to be a dictionary from names to values. Received: {name}={value!r}."
        )
    return dict(value or {})


def _is_size(value: Any) -> bool:
    if isinstance(value, bool | np.bool_):
        return False
    return isinstance(value, numbers.Integral) and int(value) >= 1


def seed(value: Any) -> int | None:
    """`value` as an int that can seed random numbers, from 0 to 2^32 - 1, or None."""
    if value is None:
        return None
    number = whole("seed", value, 0)
    if number >= 2**32:
        raise ValueError(f"Expected seed below 2^32, or None. Received: seed={value!r}.")
    return number


def flag(name: str, value: Any) -> bool:
    """`value`, if it is True or False; raises TypeError otherwise."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"Expected {name} to be True or False. Received: {name}={value!r}.")
    return bool(value)


def of_keras(cls: type, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """`given`, if it is what every Keras model takes: `name`, `dtype`, `trainable`.

    Raises:
        TypeError: If there is another argument, which is then one that `cls` does not have.
        ValueError: If the name is none.
    """
    unknown = sorted(set(given) - {"name", "dtype", "trainable"})
    if unknown:
        raise TypeError(
            f"Expected arguments that {cls.__name__} has. Received: {', '.join(unknown)}. "
            f"(help(keras_vae.{cls.__name__}) lists them.)"
        )
    called = given.get("name")
    if called is not None and (not isinstance(called, str) or not called or "/" in called):
        raise ValueError(f"Expected name to be text without '/'. Received: name={called!r}.")
    return given
