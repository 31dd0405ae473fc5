"""Distances of codes from the codes of the training data."""

import dataclasses
import math
from typing import Any

import numpy as np
from keras import ops

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

# Share of the mean variance that is added to each variance: without it, collapsed dimensions have
# no inverse covariance.
RIDGE = 1e-6


@dataclasses.dataclass(frozen=True)
class Mahalanobis:
    """The Mahalanobis distance sqrt((z - mean)' covariance^-1 (z - mean)) (Mahalanobis 1936).

    Attributes:
        mean: Mean of the reference codes, float32 `(n,)`.
        whitening: float32 `(n, n)`; (z - mean) times it has unit covariance.
    """

    mean: np.ndarray
    whitening: np.ndarray

    def distance(self, z: Tensor) -> Tensor:
        """Return the distance of each code, `(batch, n)` to `(batch,)`."""
        centered = z - ops.convert_to_tensor(self.mean)
        white = ops.matmul(centered, ops.convert_to_tensor(self.whitening))
        return ops.sqrt(ops.sum(ops.square(white), axis=1))


@dataclasses.dataclass(frozen=True)
class Neighbors:
    """The Euclidean distance to the k-th nearest of the reference codes.

    Attributes:
        codes: float32 `(count, n)`.
        rank: k, as an array without axes.
    """

    codes: np.ndarray
    rank: np.ndarray

    def distance(self, z: Tensor) -> Tensor:
        """Return the distance of each code, `(batch, n)` to `(batch,)`."""
        # Differences, not |z|^2 - 2zc + |c|^2, in which near neighbors cancel to noise.
        apart = z[:, None] - ops.convert_to_tensor(self.codes)[None]
        squared = ops.sum(ops.square(apart), axis=2)
        return ops.sqrt(-ops.top_k(-squared, int(self.rank))[0][:, -1])


Reference = Mahalanobis | Neighbors
PREFIX = "reference_"  # Prefix of names in files.
# Codes that are kept for neighbors, unless another number is asked for.
MOST_CODES = 1000


def check(reference: Any) -> Reference | None:
    """Return `reference`; raise TypeError unless it is a `Reference` or None."""
    if reference is None or isinstance(reference, Reference):
        return reference
    raise UsageTypeError(
        "Expected a reference that detector.adapt(training_data) makes. Received: "
        f"{type(reference).__name__}."
    )


def check_most_codes(examples: int | None, neighbors: int | None) -> int:
    """Return the largest number of codes to keep.

    Raises:
        TypeError: If `examples` is no integer.
        ValueError: If it is less than `neighbors`, or there are no `neighbors`.
    """
    if examples is None:
        return max(MOST_CODES, neighbors or 1)
    if arguments.integer("examples", examples) < (neighbors or 1):
        raise UsageError(
            f"Expected examples of at least {neighbors}, as many as neighbors. "
            f"Received: examples={examples!r}."
        )
    if neighbors is None:
        raise UsageError(
            "Expected no examples for the Mahalanobis distance, which is from all of them. "
            f"Received: examples={examples!r}. (Leave it out, or choose neighbors=k.)"
        )
    return examples


def fit_reference(codes: Any, neighbors: int | None = None) -> Reference:
    """Fit a reference from which distances of codes are measured.

    Args:
        codes: `(count, *latent_shape)`.
        neighbors: k for the distance to the k-th neighbor; None for the Mahalanobis distance.

    Raises:
        ValueError: If there are too few codes, or one is not finite.
    """
    codes = arguments.array("codes", codes, finite=False).astype("float64")
    if codes.ndim < 2:
        raise UsageError(f"Expected codes (count, ...). Received: shape {codes.shape}.")
    codes = codes.reshape(len(codes), math.prod(codes.shape[1:]))
    fewest = 2 if neighbors is None else arguments.integer("neighbors", neighbors)
    if len(codes) < fewest or not np.isfinite(codes).all():
        raise UsageError(
            f"Expected at least {fewest} codes, all finite. Received: {len(codes)}, "
            f"{int((~np.isfinite(codes)).any(axis=1).sum())} of them with NaN or infinity."
        )
    if neighbors is not None:
        return Neighbors(codes.astype("float32"), np.array(neighbors, "int32"))
    covariance = np.cov(codes, rowvar=False).reshape(codes.shape[1], -1)
    ridge = RIDGE * max(np.trace(covariance) / len(covariance), np.finfo("float32").tiny)
    factor = np.linalg.cholesky(covariance + ridge * np.eye(len(covariance)))
    whitening = np.linalg.inv(factor).T
    return Mahalanobis(codes.mean(axis=0).astype("float32"), whitening.astype("float32"))


def save(reference: Reference | None, store: Any) -> None:
    """Write the arrays of `reference`, if any, to an object's part of a file."""
    for name, part in vars(reference).items() if reference else ():
        store[PREFIX + name] = part


def load(store: Any) -> Reference | None:
    """Read what `save` wrote; None if it wrote nothing."""
    names = [name for name in store.keys() if name.startswith(PREFIX)]
    parts = {name.removeprefix(PREFIX): np.array(store[name]) for name in names}
    kind = Neighbors if "codes" in parts else Mahalanobis
    return kind(**parts) if parts else None
