"""Quantizers between vectors and integers: a learned codebook, and fixed levels."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.backend import sum_over_replicas
from keras_vae.errors import UsageError
from keras_vae.quantization.base import Quantizer
from keras_vae.quantization.gradients import GRADIENTS
from keras_vae.quantization.kmeans import kmeans
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

# Pseudo-count of each code at its own place: it avoids division by zero and does not move codes.
SMOOTHING = 1e-8


@keras.saving.register_keras_serializable("keras_vae")
class VectorQuantizer(Quantizer):
    """A codebook of running means of vectors (van den Oord et al. 2017, appendix A).

    Each code is the mean of its nearest vectors, over about 1 / (1 - decay) batches
    (arXiv:1711.00937, equations 6 to 8). This is k-means on a stream, without gradients. A small
    pseudo-count at the code itself keeps codes without vectors in place.

    Example:
        >>> quantizer = keras_vae.quantization.VectorQuantizer(4, seed=0)
        >>> quantizer.build((None, 2))
        >>> quantizer.adapt(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 3.0]]))
        >>> np.array(quantizer.lookup(quantizer.codes(np.array([[2.8, 3.1]], "float32"))))
        array([[3., 3.]], dtype=float32)

    Args:
        size: Number of codes.
        decay: Decay of the running sums, in [0, 1).
        restart: Fraction of the mean count below which a code restarts at a random vector of the
            batch (as in Dhariwal et al. 2020, arXiv:2005.00341); 0 for never.
        seed: Seed of the initial codebook.
        gradient: "straight_through", or "rotation" for the rotation trick of Fifty et al. 2024
            (arXiv:2410.06424): the gradient keeps its angle to the vector.

    Raises:
        ValueError: If an argument is outside its range.
    """

    def __init__(
        self,
        size: int = 512,
        decay: float = 0.99,
        restart: float = 0.05,
        seed: int | None = None,
        gradient: str = "straight_through",
    ) -> None:
        super().__init__()
        self.size = arguments.integer("size of the codebook", size)
        self.decay, self.restart, self.seed = decay, restart, arguments.seed(seed)
        self.gradient = arguments.choice("gradient", gradient, tuple(GRADIENTS))
        if 1.0 in (arguments.fraction("decay", decay), arguments.fraction("restart", restart)):
            raise UsageError(
                "Expected decay and restart in [0, 1). "
                f"Received: decay={decay!r}, restart={restart!r}."
            )

    def build(self, input_shape: tuple) -> None:
        """Make the codebook for vectors of the last axis of `input_shape`."""
        shape = (self.size, input_shape[-1])
        small = keras.initializers.RandomUniform(-1 / self.size, 1 / self.size, seed=self.seed)
        self.codebook = self._state("codebook", shape, small)
        self.sums = self._state("sums", shape, "zeros")
        self.counts = self._state("counts", shape[:1], "zeros")
        super().build(input_shape)

    def codes(self, z: Tensor) -> Tensor:
        """Return the nearest code of each vector: `(..., dimensions)` to int32 `(...)`."""
        return nearest_code(z, ops.convert_to_tensor(self.codebook))

    def lookup(self, codes: Tensor) -> Tensor:
        """Return the vector of each code: int `(...)` to float32 `(..., dimensions)`."""
        return ops.take(ops.convert_to_tensor(self.codebook), codes, axis=0)

    def learn(self, z: Tensor, codes: Tensor, weights: Tensor, seed: Any) -> None:
        """Move the codes towards the vectors of a batch.

        Args:
            z: The vectors, `(..., dimensions)`, on this replica.
            codes: `codes(z)`.
            weights: Weight of each vector, of the shape of `codes`.
            seed: A `SeedGenerator`, for restarts.
        """
        z = ops.reshape(ops.stop_gradient(z), (-1, self.codebook.shape[1]))
        weights = ops.reshape(weights, (-1,))
        new_counts, new_sums = self._statistics(z, ops.reshape(codes, (-1,)), weights)
        counts = self.decay * self.counts + (1.0 - self.decay) * new_counts
        sums = self.decay * self.sums + (1.0 - self.decay) * new_sums
        if self.restart > 0.0:
            counts, sums = self._restart_dead(counts, sums, z, weights, seed)
        self.counts.assign(counts)
        self.sums.assign(sums)
        means = (sums + SMOOTHING * self.codebook) / (counts + SMOOTHING)[:, None]
        self.codebook.assign(means)

    def start(self, centers: np.ndarray, sizes: np.ndarray) -> None:
        """Initialize the codebook from clusters of vectors, as if they were one batch.

        Args:
            centers: Shape `(size, dimensions)`.
            sizes: Number of vectors of each cluster, `(size,)`.
        """
        counts = (1.0 - self.decay) * sizes
        self.codebook.assign(centers)
        self.counts.assign(counts)
        self.sums.assign(counts[:, None] * centers)

    def adapt(self, vectors: np.ndarray, seed: int | None = None) -> None:
        """Initialize the codebook by k-means of vectors.

        Args:
            vectors: Shape `(count, dimensions)`.
            seed: Seed of k-means.

        Raises:
            ValueError: If there are fewer vectors than codes.
        """
        self.start(*kmeans(vectors, self.size, seed))

    def _statistics(self, z: Tensor, codes: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the number of vectors of each code, and their sum, over all replicas."""
        counts = ops.segment_sum(weights, codes, num_segments=self.size)
        sums = ops.segment_sum(weights[:, None] * z, codes, num_segments=self.size)
        return sum_over_replicas(counts), sum_over_replicas(sums)

    def _restart_dead(
        self, counts: Tensor, sums: Tensor, z: Tensor, weights: Tensor, seed: Any
    ) -> tuple[Tensor, Tensor]:
        """Return counts and sums with dead codes moved to a random vector, with the usual count."""
        usual = ops.mean(counts)
        dead = ops.logical_and(counts < self.restart * usual, ops.sum(weights) > 0.0)
        rows = _sample_rows(z, weights, self.size, seed)
        counts = ops.where(dead, usual, counts)
        return counts, ops.where(dead[:, None], usual * rows, sums)

    def _state(self, name: str, shape: tuple, initializer: Any) -> Any:
        return self.add_weight(
            name=name,
            shape=shape,
            dtype="float32",
            initializer=initializer,
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
        )


@keras.saving.register_keras_serializable("keras_vae")
class FiniteScalarQuantizer(Quantizer):
    """A quantizer without a codebook: each element is rounded to one of a few levels.

    A vector has an element for each entry of `levels`. The number of codes is the product of the
    levels.

    Source: Mentzer et al. 2023, arXiv:2309.15505, appendix A.1.

    Example:
        >>> quantizer = keras_vae.quantization.FiniteScalarQuantizer((8, 5, 5, 5))
        >>> quantizer.size
        1000

    Args:
        levels: Number of values of each element, 2 to 256.

    Raises:
        ValueError: If there are no levels, one is out of range, or the codes do not fit int32.
    """

    term_weights = {}

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        levels = arguments.sizes("levels", levels)
        if not all(2 <= n <= 256 for n in levels) or math.prod(levels) >= 2**31:
            raise UsageError(
                "Expected levels to be integers from 2 to 256 whose product is below 2^31. "
                f"Received: {tuple(levels)}."
            )
        self.levels = tuple(levels)
        self.size = math.prod(levels)
        self._half = np.array([n // 2 for n in levels], "float32")
        self._basis = np.cumprod([1, *levels[:-1]]).astype("int32")

    def build(self, input_shape: tuple) -> None:
        """Check that vectors have one element for each of the levels."""
        if input_shape[-1] != len(self.levels):
            raise UsageError(
                f"Expected codes with {len(self.levels)} elements on the last axis, one for each "
                f"of the levels {self.levels}. Received: {input_shape[-1]}."
            )
        super().build(input_shape)

    def round_to_levels(self, z: Tensor) -> Tensor:
        """Round to the nearest levels, in [-1, 1].

        The gradient is that of `bound` (straight through).
        """
        bounded = self.bound(z)
        levels = bounded + ops.stop_gradient(ops.round(bounded) - bounded)
        return levels / ops.convert_to_tensor(self._half)

    def bound(self, z: Tensor) -> Tensor:
        """Map numbers by tanh to the range that rounds to one of the levels."""
        levels = np.array(self.levels, "float32")
        reach = (levels - 1.0) * (1.0 + 1e-3) / 2.0
        offset = np.where(levels % 2 == 0, 0.5, 0.0).astype("float32")
        constants = (np.arctanh(offset / reach), reach, offset)
        z, shift, reach, offset = map(ops.convert_to_tensor, (z, *constants))
        return ops.tanh(z + shift) * reach - offset

    def approximate(
        self, z: Tensor, codes: Tensor, seed: Any = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the rounded vectors with the gradient of `bound`, and no term."""
        return self.round_to_levels(z), {}

    def codes(self, z: Tensor) -> Tensor:
        """Return the index of the nearest levels: `(..., dimensions)` to int32 `(...)`."""
        return self.index(self.round_to_levels(z))

    def index(self, vectors: Tensor) -> Tensor:
        """Return the index of vectors that are levels, the inverse of `lookup`."""
        vectors, half, basis = map(ops.convert_to_tensor, (vectors, self._half, self._basis))
        digits = ops.cast(ops.round(vectors * half + half), "int32")
        return ops.sum(digits * basis, axis=-1)

    def lookup(self, codes: Tensor) -> Tensor:
        """Return the levels of each index, in [-1, 1].

        The shape is int `(...)` to float32 `(..., dimensions)`.
        """
        half, basis = map(ops.convert_to_tensor, (self._half, self._basis))
        codes = ops.expand_dims(ops.cast(codes, "int32"), -1)
        digits = (codes // basis) % ops.convert_to_tensor(np.array(self.levels, "int32"))
        return (ops.cast(digits, "float32") - half) / half


def nearest_code(z: Tensor, book: Tensor) -> Tensor:
    """Return the row of `book`, `(size, dimensions)`, nearest to each vector, int32 `(...)`."""
    flat = ops.reshape(ops.stop_gradient(z), (-1, book.shape[1]))
    # |z - e|^2 without |z|^2, which is the same for all codes.
    distance = ops.sum(ops.square(book), axis=1) - 2.0 * ops.matmul(flat, ops.transpose(book))
    # argmin has no builtin op in LiteRT.
    nearest = ops.cast(ops.top_k(-distance, 1)[1], "int32")
    return ops.reshape(nearest, ops.shape(z)[:-1])


def _sample_rows(z: Tensor, weights: Tensor, count: int, seed: Any) -> Tensor:
    """Sample `count` rows of `z` by their weights; any finite numbers if all weights are zero."""
    # One row more, because a replica may have none; its weight is 0.
    z = ops.concatenate([z, ops.zeros((1, z.shape[1]), z.dtype)])
    heights = ops.cumsum(ops.concatenate([weights, ops.zeros((1,), weights.dtype)]))
    u = keras.random.uniform((count,), 0.0, 0.999999, seed=seed, dtype="float32")
    place = ops.searchsorted(heights, u * heights[-1], side="right")
    return ops.take(z, ops.minimum(place, ops.shape(heights)[0] - 1), axis=0)
