"""Columns of data frames: their values as arrays, which of them are missing, and their kind."""

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_vae.distributions.columns import CLASSES, KINDS, Column
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.tables import dates, texts
from keras_vae.tables.encoding import known
from keras_vae.tables.fitting_kinds import check_kind
from keras_vae.validation import arguments, precision
from keras_vae.validation.containers import refuse_masked, to_array
from keras_vae.validation.value_checks import FLOAT32_MAX


def names_of(frame: Any) -> list[str]:
    """Return the names of the columns of a frame, or of a mapping of sequences.

    Raises:
        TypeError: If it has none, or they are not texts.
    """
    if isinstance(frame, Mapping) or hasattr(frame, "columns") or _is_structured(frame):
        names = list(getattr(frame, "columns", frame))
        if _is_structured(frame):
            names = list(frame.dtype.names)
        if names and all(isinstance(name, str) for name in names) and not _is_lazy(frame):
            if len(set(names)) < len(names):
                raise UsageError(f"Expected columns of different names. Received: {names}.")
            return names
    advice = "(Of an array x: {'a': x[:, 0], 'b': x[:, 1]}.)"
    if isinstance(frame, Sequence) and all(isinstance(row, Mapping) for row in frame):
        advice = (
            "(Of dictionaries, one a row: {name: [row[name] for row in rows] for name in rows[0]}.)"
        )
    if isinstance(frame, Mapping) and frame:
        advice = "(Make names texts: {str(name): column for name, column in frame.items()}.)"
    elif hasattr(frame, "columns"):
        advice = "(Make names texts, as frame.rename(columns=str) does in pandas.)"
    if _is_lazy(frame):
        advice = "(Give frame.collect().)"
    raise UsageTypeError(
        "Expected a data frame of pandas or polars, or a dictionary of sequences, with texts as "
        f"names of columns. Received: {type(frame).__name__}. {advice}"
    )


def _is_structured(frame: Any) -> bool:
    """Return whether a table is an array of NumPy with names of columns, one row an element."""
    return isinstance(frame, np.ndarray) and frame.dtype.names is not None and frame.ndim == 1


def _is_lazy(frame: Any) -> bool:
    return hasattr(frame, "collect")


def values_of(frame: Any, name: str) -> np.ndarray:
    """Return the values of a column, `(rows,)`: float64 with NaN, or objects with None.

    Integers that float64 does not hold are objects.

    Raises:
        ValueError: If there is no such column.
        TypeError: If it is no sequence.
    """
    if name not in names_of(frame):
        raise UsageError(
            f"Expected a column {name!r}. Received: a table of {names_of(frame)}. (Where all is "
            "missing: a column of None.)"
        )
    column = frame[name]
    refuse_masked(name, column, gaps=True)
    if hasattr(column, "to_numpy"):  # Of pandas and polars.
        column = column.to_numpy()
    elif hasattr(column, "__array__"):  # A tensor.
        column = to_array(name, column)
    if isinstance(column, np.ndarray) and column.ndim == 1:
        if column.dtype.kind in "iuf" and not _beyond_float64(column):
            return column.astype("float64")
        if column.dtype.kind == "M":  # NaT becomes None.
            column = column.astype("datetime64[us]")
        column = column.tolist() if column.dtype.kind in "bUOM" else list(column)
    if not arguments.is_list(column) or hasattr(column, "ndim"):
        raise UsageTypeError(
            f"Expected a sequence of values in column {name!r}. Received: {type(column).__name__}."
            " (For example a list, or an array of one axis.)"
        )
    values = [None if is_missing(value) else value for value in column]
    found = np.empty(len(values), object)
    found[:] = values
    return found


def _beyond_float64(column: np.ndarray) -> bool:
    """Return whether float64 does not hold all integers of an array, as of long keys."""
    if column.dtype.kind == "f":
        return False
    return bool((np.abs(column.astype("float64")) >= precision.ALL_WHOLE_OF_64_BITS).any())


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN, or the mark of pandas."""
    if isinstance(value, numbers.Real):
        return bool(value != value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def read_columns(frame: Any, names: Sequence[str]) -> list[np.ndarray]:
    """Return `values_of` several columns.

    Raises:
        ValueError: If a column is missing, or they have different numbers of rows.
        TypeError: If one is no sequence.
    """
    found = {name: values_of(frame, name) for name in names}
    rows = {name: len(values) for name, values in found.items()}
    if len(set(rows.values())) > 1:
        raise UsageError(f"Expected columns of equally many rows. Received: {rows}.")
    return list(found.values())


def infer_column(column: Any, name: str, values: np.ndarray, kind: str | None = None) -> Column:
    """Return a column of a table, of a given kind or of that of its values.

    Args:
        column: The column of the frame, whose type may state categories.
        name: Its name.
        values: As of `values_of`.
        kind: Its kind, one of `keras_vae.distributions.columns.KINDS`; None to infer it.

    Raises:
        ValueError: If no value is known, they do not fit the kind, or float32 does not hold them.
        TypeError: If they are no numbers, texts, booleans, or dates.
    """
    rows = np.flatnonzero(known(values))
    if not len(rows):
        raise UsageError(
            f"Expected a known value in column {name!r}. Received: none. (Leave it out.)"
        )
    plain = [v.item() if isinstance(v, np.generic) else v for v in values[rows].tolist()]
    if kind is not None:
        arguments.choice(f"the kind of column {name!r}", kind, KINDS)
    if dates.are_dates(plain):
        return _date_column(name, rows, plain, kind)
    for row, value in zip(rows, plain, strict=True):
        if not isinstance(value, str | numbers.Real):
            raise UsageTypeError(
                f"Expected numbers, texts, booleans, or dates alone in column {name!r}. Received: "
                f"{value!r} in row {row}. ({texts.advise_conversion(name, value)}.)"
            )
    if kind is None and not hasattr(getattr(column, "dtype", None), "categories"):
        texts.refuse_unread(name, rows, plain)
    categories, stated = _categories(column, plain)
    is_number = not any(isinstance(value, str) for value in plain)
    mean, scale = _moments(name, rows, plain) if is_number else (0.0, 1.0)
    chosen = kind or stated or _kind(plain, categories, mean, scale)
    if kind is None and chosen == "count" and precision.is_rounded(values).any():
        chosen = "positive" if min(plain) > 0 else "numeric"  # These may be rounded.
    check_kind(name, chosen, categories, values, _is_ordered(column, stated))
    if chosen in CLASSES:
        return Column(name, chosen, categories, mean, scale)
    is_lost = (
        chosen == "positive" and precision.rounding_of(chosen, plain) > precision.MOST_ROUNDING
    )
    if kind is None and is_lost:  # Of logarithms; the numbers themselves may be kept.
        chosen = "numeric"
    precision.check_column(name, chosen, plain)
    return Column(name, chosen, (), mean, scale)


def _date_column(name: str, rows: np.ndarray, plain: list[Any], kind: str | None) -> Column:
    if kind not in (None, "date"):
        raise UsageError(
            f"Expected the kind 'date' of column {name!r}, which has dates. Received: {kind!r}. "
            "(For another kind, convert them, such as to texts or years.)"
        )
    days = [dates.to_days(name, int(row), value) for row, value in zip(rows, plain, strict=True)]
    return Column(name, "date", (), *_moments(name, rows, days))


def _categories(column: Any, plain: list[Any]) -> tuple[tuple[Any, ...], str | None]:
    """Return the categories of a column, and the kind if its type says it."""
    dtype = getattr(column, "dtype", None)
    declared: Any = getattr(dtype, "categories", None)  # Of pandas, and of an Enum of polars.
    if hasattr(declared, "__len__") and len(declared):  # Those of polars' Categorical have none.
        ordered = getattr(dtype, "ordered", False)
        return tuple(declared), "ordinal" if ordered else "categorical"
    if all(isinstance(value, bool) for value in plain):
        return (False, True), "boolean"
    whole = [int(v) if isinstance(v, float) and v.is_integer() else v for v in plain]
    return tuple(sorted(set(whole), key=lambda value: (isinstance(value, str), value))), None


def _is_ordered(column: Any, stated: str | None) -> bool:
    """Return whether the type of a column says the order of its categories, as an Enum does."""
    is_enum = stated == "categorical" and not hasattr(column.dtype, "ordered")
    return stated == "ordinal" or is_enum


def _moments(name: str, rows: np.ndarray, plain: list[Any]) -> tuple[float, float]:
    """Return mean and standard deviation, which is 1 for a constant column."""
    for row, value in zip(rows, plain, strict=True):
        if not abs(value) <= FLOAT32_MAX:
            raise UsageError(
                f"Expected numbers in column {name!r} that float32 can hold, up to "
                f"{FLOAT32_MAX:.2g}. Received: {value!r:.40} in row {row}. (Scale them, or give "
                "None for missing.)"
            )
    values = np.array(plain, "float64")
    return float(values.mean()), float(values.std()) or 1.0


def _kind(plain: list[Any], categories: tuple[Any, ...], mean: float, scale: float) -> str:
    """Return the kind of numbers or texts."""
    if any(isinstance(value, str) for value in plain):
        return "categorical"
    if categories in ((0, 1), (False, True)):
        return "boolean"
    if all(isinstance(value, int) for value in categories):
        # A count varies at least as much as a Poisson count, roughly. A year does not.
        is_count = min(categories) >= 0 and scale**2 > 0.5 * mean
        return "count" if is_count else "numeric"
    return "positive" if min(categories) > 0.0 else "numeric"
