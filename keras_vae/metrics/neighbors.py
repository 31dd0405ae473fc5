"""Nearest neighbors of vectors, exactly and in bounded memory."""

import math
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.metrics.distances import DISTANCES_AT_ONCE, squared_distances
from keras_vae.validation import arguments


def neighbors(codes: Any, queries: Any, k: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest codes of each query, by Euclidean distance, exactly and in bounded memory.

    A query that is one of the codes finds itself first, at distance 0.

    Example:
        >>> codes, queries = model.encode(train), model.encode(test)
        >>> places, distances = keras_vae.latents.neighbors(codes, queries, k=5)
        >>> alike = train[places]  # (len(test), 5, 28, 28, 1)

    Args:
        codes: Codes to search, `(count, *latent_shape)`.
        queries: Codes whose neighbors are wanted, `(count of its own, *latent_shape)`.
        k: Number of neighbors of each query.

    Returns:
        Indices into `codes`, int64 `(queries, k)`, the nearest first, and their distances.

    Raises:
        ValueError: If the shapes do not fit, there are fewer than `k` codes, or some are NaN.
        TypeError: If codes are integers, as indices of a codebook are.
    """
    found = arguments.codes("codes", codes).astype("float64")
    sought = arguments.codes("queries", queries).astype("float64")
    k = arguments.integer("k", k)
    if found.ndim < 2 or found.shape[1:] != sought.shape[1:] or k > len(found):
        raise UsageError(
            "Expected codes and queries of one shape (count, ...), and k of 1 up to the number of "
            f"codes. Received: shapes {found.shape} and {sought.shape}, k={k!r}."
        )
    found, sought = (part.reshape(len(part), math.prod(part.shape[1:])) for part in (found, sought))
    size = max(DISTANCES_AT_ONCE // len(found), 1)
    parts = [_nearest(found, sought[i : i + size], k) for i in range(0, max(len(sought), 1), size)]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))  # type: ignore


def _nearest(codes: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places and distances of the `k` nearest vectors of each query."""
    # Centered codes lose fewer digits in the products of the squared distance.
    center = codes.mean(axis=0)
    rough = squared_distances(queries - center, codes - center)
    places = np.argpartition(rough, k - 1, axis=1)[:, :k]
    distances = np.linalg.norm(codes[places] - queries[:, None], axis=-1)
    order = np.argsort(distances, axis=1, kind="stable")
    return np.take_along_axis(places, order, 1), np.take_along_axis(distances, order, 1)
