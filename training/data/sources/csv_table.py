"""Numbers in text files: CSV as spreadsheets, loggers and pandas write it.

What can be told for certain is read: encoding, delimiter, heading, decimal comma, and the index
column of pandas. Everything else is refused with its row and column, so that no number is lost,
split or invented.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.sources import csv_columns
from keras_vae.training.data.sources.csv_cells import (
    FRACTION,
    NUMBER,
    THOUSANDS,
    WHOLE,
    counts,
    has_thousands,
    is_gap,
    is_heading,
)
from keras_vae.training.data.sources.csv_rows import read_rows

SUFFIXES = (".csv", ".tsv", ".txt")
CONVERT = "Remove, fill in or convert it."
SKIP = (
    "In keras-vae train, --skip-columns leaves a column out by its name; in Python, skip_columns."
)
FILL = (
    "Remove or fill it in. keras-vae train and keras-vae anomalies take gaps in series. In Python, "
    "load(..., gaps=True) makes NaN of it, for a model that fills gaps."
)


def open_table(path: Path, gaps: bool = False, advice: str = SKIP) -> "Table":
    """Return the table of a text file, with all its columns but the index of pandas.

    Args:
        path: A text file with a row for each step and a column for each feature, with or without
            a heading. Lines before the first row that begin with # are comments.
        gaps: Whether empty cells, and words such as NaN, are gaps. Rows of empty cells are then
            rows of gaps, except at the end.
        advice: How to leave a column out, for the messages.

    Raises:
        ValueError: If rows have different lengths, or there are none.
    """
    rows, numbers, delimiter = read_rows(path, keep_empty=gaps)
    heading = rows[0] if rows and is_heading(rows) else None
    if heading is not None:
        rows, numbers = rows[1:], numbers[1:]
    if not rows:
        raise UsageError(
            f"Expected rows of numbers, all of one length, in {path}. Received: 0 rows of numbers."
        )
    table = Table(path, rows, numbers, heading or [], delimiter, gaps, advice)
    table.check_lengths()
    table.drop_empty_column()
    table.drop_index()
    return table


class Table:
    """The rows of a table, with their numbers in the file and the names of the columns."""

    def __init__(
        self,
        path: Path,
        rows: list[list[str]],
        numbers: Sequence[int],
        heading: Sequence[str],
        delimiter: str,
        gaps: bool = False,
        advice: str = SKIP,
    ) -> None:
        self._path, self._rows, self._numbers, self._gaps = path, rows, numbers, gaps
        self._advice, self._may_be_empty = advice, False
        self._names, self._delimiter = list(heading), delimiter
        self._columns = list(range(len(rows[0])))

    def check_lengths(self) -> None:
        """Refuse rows of different lengths, and a heading of another one."""
        width = len(self._rows[0])
        for number, row in zip(self._numbers, self._rows, strict=True):
            if len(row) != width:
                self._refuse_comment(number, row[0])
                raise UsageError(
                    f"Expected rows of numbers, all of one length, in {self._path}. Received: "
                    f"{width} columns in row {self._numbers[0]}, and {len(row)} in row {number}."
                )
        if self._names and len(self._names) == width - 1 and not any(row[-1] for row in self._rows):
            self._names.append("")  # A delimiter ends the rows, but not the heading.
        if self._names and len(self._names) != width:
            hint = (
                "If the comma is the decimal mark, write points, or put semicolons between columns."
            )
            if self._delimiter == " ":
                hint = "Write the names without blanks, or put commas between columns."
            raise UsageError(
                f"Expected a name for each of {width} columns in {self._path}. Received: "
                f"{len(self._names)} names. ({hint})"
            )

    def drop_empty_column(self) -> None:
        """Leave out a last column without any cell, which a delimiter at the end makes."""
        unnamed = not self._names or not self._names[-1]
        if len(self._columns) > 1 and unnamed and not any(row[-1] for row in self._rows):
            self._columns.pop()

    def drop_index(self) -> None:
        """Leave out the first column if it has no name: pandas writes its index so."""
        if self._names and self._names[0] in ("", "Unnamed: 0") and len(self._columns) > 1:
            print(
                f"Passed over in {self._path}: the first column, which has no name, as the index "
                "of pandas.",
                file=sys.stderr,
            )
            del self._columns[0]

    @property
    def has_heading(self) -> bool:
        """True if the columns have names."""
        return bool(self._names)

    @property
    def _named(self) -> dict[int, str]:
        return {n: self._names[n] if self._names else "" for n in self._columns}

    def skip(self, names: Sequence[str]) -> None:
        """Leave out the columns of these names; raise ValueError for a name that none has."""
        if names:
            self._columns = csv_columns.without(self._path, self._named, names)

    def take(self, names: Sequence[str], skipped: Sequence[str] = ()) -> None:
        """Keep the columns of a training, see `csv_columns.in_order`; those of gaps alone too."""
        named = dict(zip(self._columns, self.names(), strict=True))
        named = named if self._names else self._named
        self._columns = csv_columns.in_order(self._path, named, names, skipped)
        self._advice, self._may_be_empty = "", self._gaps

    def names(self) -> list[str]:
        """Return the names of the columns, or "column 1" and so on where there is none."""
        return [
            self._names[n] or f"column {n + 1}" if self._names else f"column {n + 1}"
            for n in self._columns
        ]

    def texts(self, name: str) -> list[str]:
        """Return the cells of the column of this name as they stand, and leave the column out."""
        use = "of time stamps, of a name of its own, for --time-column"
        place = csv_columns.find(self._path, self._named, name, use)
        if len(self._columns) == 1:
            raise UsageError(
                f"Expected columns of numbers next to the --time-column in {self._path}. Received: "
                f"{name!r} alone."
            )
        self._columns.remove(place)
        return [row[place] for row in self._rows]

    def values(self) -> np.ndarray:
        """Return the numbers, NaN for gaps; raise ValueError for the first cell that is none."""
        self._refuse_column_numbers()
        self._refuse_names_of_two()
        columns = [self._column(n, [row[n] for row in self._rows]) for n in self._columns]
        return np.stack(columns, axis=1)

    def _refuse_column_numbers(self) -> None:
        """Refuse a first row 0, 1, 2, or of whole numbers over decimals: names, or a step?"""
        first = [self._rows[0][n] for n in self._columns]
        if self._names or len(set(first)) < len(first) or not all(map(WHOLE.fullmatch, first)):
            return
        others = (row[n] for row in self._rows[1:] for n in self._columns)
        is_counted = len(first) > 1 and counts(first)
        if len(self._rows) > 1 and (is_counted or not any(map(WHOLE.fullmatch, others))):
            raise UsageError(
                f"Expected names or numbers of a step in row {self._numbers[0]} of {self._path}. "
                f"Received: {', '.join(first[:4])}, which may be both. (Give the columns names, or "
                f"write the step with decimals: {first[0]}.0.)"
            )

    def _refuse_names_of_two(self) -> None:
        """Refuse a name that two columns have, which no answer by name could tell apart."""
        names = self.names()
        for name in names if len(set(names)) < len(names) else ():
            if names.count(name) > 1:
                numbers = [
                    n + 1 for n, one in zip(self._columns, names, strict=True) if one == name
                ]
                raise UsageError(
                    f"Expected columns of names that differ, in {self._path}. Received: {name!r} "
                    f"of columns {' and '.join(map(str, numbers))}. (Rename them in the heading.)"
                )

    def _column(self, place: int, cells: Sequence[str]) -> np.ndarray:
        known = np.array([not (self._gaps and is_gap(cell)) for cell in cells])
        if not known.any() and not self._may_be_empty:
            raise UsageError(
                f"Expected at least one number in {self._name(place)} of {self._path}. Received: "
                f"empty cells alone. (Fill it in. {self._advice})"
            )
        found = np.full(len(cells), np.nan)
        places = np.flatnonzero(known)
        found[known] = self._known_numbers(place, [cells[int(n)] for n in places], places)
        return found

    def _known_numbers(self, place: int, cells: Sequence[str], rows: np.ndarray) -> np.ndarray:
        """Return the numbers of cells of a column that are no gaps, in these rows."""
        if any(map(has_thousands, cells)):
            self._refuse_thousands(place, cells, rows)
        points = any("." in cell for cell in cells)
        if any("," in cell for cell in cells):
            if self._delimiter == ",":
                self._refuse(
                    place, cells, rows, lambda cell: "," in cell, "a comma in quotation marks"
                )
            if any("." in row[n] for row in self._rows for n in self._columns):
                self._refuse(
                    place, cells, rows, lambda cell: "," in cell, "a comma, and others a point"
                )
            cells = [cell.replace(",", ".", 1) for cell in cells]
        elif not points and any(map(FRACTION.fullmatch, cells)):
            hint = "digits behind a 0, as of a decimal comma. (Write points, or put semicolons "
            self._refuse(place, cells, rows, FRACTION.fullmatch, f"{hint}between columns)")
        if not all(map(NUMBER.fullmatch, cells)):
            self._refuse(place, cells, rows, lambda cell: not NUMBER.fullmatch(cell), "")
        with np.errstate(over="ignore"):
            values = np.array(cells, np.float64)
            lost = ~np.isfinite(values.astype(np.float32))
        if lost.any():
            number = self._numbers[rows[int(np.argmax(lost))]]
            raise UsageError(
                f"Expected numbers that float32 can hold. Received: {cells[int(np.argmax(lost))]} "
                f"in row {number}, {self._name(place)} of {self._path}."
            )
        if len(np.unique(values.astype(np.float32))) < len(np.unique(values)) / 2:
            raise UsageError(
                f"Expected numbers that float32 tells apart. Received: {cells[0]} and others in "
                f"{self._name(place)} of {self._path}, of which more than half become equal. "
                "(Subtract the first one, for example.)"
            )
        return values

    def _refuse_comment(self, number: int, cell: str) -> None:
        """Refuse a comment below the first row."""
        if cell.startswith("#"):
            raise UsageError(
                f"Expected comments before the first row alone, in {self._path}. Received: "
                f"{cell!r} in row {number}. (Remove the line. If the recording was interrupted "
                "there, save each part as a file of its own: no window may have steps of both.)"
            )

    def _refuse_thousands(self, place: int, cells: Sequence[str], rows: np.ndarray) -> None:
        """Refuse the first cell with marks of thousands, which may be decimal marks elsewhere."""
        bad = next(n for n, cell in enumerate(cells) if has_thousands(cell))
        mark = THOUSANDS.fullmatch(cells[bad])[1]  # type: ignore[index]
        raise UsageError(
            f"Expected numbers in {self._path}. Received: {cells[bad]!r} in row "
            f"{self._numbers[rows[bad]]}, {self._name(place)}: marks of thousands. (Write "
            f"numbers such as {cells[bad].replace(mark, '')}. Spreadsheets have a format of "
            "cells for it.)"
        )

    def _refuse(
        self,
        place: int,
        cells: Sequence[str],
        rows: np.ndarray,
        is_bad: Callable[[str], object],
        why: str,
    ) -> None:
        bad = next(n for n, cell in enumerate(cells) if is_bad(cell))
        cell, number = cells[bad], self._numbers[rows[bad]]
        self._refuse_comment(number, cell)
        what = f"{cell!r}" if cell else "an empty cell"
        advice = f"{CONVERT} {self._advice}".rstrip() if cell else FILL
        raise UsageError(
            f"Expected numbers in {self._path}. Received: {what} in row {number}, "
            f"{self._name(place)}{f': {why}' if why else ''}. ({advice})"
        )

    def _name(self, place: int) -> str:
        name = self._names[place] if place < len(self._names) else ""
        return f"column {place + 1}" + (f" ({name})" if name else "")
