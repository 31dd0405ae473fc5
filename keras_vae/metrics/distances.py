"""Distances between two sets of vectors, for features of real and generated images."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.validation import arguments

# Distances of pairs computed at a time.
DISTANCES_AT_ONCE = 10_000_000


def frechet_distance(x: Any, y: Any) -> float:
    """Return the squared Fréchet distance of Gaussians fitted to two sets of vectors.

    It is |m_x - m_y|^2 + tr(C_x + C_y - 2 (C_x C_y)^(1/2)) (Dowson & Landau 1982), computed in
    float64, because good models differ in digits that float32 loses. Its bias depends on the
    counts, so compare only numbers of equal counts. It is the FID only for features of the
    Inception network of Heusel et al. 2017.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(1000, 4))
        >>> round(keras_vae.metrics.frechet_distance(x, x + 1.0), 3)
        4.0

    Args:
        x: Vectors, `(count, dimensions)`, preferably many more than dimensions.
        y: Vectors, `(count of its own, dimensions)`.

    Raises:
        ValueError: If the shapes do not fit, a set is too small, or a number is not finite.
    """
    x, y = _check_vectors({"x": x, "y": y}, 2)
    covariance_x, covariance_y = (np.atleast_2d(np.cov(part, rowvar=False)) for part in (x, y))
    values, vectors = np.linalg.eigh(covariance_x)
    root = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    # The eigenvalues of C_x C_y are those of this symmetric matrix, which has a stable solver.
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariance_y @ root), 0.0)).sum()
    trace = np.trace(covariance_x) + np.trace(covariance_y) - 2.0 * shared
    return float(np.sum(np.square(x.mean(axis=0) - y.mean(axis=0))) + trace)


def kernel_distance(x: Any, y: Any, blocks: int = 10, seed: int = 0) -> tuple[float, float]:
    """Return the squared MMD under the kernel (x.y / d + 1)^3, and its standard error.

    The unbiased estimate (Binkowski et al. 2018, arXiv:1801.01401, section 4) is averaged over
    disjoint random blocks, whose spread gives the error. For equal distributions it is zero within
    the error, for any counts. It is the KID only for features of the Inception network.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(1000, 4))
        >>> distance, error = keras_vae.metrics.kernel_distance(x, x + 1.0)

    Args:
        x: Vectors, `(count, dimensions)`.
        y: Vectors, `(count of its own, dimensions)`.
        blocks: Number of blocks of both sets, each of at least two vectors.
        seed: Seed of the blocks.

    Raises:
        ValueError: As `frechet_distance`, or if there are fewer than two blocks.
    """
    blocks = arguments.integer("blocks", blocks, 2)
    x, y = _check_vectors({"x": x, "y": y}, 2 * blocks)
    generator = np.random.default_rng(arguments.seed(seed))
    parts = (np.array_split(part[generator.permutation(len(part))], blocks) for part in (x, y))
    found = [_squared_discrepancy(a, b) for a, b in zip(*parts, strict=True)]
    return float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(blocks))


def density_and_coverage(real: Any, generated: Any, neighbors: int = 5) -> tuple[float, float]:
    """Return density and coverage of generated vectors (Naeem et al. 2020, arXiv:2002.09797).

    The ball of a real vector reaches to its k-th nearest real neighbor. Density is the mean number
    of balls around a generated vector, over k. Coverage is the share of balls that hold a generated
    vector (equations 3 and 4). For equal distributions and counts they are 1 and nearly 1 - 2^-k on
    average.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(100, 16))
        >>> keras_vae.metrics.density_and_coverage(x, x[:50])[1] > 0.5
        True

    Args:
        real: Vectors, `(count, dimensions)`, more than `neighbors`.
        generated: Vectors, `(count of its own, dimensions)`.
        neighbors: k.

    Returns:
        Density and coverage.

    Raises:
        ValueError: As `frechet_distance`, or if there are too few vectors.
    """
    neighbors = arguments.integer("neighbors", neighbors)
    real, generated = _check_vectors({"real": real, "generated": generated}, 1)
    if len(real) <= neighbors:
        raise UsageError(f"Expected more than {neighbors} real vectors. Received: {len(real)}.")
    inside, covered = 0, 0
    for rows in _rows(real, max(len(real), len(generated))):
        holds = squared_distances(real[rows], generated) < _squared_radii(real, rows, neighbors)
        inside += int(holds.sum())
        covered += int(holds.any(axis=1).sum())
    return inside / (neighbors * len(generated)), covered / len(real)


def precision_and_recall(real: Any, generated: Any, neighbors: int = 3) -> tuple[float, float]:
    """Return precision and recall of generated vectors.

    The source is Kynkäänniemi et al. 2019, arXiv:1904.06991, equations 1 and 2. The ball of a
    vector reaches to its k-th nearest neighbor of the same set, and includes its edge. Precision
    is the share of generated vectors in a ball of a real one. Recall is the share of real vectors
    in a ball of a generated one. Both are from 0 to 1. Outliers have large balls, which favors
    both; `density_and_coverage` is less sensitive. The paper takes features of a VGG-16 and 50,000
    vectors of each set. Compare only numbers of equal counts.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(100, 16))
        >>> keras_vae.metrics.precision_and_recall(x, x)
        (1.0, 1.0)

    Args:
        real: Vectors, `(count, dimensions)`, more than `neighbors`.
        generated: Vectors, `(count of its own, dimensions)`, more than `neighbors`.
        neighbors: k.

    Returns:
        Precision and recall.

    Raises:
        ValueError: As `frechet_distance`, or if there are too few vectors.
        TypeError: If there are values that are not numbers.
    """
    neighbors = arguments.integer("neighbors", neighbors)
    real, generated = _check_vectors({"real": real, "generated": generated}, neighbors + 1)
    center = real.mean(axis=0)  # Products of centered vectors lose fewer digits.
    real, generated = real - center, generated - center
    return _share_inside(generated, real, neighbors), _share_inside(real, generated, neighbors)


def _share_inside(vectors: np.ndarray, centers: np.ndarray, neighbors: int) -> float:
    """Return the share of vectors in a ball of at least one center."""
    # Rounding errors of squared distances. Without it, equal distances would be a matter of luck.
    squares = max(float(np.max(np.sum(part * part, axis=1))) for part in (vectors, centers))
    slack = 4 * np.finfo("float64").eps * vectors.shape[1] * squares
    inside = np.zeros(len(vectors), bool)
    for rows in _rows(centers, max(len(centers), len(vectors))):
        radii = _squared_radii(centers, rows, neighbors) + slack
        inside |= (squared_distances(centers[rows], vectors) <= radii).any(axis=0)
    return float(inside.mean())


def _squared_radii(vectors: np.ndarray, rows: slice, neighbors: int) -> np.ndarray:
    """Return squared distances of these rows to their k-th neighbors, `(rows, 1)`."""
    # A vector is its own nearest neighbor, so the k-th other one is at place k.
    to_all = squared_distances(vectors[rows], vectors)
    return np.partition(to_all, neighbors, axis=1)[:, neighbors, None]


def _squared_discrepancy(x: np.ndarray, y: np.ndarray) -> float:
    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / a.shape[1] + 1.0) ** 3

    def mean_of_others(k: np.ndarray) -> float:
        return (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))

    between = 2.0 * kernel(x, y).mean()
    return mean_of_others(kernel(x, x)) + mean_of_others(kernel(y, y)) - between


def _rows(x: np.ndarray, pairs_per_row: int) -> Iterator[slice]:
    step = max(DISTANCES_AT_ONCE // pairs_per_row, 1)
    return (slice(start, start + step) for start in range(0, len(x), step))


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return squared distances of rows of `x` and `y`, `(len(x), len(y))`.

    Small ones are inexact.
    """
    squares = np.sum(x * x, axis=1)[:, None] + np.sum(y * y, axis=1)[None]
    return squares - 2.0 * x @ y.T


def _check_vectors(pair: dict[str, Any], least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two arguments, by their names, as float64 vectors of one size."""
    x, y = (arguments.array(name, part).astype("float64") for name, part in pair.items())
    shapes_fit = x.ndim == y.ndim == 2 and x.shape[1] == y.shape[1] > 0
    if not shapes_fit or min(len(x), len(y)) < least:
        raise UsageError(
            f"Expected {' and '.join(pair)} of at least {least} vectors of one size each, (count, "
            f"dimensions). "
            f"Received: shapes {x.shape} and {y.shape}."
        )
    return x, y
