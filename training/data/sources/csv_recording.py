"""Recordings of sensors in text files: rows with time stamps and holes."""

import dataclasses
import datetime
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.sources.csv_table import SUFFIXES, open_table

# Forms of dates and times next to ISO 8601, as spreadsheets and loggers write them.
DATES = ("%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%Y/%m/%d")
TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")


@dataclasses.dataclass(frozen=True)
class Recording:
    """A recording of sensors.

    Attributes:
        values: float64 `(steps, features)`, NaN for gaps.
        names: Of the features.
        stamps: The time of each step, as the file writes it; the number of the step, from 0, if
            the file has none.
        stamp_name: The name of the column of the stamps, or "step".
    """

    values: np.ndarray
    names: list[str]
    stamps: list[str]
    stamp_name: str = "step"


def read_recording(
    path: Path, time_column: str | None = None, skip_columns: Sequence[str] = ()
) -> Recording:
    """Read a recording with gaps: empty cells, and words such as NaN.

    Args:
        path: A .csv, .tsv or .txt file as in `keras_vae.training.data.sources.csv_table`.
        time_column: Name of the column with time stamps, which are kept as text.
        skip_columns: Names of other columns to leave out.

    Raises:
        ValueError: If the file is of another kind, a cell is neither a number nor a gap, a
            column has no number, or the time stamps run backwards.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"Expected a {', '.join(SUFFIXES)} file. Received: {path}.")
    if time_column in skip_columns:
        raise UsageError(
            f"Expected other columns in --skip-columns than the --time-column. Received: "
            f"{time_column} in both."
        )
    advice = "--skip-columns leaves a column out by its name."
    if time_column is None:
        advice = f"--time-column names the column of time stamps. {advice}"
    table = open_table(path, gaps=True, advice=advice)
    stamps = None if time_column is None else table.texts(time_column)
    table.skip(skip_columns)
    values = table.values()
    if stamps is None:
        return Recording(values, table.names(), [str(n) for n in range(len(values))])
    _check_order(path, str(time_column), stamps)
    return Recording(values, table.names(), stamps, str(time_column))


def as_dates(stamps: Sequence[str]) -> list[datetime.datetime] | None:
    """Return stamps as dates, or None for others, and where day and month may be either way."""
    readings = [list(places) for places in _readings(stamps)]
    readings = [each for each in readings if isinstance(each[0], datetime.datetime)]
    backwards = [len(_steps_back(each)) for each in readings]
    best = [each for each, back in zip(readings, backwards, strict=True) if back == min(backwards)]
    return best[0] if best and all(each == best[0] for each in best) else None


def _check_order(path: Path, column: str, stamps: Sequence[str]) -> None:
    """Raise ValueError for rows that are not in the order of time.

    A clock may go back some times, as at the end of summer time, so a quarter of the rows must.
    Stamps that are neither dates nor numbers have no order. Where the day and the month may be
    either way, the rows are in order if they are so in one of the two.
    """
    backwards = [_steps_back(places) for places in _readings(stamps)]
    if backwards and all(4 * len(back) > len(stamps) for back in backwards):
        back = backwards[0]
        first = back[0]
        raise UsageError(
            f"Expected rows in the order of time in {path}, the oldest first. Received: "
            f"{stamps[first]} after {stamps[first - 1]} in {column}, and {len(back)} of "
            f"{len(stamps)} rows like it. (Sort the rows by {column}.)"
        )


def _steps_back(places: Sequence[Any]) -> list[int]:
    """Return the rows whose place is before that of the row above; none where that is unknown."""
    try:
        return [n for n in range(1, len(places)) if places[n] < places[n - 1]]
    except TypeError:  # Some dates have a zone, others have none.
        return []


def _readings(stamps: Sequence[str]) -> Iterator[Sequence[Any]]:
    """Yield the stamps as numbers or dates, in each way in which all of them can be read."""
    if known := _as_iso_dates(stamps) or _as_numbers(stamps):
        yield known
        return
    for form in itertools.starmap("{}{}".format, itertools.product(DATES, TIMES)):
        try:
            yield [datetime.datetime.strptime(stamp, form) for stamp in stamps]
        except ValueError:
            continue


def _as_iso_dates(stamps: Sequence[str]) -> list[datetime.datetime] | None:
    try:
        return [datetime.datetime.fromisoformat(stamp) for stamp in stamps]
    except ValueError:
        return None


def _as_numbers(stamps: Sequence[str]) -> list[float] | None:
    try:
        return [float(stamp.replace(",", ".")) for stamp in stamps]
    except ValueError:
        return None
