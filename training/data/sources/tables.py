"""Tables of scikit-learn with numbers that are missing at random."""

from dataclasses import replace

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.sources.base import Data

TABLES = ("breast_cancer", "diabetes", "iris", "wine")
PERCENT, MOST_PERCENT = 20, 90
TEST_ROW_EVERY = 3
SEED = 0


def hide(x: np.ndarray, rate: float, seed: int) -> np.ndarray:
    """Return `x` with NaN at each place with probability `rate`, completely at random."""
    return np.where(np.random.default_rng(seed).random(x.shape) < rate, np.nan, x)


def read_holed_table(argument: str) -> Data:
    """Read a table of numbers, hide some of them, and infer the columns from the training rows.

    Every third row, from the first, is a test row. The same numbers are hidden at each call. A row
    that would lose all of them keeps its first one.

    Example:
        >>> read_holed_table("wine:50").train.shape
        (118, 13)

    Args:
        argument: One of `TABLES`, with the percentage of numbers to hide after a colon; 20 by
            default.

    Returns:
        The rows, NaN for hidden numbers, with classes as labels where the table has them. `schema`
        has the columns, and `test_complete` the test rows before numbers were hidden.

    Raises:
        ValueError: If there is no such table, or the percentage is none from 0 to 90.
    """
    name, percent = _parse(argument)
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    complete = bunch.data.astype(np.float32)
    holed = hide(complete, percent / 100, SEED).astype(np.float32)
    emptied = np.isnan(holed).all(axis=1)
    holed[emptied, 0] = complete[emptied, 0]
    tested = np.arange(len(complete)) % TEST_ROW_EVERY == 0
    schema = _infer(bunch.feature_names, holed[~tested])
    data = Data(
        f"{name}, {percent} % missing",
        holed[~tested],
        holed[tested],
        schema=schema,
        test_complete=complete[tested],
    )
    if "target_names" not in bunch:
        return data
    labels = bunch.target.astype(np.int64)
    return replace(
        data,
        train_labels=labels[~tested],
        test_labels=labels[tested],
        label_names=tuple(map(str, bunch.target_names)),
    )


def _parse(argument: str) -> tuple[str, int]:
    name, _, percent = argument.partition(":")
    whole = percent or str(PERCENT)
    if name not in TABLES or not whole.isdecimal() or int(whole) > MOST_PERCENT:
        example = name if name in TABLES else TABLES[0]
        raise UsageError(
            f"Expected table:NAME or table:NAME:PERCENT, with a name of {', '.join(TABLES)}, and "
            f"the percentage of the numbers to hide, a whole number from 0 to {MOST_PERCENT}. "
            f"Received: table:{argument}. (For example table:{example}:50.)"
        )
    return name, int(whole)


def _infer(names: list[str], rows: np.ndarray) -> object:
    """Return the schema of the columns of rows."""
    from keras_vae.tables import Schema

    return Schema.infer(dict(zip(map(str, names), rows.T, strict=True)))
