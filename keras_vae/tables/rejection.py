"""Rows of tables that fulfil a condition, drawn until there are enough of them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from keras_vae.acceleration.progress import Progress
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.tables.condition_columns import ConditionColumns, condition_columns
from keras_vae.tables.schema import Schema
from keras_vae.typing import Tensor

Condition = Callable[[dict[str, np.ndarray]], Any]

# Rows drawn at once, rows after which a condition can be hopeless, rows that are drawn at most for
# each one that is wanted, and rows that are drawn at most, or `PER_ROW` times those wanted.
AT_ONCE, FEWEST_DRAWS, DRAWS_PER_ROW = 100_000, 100_000, 10_000
MOST_DRAWS, PER_ROW = 10_000_000, 20


def check_condition(where: Any) -> None:
    """Raise TypeError unless a condition is a function."""
    if not callable(where):
        raise UsageTypeError(
            "Expected where to be a function of a dictionary of columns. Received: "
            f"{where!r:.80}. (Write where=lambda columns: columns['age'] > 40.)"
        )


def most_draws(count: int) -> int:
    """Return how many rows are drawn at most for `count` of them."""
    return min(DRAWS_PER_ROW * count + FEWEST_DRAWS, max(MOST_DRAWS, PER_ROW * count))


def rows_where(
    draw: Callable[[int], Tensor],
    schema: Schema,
    where: Condition,
    count: int,
    max_draws: int | None = None,
    verbose: Any = "auto",
) -> np.ndarray:
    """Return rows that fulfil a condition, `(count, columns)`.

    Args:
        draw: A function from a number of rows to new ones.
        schema: Their columns.
        where: The condition, from a dictionary of columns to bools.
        count: Number of rows to return.
        max_draws: Largest number of rows to draw; None for `most_draws(count)`.
        verbose: Of `keras_vae.acceleration.progress.Progress`.

    Raises:
        TypeError: If the condition returns no bools.
        ValueError: If too few of the rows fulfil it. This is told early, once even the largest
            share that is likely would give too few.
    """
    most = most_draws(count) if max_draws is None else max_draws
    progress = Progress(count, verbose)
    kept: list[np.ndarray] = []
    found, drawn, size = 0, 0, min(AT_ONCE, 2 * count, most)
    while found < count:
        # Three standard deviations more than were found, and 3 where none were.
        likely = found + 3.0 * math.sqrt(found) + 3.0
        if drawn >= most or (drawn >= FEWEST_DRAWS and count * drawn > likely * most):
            raise UsageError(
                f"Expected where to keep {count:,} rows of at most {most:,} that are drawn. "
                f"Received: {found:,} of the first {drawn:,}. (Loosen it, give max_draws, or train "
                "on rows that fulfil it.)"
            )
        x = ops.convert_to_numpy(draw(size))
        kept.append(x[_fulfils(where, schema.to_frame(x), schema)])
        found, drawn = found + len(kept[-1]), drawn + size
        size = min(AT_ONCE, 2 * size, max(most - drawn, 1))
        progress.show(found, drawn=drawn)
    return np.concatenate(kept)[:count]


def _fulfils(where: Condition, frame: dict[str, list], schema: Schema) -> np.ndarray:
    """Return which rows of a table a condition keeps; raise an error for another answer."""
    columns = condition_columns(frame, schema)
    kept, rows = np.asarray(_ask(where, columns)), len(next(iter(columns.values())))
    if kept.dtype != bool or kept.shape != (rows,):
        raise UsageTypeError(
            f"Expected where to return bools of shape ({rows},), one for each row. Received: "
            f"{kept.dtype} of shape {kept.shape}. (Join conditions by & and |.)"
        )
    return kept


def _ask(where: Condition, columns: ConditionColumns) -> Any:
    """Return the answer of a condition; its usual mistakes raise an error with an advice."""
    try:
        return where(columns)
    except UsageError:
        raise
    except (AttributeError, TypeError) as error:
        types = ", ".join(f"{name!r} of {values.dtype}" for name, values in columns.items())
        raise UsageTypeError(
            "Expected where to compare columns with values of their types, as columns['age'] > 40."
            f" Received: {type(error).__name__}: {error}. (Columns: {types}.)"
        ) from error
    except ValueError as error:
        if "truth value" not in str(error):
            raise
        raise UsageError(
            "Expected where to join conditions by & and |, each in parentheses, and to negate by "
            "~. Received: and, or, not, if, or a < b < c, of arrays. (Write (columns['age'] > 20) "
            "& (columns['age'] < 40).)"
        ) from error
