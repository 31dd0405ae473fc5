"""A few examples of a data set, for state of a model that comes from data."""

from typing import Any

import numpy as np

from keras_vae import checks


def excerpt(model: Any, data: Any, count: int, seed: int | None = None) -> np.ndarray:
    """`count` different examples, float32 `(count, *event_shape)`.

    Args:
        model: The model that they are for; see `keras_vae.checks.check_data`.
        data: An array, of which rows are chosen at random, or a source of batches that are
            shuffled already, such as a `tf.data.Dataset`: its first rows are taken.
        count: How many.
        seed: Of the choice.

    Raises:
        ValueError: If there are fewer, or they do not fit the model.
    """
    if hasattr(data, "shape"):
        rows = np.asarray(data)
        if len(rows) >= count:
            rows = rows[np.random.default_rng(seed).choice(len(rows), count, replace=False)]
    else:
        rows = _first(data, count)
    if len(rows) < count:
        raise ValueError(f"Expected at least {count} examples. Received: {len(rows)}.")
    checks.check_batch(model, rows)
    return rows.astype("float32")


def _first(batches: Any, count: int) -> np.ndarray:
    parts: list[np.ndarray] = []
    for batch in batches:
        parts.append(np.asarray(batch[0] if isinstance(batch, tuple) else batch))
        if sum(map(len, parts)) >= count:
            break
    return np.concatenate(parts)[:count] if parts else np.zeros((0,))
