"""Recordings of sensors in text files: rows with time stamps and holes."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.sources.csv_table import SUFFIXES, open_table


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
        ValueError: If the file is of another kind, a cell is neither a number nor a gap, or a
            column has no number.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"Expected a {', '.join(SUFFIXES)} file. Received: {path}.")
    if time_column in skip_columns:
        raise UsageError(
            f"Expected other columns in --skip-columns than the --time-column. Received: "
            f"{time_column} in both."
        )
    table = open_table(path, gaps=True)
    stamps = None if time_column is None else table.texts(time_column)
    table.skip(skip_columns)
    values = table.values()
    if stamps is None:
        return Recording(values, table.names(), [str(n) for n in range(len(values))])
    return Recording(values, table.names(), stamps, str(time_column))
