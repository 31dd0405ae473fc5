"""The columns of a table, and the way from data frames to arrays and back."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from keras_vae.distributions.columns import CLASSES, KINDS, Column, check_categories
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.tables import dates
from keras_vae.tables.encoding import SHOWN, encode
from keras_vae.tables.fitting_kinds import check_order
from keras_vae.tables.reading import infer_column, names_of, read_columns
from keras_vae.validation import arguments


@keras.saving.register_keras_serializable("keras_vae")
@dataclasses.dataclass(frozen=True)
class Schema:
    """The columns of a table: their names, kinds, and categories.

    Arrays of a table are float32 `(rows, columns)`: numbers, indices of categories, days since
    1970-01-01 of dates, and NaN for missing.

    Example:
        >>> frame = {"age": [31, 58, None], "city": ["Bern", "Rome", "Bern"]}
        >>> schema = keras_vae.tables.Schema.infer(frame).replace("age", "numeric")
        >>> print(schema)
        column  kind         values
        age     numeric      mean 44.5, scale 13.5
        city    categorical  Bern, Rome
        >>> schema.to_array(frame)
        array([[31.,  0.],
               [58.,  1.],
               [nan,  0.]], dtype=float32)

    Args:
        columns: The `keras_vae.tables.Column` of each column, in the order of arrays.

    Raises:
        ValueError: If there are none, or two have one name.
    """

    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        """Check the names."""
        known = isinstance(self.columns, Schema) or arguments.is_list(self.columns)
        columns = list(self.columns) if known else []
        if not all(isinstance(column, Column) for column in columns) or not columns:
            raise UsageTypeError(
                "Expected columns to be a list of keras_vae.tables.Column. Received: "
                f"{self.columns!r:.80}. (Schema.infer(frame) makes them.)"
            )
        object.__setattr__(self, "columns", tuple(columns))
        if len(set(self.names)) < len(self.columns):
            raise UsageError(f"Expected columns of different names. Received: {self.names}.")

    @classmethod
    def infer(cls, frame: Any, kinds: Mapping[str, str] | None = None) -> "Schema":
        """Return the schema of a table. Print it, and correct what is not as you mean it.

        Texts are categorical, booleans and 0 with 1 boolean. Whole numbers from 0 are counts,
        unless they vary less than counts do, as years. Other numbers are positive or numeric, the
        latter also if float32 cannot tell their logarithms apart.
        Types of pandas and polars with categories keep these, in their order. Dates are `date`.
        Texts that a reader of CSV did not convert are refused: numbers, dates, and marks of holes
        such as "" and "NA". If they are categories, give their kind.

        Args:
            frame: A data frame of pandas or polars, or a dictionary of sequences. None, NaN, and
                the marks of pandas are missing.
            kinds: Kinds of columns by name, which are then not inferred.

        Raises:
            ValueError: If a column has no known value, one category, or more than 1,000, if its
                values do not fit its kind, or float32 does not hold them. Also if texts are
                numbers, dates, or holes, if texts are to be ordinal, which have no order, or if
                columns have different numbers of rows.
            TypeError: If a column has other values than numbers, texts, booleans, and dates.
        """
        kinds = arguments.mapping("kinds", kinds)
        if unknown := set(kinds) - set(names_of(frame)):
            raise UsageError(
                f"Expected kinds of columns of the table. Received: {sorted(unknown)}."
            )
        names = names_of(frame)
        columns = zip(names, read_columns(frame, names), strict=True)
        return cls(tuple(infer_column(frame[n], n, values, kinds.get(n)) for n, values in columns))

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    def __iter__(self) -> Iterator[Column]:
        """Return the columns one by one."""
        return iter(self.columns)

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self.columns)

    def __getitem__(self, name: str) -> Column:
        """Return the column of a name.

        Raises:
            ValueError: If there is none.
        """
        return self.columns[self.names.index(arguments.choice("name", name, self.names))]

    def replace(self, name: str, kind: str, categories: Iterable[Any] | None = None) -> "Schema":
        """Return a schema in which a column has another kind.

        Args:
            name: The column.
            kind: Its kind, as in `keras_vae.tables.Column`.
            categories: Its categories in order; None for those it has. Texts need them to
                become ordinal.

        Raises:
            ValueError: If the kind is unknown, or needs categories or an order that are not given.
        """
        column = self[name]
        found = column.categories if categories is None else check_categories(categories)
        arguments.choice("kind", kind, KINDS)
        if "date" in (kind, column.kind) and kind != column.kind:
            raise UsageError(
                f"Expected column {name!r} of kind {column.kind!r} to stay so. Received: "
                f"kind={kind!r}. (Convert its values, and infer the schema again.)"
            )
        if kind in CLASSES and not found:
            raise UsageError(
                f"Expected the categories of column {name!r} of kind {kind!r}. Received: none. "
                f"(replace({name!r}, {kind!r}, categories=[...]), or infer(frame, kinds={{...}}).)"
            )
        if kind not in CLASSES and any(isinstance(value, str) for value in found):
            raise UsageError(
                f"Expected a column of numbers for the kind {kind!r}. Received: {name!r} with "
                f"categories {', '.join(map(repr, found[:SHOWN]))} ... (Convert its values, and "
                "infer the schema again.)"
            )
        if kind == "ordinal" and categories is None and column.kind != "ordinal":
            check_order(name, found)
        changed = dataclasses.replace(
            column, kind=kind, categories=found if kind in CLASSES else ()
        )
        return Schema(tuple(changed if old is column else old for old in self.columns))

    def to_array(self, frame: Any) -> np.ndarray:
        """Return a table as float32 `(rows, columns)`, with NaN for missing.

        Args:
            frame: As in `infer`. Other columns than those of the schema are left out.

        Raises:
            ValueError: If a column is missing or has another number of rows than others, or a
                value does not fit its column. A count that float32 cannot hold does not.
        """
        columns = zip(self.columns, read_columns(frame, self.names), strict=True)
        found = [encode(column, values) for column, values in columns]
        return np.stack(found, axis=1).astype("float32")

    def to_frame(self, x: Any) -> dict[str, list[Any]]:
        """Return the table of an array, with None for missing; counts and dates are rounded.

        Dates are `datetime.datetime` at midnight, of the years 1 to 9999.

        `pandas.DataFrame` and `polars.DataFrame` take it.

        Args:
            x: `(rows, columns)`, as of `to_array` or of a model.

        Raises:
            ValueError: If it has another number of columns, or a category has no such index.
        """
        x = arguments.readings("x", x).astype("float32")
        if x.ndim != 2 or x.shape[1] != len(self):
            raise UsageError(
                f"Expected an array of shape (rows, {len(self)}). Received: shape {x.shape}."
            )
        return {column.name: _decode(column, x[:, i]) for i, column in enumerate(self.columns)}

    def __str__(self) -> str:
        """Return a table of the columns."""
        rows = [("column", "kind", "values")]
        rows += [(column.name, column.kind, _about(column)) for column in self.columns]
        first, second = (max(len(row[i]) for row in rows) for i in (0, 1))
        return "\n".join(f"{a:{first}}  {b:{second}}  {c}".rstrip() for a, b, c in rows)

    def get_config(self) -> dict[str, Any]:
        """Return the columns, as JSON can hold them."""
        return {"columns": [column.get_config() for column in self.columns]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Schema":
        """Return the schema of `get_config()`."""
        return cls(tuple(Column(**column) for column in config["columns"]))


def _decode(column: Column, values: np.ndarray) -> list[Any]:
    """Return the values of a column of an array as those of a table."""
    if column.kind == "count":
        values = np.maximum(np.rint(values), 0.0)
    if (wrong := np.flatnonzero(~column.accepts(values))).size and column.kind in CLASSES:
        raise UsageError(
            f"Expected {column.meaning}, in column {column.name!r}. Received: "
            f"{values[wrong[0]]:g} in row {wrong[0]}."
        )

    def value(number: np.float32) -> Any:
        if column.kind == "date":
            return dates.from_days(float(number))
        if column.kind in CLASSES:
            return column.categories[int(number)]
        # By its shortest text, so that 0.1 is 0.1 and not the float64 next to the float32.
        return int(number) if column.kind == "count" else float(str(number))

    return [None if np.isnan(number) else value(number) for number in values]


def _about(column: Column) -> str:
    if column.kind == "date":
        return f"mean {dates.from_days(column.mean):%Y-%m-%d}, scale {column.scale:.6g} days"
    if column.kind not in CLASSES:
        return f"mean {column.mean:.6g}, scale {column.scale:.6g}"
    shown = ", ".join(map(str, column.categories[:SHOWN]))
    more = len(column.categories) - SHOWN
    return f"{shown}, and {more} more" if more > 0 else shown
