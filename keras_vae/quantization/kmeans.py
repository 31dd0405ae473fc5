"""k-means clustering, to initialize codebooks from data."""

import numpy as np

from keras_vae.errors import UsageError

# Vectors compared with all centers at a time.
CHUNK = 4096


def kmeans(
    vectors: np.ndarray, count: int, seed: int | None = None, rounds: int = 20
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster vectors by Lloyd's algorithm with k-means++ initialization.

    Source: Arthur & Vassilvitskii 2007. A center without vectors does not move.

    Args:
        vectors: Shape `(n, dimensions)`.
        count: Number of clusters.
        seed: Seed of the initialization.
        rounds: Rounds of Lloyd's algorithm.

    Returns:
        The centers, `(count, dimensions)`, and the number of vectors of each, `(count,)`.

    Raises:
        ValueError: If there are fewer vectors than clusters.
    """
    if len(vectors) < count:
        raise UsageError(
            f"Expected at least {count} vectors for {count} codes. Received: {len(vectors)}."
        )
    centers = _spread(vectors, count, np.random.default_rng(seed))
    for _ in range(rounds):
        chosen = nearest(vectors, centers)
        sizes = np.bincount(chosen, minlength=count)
        sums = np.zeros(centers.shape)
        np.add.at(sums, chosen, vectors)
        means = sums / np.maximum(sizes, 1)[:, None]
        centers = np.where(sizes[:, None] > 0, means, centers)
    return centers, np.bincount(nearest(vectors, centers), minlength=count)


def _spread(vectors: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Choose vectors one by one, each by its squared distance to those chosen before."""
    chosen = [int(random.integers(len(vectors)))]
    distance = np.full(len(vectors), np.inf)
    while len(chosen) < count:
        from_last = np.square(vectors - vectors[chosen[-1]]).sum(axis=1, dtype="float64")
        distance = np.minimum(distance, from_last)
        chance = distance + 1e-12  # All vectors may be alike.
        chosen.append(int(random.choice(len(vectors), p=chance / chance.sum())))
    return vectors[chosen]


def nearest(vectors: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the index of the nearest center of each vector, `(n,)`."""
    lengths = np.square(centers).sum(axis=1)
    parts = np.array_split(vectors, -(-len(vectors) // CHUNK))
    return np.concatenate([np.argmin(lengths - 2.0 * part @ centers.T, axis=1) for part in parts])
