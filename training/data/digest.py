"""The digest of a data set, by which a run knows its own data again."""

import hashlib
from typing import Any

import numpy as np

# Data sets of more bytes are known by some of their rows, so that a digest takes below a second.
WHOLE_BYTES = 2**28
SAMPLED_ROWS = 4096
STREAMED_ROWS = 32  # Of data on disk, where each row may be a file.


def digest(data: Any) -> str:
    """Return a hash of the training and test examples: their shapes, types and values.

    A large data set counts by its first and last rows and rows at even distances between them.

    Args:
        data: A `keras_vae.training.data.loading.Data`.

    Returns:
        The SHA-256, 64 hexadecimal digits.
    """
    sha = hashlib.sha256()
    for part in (data.train, data.test):
        sha.update(repr((tuple(part.shape), str(part.dtype))).encode())
        sha.update(np.ascontiguousarray(_rows(part)).data)
    return sha.hexdigest()


def _rows(part: Any) -> np.ndarray:
    """Return all rows, or some of a large or a streamed part."""
    if isinstance(part, np.ndarray):
        some = SAMPLED_ROWS if part.nbytes > WHOLE_BYTES else len(part)
    else:
        some = STREAMED_ROWS
    if some >= len(part):
        return np.asarray(part)
    return np.asarray(part[np.linspace(0, len(part) - 1, some).astype(int)])
