"""Dates of tables as days since 1970-01-01, and back."""

import datetime
import math
from collections.abc import Sequence
from typing import Any

from keras_vae.errors import UsageError

EPOCH = datetime.date(1970, 1, 1).toordinal()


def are_dates(values: Sequence[Any]) -> bool:
    """Return whether all values are dates, with or without a time of day."""
    return all(isinstance(value, datetime.date) for value in values)


def to_days(name: str, row: int, value: Any) -> int:
    """Return the days from 1970-01-01 to a date.

    Args:
        name: Name of the column, for the message.
        row: Row of the date, for the message.
        value: A `datetime.date`, or a `datetime.datetime` at midnight, as those of pandas.

    Raises:
        ValueError: If it has a time of day, which float32 cannot hold next to the date.
    """
    if isinstance(value, datetime.datetime) and value.time() != datetime.time():
        raise UsageError(
            f"Expected dates without a time of day in column {name!r}. Received: {value} in row "
            f"{row}. (Make two columns of it: frame[{name!r}].dt.normalize() and .dt.hour.)"
        )
    return value.toordinal() - EPOCH


def from_days(days: float) -> datetime.datetime:
    """Return midnight of the nearest day, of the years 1 to 9999."""
    ordinal = EPOCH + math.floor(days + 0.5)
    first, last = datetime.date.min.toordinal(), datetime.date.max.toordinal()
    return datetime.datetime.fromordinal(min(max(ordinal, first), last))
