"""Rows of tables as two outputs: numbers in the units of their columns, and categories."""

from collections.abc import Sequence

import numpy as np

from keras_vae.distributions.columns import CLASSES, Column

# The output that is data, in the range of the data.
DATA_OUTPUT = "reconstruction"
CATEGORIES = "categories"
# Steps of float32 by which numbers are rounded in any runtime, such as days since 1970-01-01.
STEPS = 2


def split_table(
    columns: Sequence[Column], expected: np.ndarray, received: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the numbers of rows of a table and their categories, each expected and received.

    Numbers have the mean 0 and the scale 1 of their columns, so that none is lost next to another
    of a larger unit. Those that differ by rounding are equal. Categories are their indices, int32.

    Args:
        columns: The columns of the table.
        expected: Rows of the model, `(rows, columns)`.
        received: Those of the file.

    Returns:
        "reconstruction", if there are columns of numbers, and "categories", if there are others.
    """
    classes = np.array([column.kind in CLASSES for column in columns])
    shift = np.array([column.mean for column in columns])[~classes]
    scale = np.array([column.scale for column in columns])[~classes]
    same = np.abs(received - expected) <= STEPS * np.spacing(np.abs(expected))
    rounded = np.where(same, expected, received)
    parts = {}
    if not classes.all():
        numbers = [(x[:, ~classes].astype("float64") - shift) / scale for x in (expected, rounded)]
        parts[DATA_OUTPUT] = numbers[0], numbers[1]
    if classes.any():
        indices = [np.rint(x[:, classes]).astype("int32") for x in (expected, received)]
        parts[CATEGORIES] = indices[0], indices[1]
    return parts
