"""Codebook usage over a whole data set."""

from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.validation import arguments


def codebook_usage(indices: Any, size: int) -> dict[str, float]:
    """Return the share of entries in use, and the perplexity of their use.

    The perplexity exp(H) of the entries' frequencies is `size` if all are used equally and 1 if
    only one is used. In a batch it is at most the number of codes of the batch, so measure a whole
    data set.

    Example:
        >>> keras_vae.metrics.codebook_usage([[0, 1], [0, 1]], size=4)
        {'codebook_perplexity': 2.0, 'codebook_used': 0.5}

    Args:
        indices: Entries assigned to examples, integers of any shape, 0 to `size` - 1.
        size: Entries of the codebook.

    Returns:
        `codebook_perplexity`, 1 to `size`, and `codebook_used`, above 0 and at most 1.

    Raises:
        ValueError: If there are no indices, or some are out of range.
    """
    size = arguments.integer("size", size)
    indices = arguments.array("indices", indices).ravel()
    if indices.dtype.kind not in "ui" or not len(indices):
        raise UsageError(
            f"Expected at least one integer index. Received: {len(indices)} of {indices.dtype}."
        )
    if indices.min() < 0 or indices.max() >= size:
        raise UsageError(
            f"Expected indices from 0 to {size - 1}. Received: {indices.min()} to {indices.max()}."
        )
    frequencies = np.bincount(indices, minlength=size) / len(indices)
    used = frequencies[frequencies > 0]
    return {
        "codebook_perplexity": float(np.exp(-np.sum(used * np.log(used)))),
        "codebook_used": len(used) / size,
    }
