"""Columns as a condition of rows takes them: texts of ordinal columns compare by their order."""

import difflib
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.tables import dates
from keras_vae.tables.schema import Schema


class ConditionColumns(dict[str, np.ndarray]):
    """A dictionary of columns that names them if there is none of a name."""

    def __missing__(self, name: Any) -> np.ndarray:
        """Raise ValueError."""
        near = difflib.get_close_matches(str(name), list(self), n=1)
        advice = f" (Did you mean {near[0]!r}?)" if near else ""
        raise UsageError(
            f"Expected where to ask for columns among {list(self)}. Received: {name!r}.{advice}"
        )


def _by_order(compare: Callable[[Any, Any], bool]) -> Any:
    def method(self: "OrderedText", other: Any) -> bool:
        return compare(self.places[str(self)], self.place_of(other))

    return method


class OrderedText(str):
    """A category of an ordinal column. It equals its text, and compares by the order.

    Attributes:
        places: The place of each category of the column.
    """

    places: Mapping[Any, int]

    def place_of(self, other: Any) -> int:
        """Return the place of a category; raise ValueError for another value."""
        other = str(other) if isinstance(other, str) else other
        try:
            return self.places[other]
        except (KeyError, TypeError):
            raise UsageError(
                f"Expected where to compare an ordinal column with one of {list(self.places)}. "
                f"Received: {other!r}."
            ) from None

    __lt__, __le__ = _by_order(operator.lt), _by_order(operator.le)
    __gt__, __ge__ = _by_order(operator.gt), _by_order(operator.ge)


def condition_columns(frame: Mapping[str, list[Any]], schema: Schema) -> ConditionColumns:
    """Return the columns of a table by name, arrays `(rows,)`.

    Dates are those of NumPy. Texts of ordinal columns are objects that compare by their order.

    Args:
        frame: Of `schema.to_frame`.
        schema: The columns.
    """
    columns = ConditionColumns()
    for column in schema:
        values = frame[column.name]
        if column.kind == "ordinal" and any(isinstance(one, str) for one in column.categories):
            columns[column.name] = _ordered(values, column.categories)
        else:
            columns[column.name] = np.array(
                values, "datetime64[us]" if dates.are_dates(values) else None
            )
    return columns


def _ordered(values: list[Any], categories: tuple[Any, ...]) -> np.ndarray:
    places = {category: place for place, category in enumerate(categories)}

    def ordered(category: Any) -> Any:
        if not isinstance(category, str):
            return category
        text = OrderedText(category)
        text.places = places
        return text

    known = {category: ordered(category) for category in categories}
    found = np.empty(len(values), object)
    found[:] = [known.get(value) for value in values]
    return found
