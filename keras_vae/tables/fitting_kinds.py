"""The kinds of columns that fit values, and the refusal of another one."""

from typing import Any

import numpy as np

from keras_vae.distributions.columns import CLASSES, KINDS, Column
from keras_vae.errors import UsageError
from keras_vae.tables.encoding import SHOWN, encode, known
from keras_vae.validation import precision

# Texts of more different values are names and keys, from which there is nothing to learn.
LARGEST = 1000


def check_kind(
    name: str, kind: str, categories: tuple[Any, ...], values: np.ndarray, is_ordered: bool = False
) -> None:
    """Raise ValueError for the first value of a column that its kind does not take.

    Args:
        name: Name of the column.
        kind: Its kind, one of `keras_vae.distributions.columns.KINDS`.
        categories: Its different values in order, of which classes have some alone.
        values: As of `reading.values_of`, with at least one that is known.
        is_ordered: Whether the order of the categories is that of the table.

    Raises:
        ValueError: The message has the value, its row, and the kinds that fit.
    """
    try:
        _check(name, kind, categories, values, is_ordered)
    except UsageError as error:
        others = [other for other in KINDS if _fits(name, other, categories, values, is_ordered)]
        if not others:
            raise
        advice = f"Kinds that fit: {', '.join(map(repr, others))}.)"
        text = str(error)
        text = f"{text[:-1]} {advice}" if text.endswith(".)") else f"{text} ({advice}"
        raise UsageError(text) from None


def check_order(name: str, categories: tuple[Any, ...]) -> None:
    """Raise ValueError for texts as categories of an ordinal column whose order is not given.

    Numbers and booleans have an order of their own.
    """
    if not any(isinstance(category, str) for category in categories):
        return
    found = ", ".join(map(repr, categories[:SHOWN]))
    more = ", ..." if len(categories) > SHOWN else ""
    raise UsageError(
        f"Expected the order of the categories of column {name!r} of kind 'ordinal'. Received: "
        f"texts, which have none: {found}{more}. (Give it: schema.replace({name!r}, 'ordinal', "
        "categories=[...]), from the lowest one to the highest.)"
    )


def _check(
    name: str, kind: str, categories: tuple[Any, ...], values: np.ndarray, is_ordered: bool
) -> None:
    if kind == "boolean" and len(categories) > 2:
        third = _first_of_third(values)
        raise UsageError(
            f"Expected two different values in column {name!r} of kind 'boolean'. Received: "
            f"{_plain(values[third])!r} in row {third}, the third one."
        )
    if kind == "date":  # Dates have no other kind, and are not asked about.
        row = int(np.flatnonzero(known(values))[0])
        raise UsageError(
            f"Expected dates in column {name!r} of kind 'date'. Received: {_plain(values[row])!r} "
            f"in row {row}. (Convert it, such as by pandas.to_datetime.)"
        )
    if kind in CLASSES:
        _refuse_long_floats(name, values)
    if kind in CLASSES and len(categories) > LARGEST:
        raise UsageError(
            f"Expected at most {LARGEST} categories in column {name!r}. Received: "
            f"{len(categories)}. (Leave out names and keys, and join rare categories.)"
        )
    if kind == "ordinal" and not is_ordered:
        check_order(name, categories)
    # Any mean above 0 and any scale: what the kind takes does not depend on them.
    encode(Column(name, kind, categories if kind in CLASSES else (), 1.0, 1.0), values)
    if kind == "count":
        other = f"kinds={{{name!r}: 'numeric'}}. Leave out keys, which tell nothing."
        advice = f"Divide them first, or give another kind: {other}"
        precision.check_exact(values, f"column {name!r}", advice)


def _fits(*column: Any) -> bool:
    try:
        _check(*column)
    except UsageError:
        return False
    return True


def _refuse_long_floats(name: str, values: np.ndarray) -> None:
    """Raise ValueError for floats so large that different keys may have become one of them."""
    for row in np.flatnonzero(known(values)):
        value = values[row]
        if isinstance(value, float) and abs(value) >= precision.ALL_WHOLE_OF_64_BITS:
            raise UsageError(
                f"Expected categories in column {name!r} that float64 can tell apart. Received: "
                f"{_plain(value)!r} in row {row}. (Give integers or texts, with None for missing.)"
            )


def _first_of_third(values: np.ndarray) -> int:
    """Return the row of the third different value."""
    seen: set[Any] = set()
    for row in np.flatnonzero(known(values)):
        seen.add(values[row])
        if len(seen) > 2:
            return int(row)
    raise AssertionError("Three different values are given.")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
