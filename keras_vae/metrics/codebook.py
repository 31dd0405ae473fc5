"""Use of the entries of a codebook over a whole data set."""

from typing import Any

import numpy as np


def codebook_usage(indices: Any, size: int) -> dict[str, float]:
    """How many entries are used, as a share and as a perplexity.

    The perplexity exp(H) of the entries' frequencies is `size` if all are used alike and 1 if only
    one is. Over a batch it cannot exceed the number of codes in the batch, so measure a data set.

    Args:
        indices: Entries that examples were assigned to, integers of any shape, 0 to `size` - 1.
        size: Entries of the codebook.

    Returns:
        `codebook_perplexity`, 1 to `size`, and `codebook_used`, above 0 and at most 1.

    Raises:
        ValueError: If there are no indices, or some are no entries.
    """
    indices = np.ravel(indices)
    if indices.dtype.kind not in "ui" or not len(indices):
        raise ValueError(
            f"Expected at least one integer index. Received: {len(indices)} of {indices.dtype}."
        )
    if indices.min() < 0 or indices.max() >= size:
        raise ValueError(
            f"Expected indices from 0 to {size - 1}. Received: {indices.min()} to {indices.max()}."
        )
    frequencies = np.bincount(indices, minlength=size) / len(indices)
    used = frequencies[frequencies > 0]
    return {
        "codebook_perplexity": float(np.exp(-np.sum(used * np.log(used)))),
        "codebook_used": len(used) / size,
    }
