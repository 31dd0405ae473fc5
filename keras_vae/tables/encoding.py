"""Values of columns as the numbers of arrays, and the refusal of what a column does not take."""

from typing import Any

import numpy as np

from keras_vae.distributions.columns import CLASSES, Column
from keras_vae.errors import UsageError
from keras_vae.tables import dates
from keras_vae.validation.value_checks import FLOAT32_MAX

SHOWN = 6  # Categories in a printed schema, and in a message.


def known(values: np.ndarray) -> np.ndarray:
    """Return which values of `reading.values_of` are not missing, bool."""
    if values.dtype.kind == "f":
        return ~np.isnan(values)
    return np.array([value is not None for value in values], bool)


def encode(column: Column, values: np.ndarray) -> np.ndarray:
    """Return the values of a column as numbers, float64 `(rows,)`, with NaN for missing.

    Args:
        column: The column, of which the kind and the categories count.
        values: As of `reading.values_of`.

    Raises:
        ValueError: For the first value that does not fit the column.
    """
    found = np.full(len(values), np.nan)
    index = {category: i for i, category in enumerate(column.categories)}
    is_class = column.kind in CLASSES
    one_by_one = values.dtype.kind == "O" or is_class or column.kind == "date"
    for row in np.flatnonzero(known(values)) if one_by_one else ():
        value = values[row]
        try:
            found[row] = index[value] if is_class else _number(column, int(row), value)
        except (KeyError, TypeError, OverflowError):
            raise _unfit(column, int(row), value) from None
    found = found if one_by_one else values
    refused = ~column.accepts(found) | (np.abs(found) > FLOAT32_MAX)
    if (wrong := np.flatnonzero(refused)).size:
        raise _unfit(column, int(wrong[0]), values[wrong[0]])
    return found


def _number(column: Column, row: int, value: Any) -> float:
    is_date = dates.are_dates([value])
    if isinstance(value, str) or is_date != (column.kind == "date"):
        raise TypeError
    return dates.to_days(column.name, row, value) if is_date else float(value)


def _unfit(column: Column, row: int, value: Any) -> UsageError:
    wanted = column.meaning
    if column.kind in CLASSES:
        shown, more = list(column.categories[:SHOWN]), len(column.categories) - SHOWN
        wanted = f"one of {shown}" + (f" and {more} more categories" if more > 0 else "")
    is_text_of_date = column.kind == "date" and isinstance(value, str)
    advice = " (Convert it, such as by pandas.to_datetime.)" if is_text_of_date else ""
    value = value.item() if isinstance(value, np.generic) else value
    return UsageError(
        f"Expected {wanted}, or None for missing, in column {column.name!r}. Received: {value!r} "
        f"in row {row}.{advice}"
    )
