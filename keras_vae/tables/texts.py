"""Texts that a reader of CSV has not converted: numbers, dates, and marks of holes."""

import datetime
import decimal
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from keras_vae.errors import UsageError

# Texts that usual readers of CSV take for a hole, in lower case.
HOLES = ("", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none", "nat")


def refuse_unread(name: str, rows: np.ndarray, plain: list[Any]) -> None:
    """Raise ValueError for texts that are numbers or dates, and for marks of holes.

    Args:
        name: Name of the column.
        rows: Rows of the known values.
        plain: These values.
    """
    holes = [i for i, value in enumerate(plain) if is_hole(value)]
    read = [value for value in plain if not is_hole(value)]
    codes = f"If they are categories: kinds={{{name!r}: 'categorical'}}."
    if read and all(isinstance(value, str) for value in read):
        if _all_are(float, {value.replace(",", ".") for value in read}):
            raise UsageError(
                f"Expected numbers, or texts that are no numbers, in column {name!r}. Received: "
                f"texts of numbers, such as {read[0]!r}. (Read a CSV by pandas.read_csv, or "
                f"convert them: [float(v) if v else None for v in frame[{name!r}]]. {codes})"
            )
        if _all_are(datetime.date.fromisoformat, (value[:10] for value in read)):
            raise UsageError(
                f"Expected dates, or texts that are no dates, in column {name!r}. Received: texts "
                f"of dates, such as {read[0]!r}. (Convert them, such as by pandas.to_datetime. "
                f"{codes})"
            )
    if holes:
        raise UsageError(
            f"Expected None for missing in column {name!r}. Received: {plain[holes[0]]!r} in row "
            f"{rows[holes[0]]}. (Read a CSV by pandas.read_csv, or put None there. If it is a "
            f"category: kinds={{{name!r}: 'categorical'}}.)"
        )


def advise_conversion(name: str, value: Any) -> str:
    """Return the way from a value that no column takes to one that a column takes."""
    if isinstance(value, decimal.Decimal):
        return f"Convert them: [None if v is None else float(v) for v in frame[{name!r}]]"
    if isinstance(value, bytes):
        return f"Decode them: [None if v is None else v.decode() for v in frame[{name!r}]]"
    return "Make it a number first, such as seconds of a duration"


def is_hole(value: Any) -> bool:
    """Return whether a value is a text that usually marks a hole."""
    return isinstance(value, str) and value.strip().lower() in HOLES


def _all_are(read: Callable[[str], Any], texts: Iterable[str]) -> bool:
    try:
        for text in texts:
            read(text)
    except ValueError:
        return False
    return True
