"""Limits of float32, in which models compute: whole numbers and differences that it loses."""

import numbers
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.errors import UsageError
from keras_vae.validation.value_checks import FLOAT32_MAX

# Whole numbers up to these are all in float32, and in float64.
ALL_WHOLE, ALL_WHOLE_OF_64_BITS = 2.0**24, 2.0**53
WIDE = ("int32", "uint32", "int64", "uint64", "float64")
# The part of its standard deviation by which numbers of a column may be rounded, on average.
MOST_ROUNDING = 0.03
DIVIDE = "Divide them first, or choose a likelihood of real numbers."
OTHER_KIND = "Divide them first, or take another kind than 'count', such as 'numeric'."


def is_rounded(values: np.ndarray) -> np.ndarray:
    """Return which values are whole numbers that float32 cannot hold, bool of the same shape.

    Args:
        values: Numbers of any type; or objects, of which others than numbers are passed over.
    """
    if values.dtype.kind == "O":
        each = [isinstance(v, numbers.Real) and _changes(v) for v in values.flat]
        return np.array(each, bool).reshape(values.shape)
    found = np.zeros(values.shape, bool)
    if values.dtype.kind not in "iuf" or values.dtype in ("float16", "float32"):
        return found
    large = np.flatnonzero((values > ALL_WHOLE) | (values < -ALL_WHOLE))
    if not large.size:
        return found
    some = values.flat[large]
    wide = some.astype("float64")
    with np.errstate(over="ignore"):
        changed = (wide == np.rint(wide)) & (wide.astype("float32") != wide)
    changed &= np.abs(wide) <= FLOAT32_MAX
    if values.dtype.kind in "iu":  # Of which float64 does not hold the largest.
        huge = np.flatnonzero(np.abs(wide) >= ALL_WHOLE_OF_64_BITS)
        changed[huge] = [_changes(value) for value in some[huge].tolist()]
    found.flat[large] = changed
    return found


def _changes(value: Any) -> bool:
    """Return whether float32 does not hold a number, which is whole; False for other numbers."""
    if not abs(value) <= FLOAT32_MAX or int(value) != value:
        return False
    return int(np.float32(value)) != value


def check_exact(
    values: Any,
    what: str,
    advice: str = DIVIDE,
    first_row: int = 0,
) -> None:
    """Raise ValueError for the first whole number that float32 cannot hold.

    Args:
        values: Numbers of an array or a tensor, or the objects of a column of a table.
        what: Name and owner of the values, for the message.
        advice: What to do, for the message.
        first_row: The number of the first row, for the message.
    """
    if not isinstance(values, np.ndarray):
        if keras.backend.standardize_dtype(values.dtype) not in WIDE:
            return
        values = ops.convert_to_numpy(values)
    wrong = is_rounded(values)
    if not wrong.any():
        return
    place = [int(i) for i in np.argwhere(wrong)[0]]
    value = int(values[tuple(place)])
    raise UsageError(
        f"Expected whole numbers that float32 can hold in {what}. Received: {value}"
        f"{_place(place, first_row)}, which would become {int(np.float32(value))}. ({advice})"
    )


def _place(indices: list[int], first_row: int) -> str:
    """Return the place of a value as text: its row, and its column or the place in the row."""
    if not indices:
        return ""
    row, *others = indices
    inside = f", column {others[0]}" if len(others) == 1 else f", place {tuple(others)}"
    return f" in row {first_row + row}{inside if others else ''}"


def rounding_of(kind: str, plain: list[Any]) -> float:
    """Return the share of its standard deviation by which float32 changes a column of a table.

    Networks take amounts and counts in logarithms, which have as few digits.

    Args:
        kind: Its kind, one of `keras_vae.distributions.columns.NUMBERS`.
        plain: Its known numbers, of Python.

    Returns:
        The root mean square of the changes, in standard deviations; 0 for equal numbers.
    """
    if kind in ("positive", "count"):
        least = float(kind == "count")
        values = np.log(np.array(plain, "float64") + least)
        change = np.log(np.array(plain, "float32") + np.float32(least)) - values
    else:
        values = np.array([value - plain[0] for value in plain], "float64")
        change = np.array([_rounding(value) for value in plain])
    deviation = float((values - values[0]).std())
    return float(np.sqrt(np.mean(np.square(change)))) / deviation if deviation > 0.0 else 0.0


def check_column(name: str, kind: str, plain: list[Any]) -> None:
    """Raise ValueError for a column of a table whose differences float32 loses.

    Args:
        name: Name of the column.
        kind: As in `rounding_of`.
        plain: As in `rounding_of`.
    """
    if (lost := rounding_of(kind, plain)) > MOST_ROUNDING:
        share = f"{lost:.0%} of" if lost < 1.0 else "more than"
        other = "" if kind == "numeric" else f", or give kinds={{{name!r}: 'numeric'}}"
        raise UsageError(
            f"Expected numbers in column {name!r} that float32 can tell apart, as models compute "
            f"in it. Received: {plain[0]!r} and others, which rounding changes by {share} their "
            "standard deviation. (Subtract a constant first, such as the first time stamp"
            f"{other}. Leave out keys, which tell nothing.)"
        )


def _rounding(value: Any) -> float:
    """Return by how much float32 changes a number, also an integer beyond float64."""
    near = float(np.float32(value))
    return float(int(near) - value) if isinstance(value, int) else near - value


def refuse_coarse(largest: np.ndarray, spread: np.ndarray) -> None:
    """Raise ValueError for channels whose numbers differ by less than float32 holds.

    Args:
        largest: The largest absolute value of each channel, `(channels,)`.
        spread: By how much the numbers of each channel vary, `(channels,)`.
    """
    steps = np.spacing(largest.astype("float32"))
    if (coarse := (spread > 0.0) & (steps > spread)).any():
        raise UsageError(
            "Expected channels that float32 can tell apart, since models compute in it. Received: "
            f"channel(s) {np.flatnonzero(coarse).tolist()} that vary less than float32's "
            f"steps of {steps[coarse].max():g}. (Subtract a constant first, such as the first time "
            "stamp.)"
        )


def check_precision(x: np.ndarray) -> None:
    """Raise ValueError if float32 loses the differences of numbers of 64 bits in a channel.

    Args:
        x: An array `(count, ..., channels)`.
    """
    if not isinstance(x, np.ndarray) or x.dtype.itemsize < 8 or x.ndim < 2:
        return
    axes = tuple(range(x.ndim - 1))
    low, high = np.fmin.reduce(x, axes), np.fmax.reduce(x, axes)  # Of the numbers that are there.
    refuse_coarse(np.maximum(np.abs(low), np.abs(high)), (high - low) / 2)
