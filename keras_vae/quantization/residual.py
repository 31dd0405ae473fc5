"""Several codebooks for each vector: each quantizes what the ones before have left."""

import functools
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.distributions import sum_event
from keras_vae.quantization.base import Quantizer
from keras_vae.quantization.kmeans import nearest
from keras_vae.quantization.quantizers import VectorQuantizer
from keras_vae.typing import Tensor
from keras_vae.validation import arguments


@keras.saving.register_keras_serializable("keras_vae")
class ResidualVectorQuantizer(Quantizer):
    """A sequence of codebooks, each of which quantizes the residual of the ones before.

    Loss:
        commitment = sum over levels d of ||z - sg(e_1 + ... + e_d)||^2

        e_1 is the vector of the first codebook nearest to z, e_2 the vector of the second one
        nearest to z - e_1, and so on. The decoder gets the sum of all.

    A vector has `depth` integers, so there are size^depth combinations, for the memory of
    depth * size vectors. The first integers hold most: decode fewer of them with
    `lookup(codes[..., :n])`.

    All codebooks learn from all vectors, also where `dropout` leaves their level out.

    Source: Zeghidour et al. 2021 (arXiv:2107.03312); the commitment is that of Lee et al. 2022
    (arXiv:2203.01941), and the fraction of examples with dropout that of Kumar et al. 2023
    (arXiv:2306.06546).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv_map((28, 28, 1), latent_channels=8)
        >>> quantizer = keras_vae.quantization.ResidualVectorQuantizer(depth=3, size=16, seed=0)
        >>> model = keras_vae.VQVAE(encoder, decoder, quantizer=quantizer, likelihood="bernoulli")
        >>> np.array(model.encode(images)).shape
        (64, 7, 7, 3)

    Args:
        depth: Number of codebooks.
        size: Number of codes of each.
        decay: As in `VectorQuantizer`.
        restart: As in `VectorQuantizer`.
        dropout: Fraction of the examples of a training step that keep only the first 1 to `depth`
            levels, each number equally often. The model then decodes fewer integers too.
        seed: Seed of the initial codebooks.
        gradient: As in `VectorQuantizer`, of the sum of all levels.

    Raises:
        ValueError: If an argument is outside its range.
    """

    def __init__(
        self,
        depth: int = 4,
        size: int = 256,
        decay: float = 0.99,
        restart: float = 0.05,
        dropout: float = 0.0,
        seed: int | None = None,
        gradient: str = "straight_through",
    ) -> None:
        super().__init__()
        self.depth = arguments.integer("depth", depth)
        self.dropout = arguments.fraction("dropout", dropout)
        first = arguments.seed(seed)
        seeds = [None if first is None else (first + i) % 2**32 for i in range(self.depth)]
        self.levels = [VectorQuantizer(size, decay, restart, one, gradient) for one in seeds]
        self.size, self.code_shape = self.levels[0].size, (self.depth,)
        self.gradient = gradient

    def build(self, input_shape: tuple) -> None:
        """Make the codebooks for vectors of the last axis of `input_shape`."""
        for level in self.levels:
            level.build_for(input_shape[-1])
        super().build(input_shape)

    def codes(self, z: Tensor) -> Tensor:
        """Return the integers of each vector: `(..., dimensions)` to int32 `(..., depth)`."""
        residual, codes = ops.stop_gradient(z), []
        for level in self.levels:
            codes.append(level.codes(residual))
            residual = residual - level.lookup(codes[-1])
        return ops.stack(codes, axis=-1)

    def lookup(self, codes: Tensor) -> Tensor:
        """Return the sum of the vectors of all integers.

        Args:
            codes: Integers of the first 1 to `depth` levels, `(..., levels)`.

        Returns:
            Float32 `(..., dimensions)`.
        """
        return functools.reduce(ops.add, self._vectors(codes))

    def approximate(
        self, z: Tensor, codes: Tensor, seed: Any = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return sums of vectors with a gradient to `z`, and the commitment; see `Quantizer`."""
        total, commitment = ops.zeros_like(z), 0.0
        for share, e in zip(self._shares(z, seed), self._vectors(codes), strict=True):
            total = total + share * ops.stop_gradient(e)
            commitment = commitment + share * ops.square(z - total)
        return self.with_gradient(z, total), {"commitment": sum_event(commitment)}

    def learn(self, z: Tensor, codes: Tensor, weights: Tensor, seed: Any) -> None:
        """Move the codes of each level towards its residuals; arguments as of `Quantizer`."""
        residual = ops.stop_gradient(z)
        # Looked up before any codebook moves.
        for i, e in enumerate(self._vectors(codes)):
            self.levels[i].learn(residual, codes[..., i], weights, seed)
            residual = residual - e

    def adapt(self, vectors: np.ndarray, seed: int | None = None) -> None:
        """Initialize each codebook by k-means of its residuals, the first one first.

        Args:
            vectors: Shape `(count, dimensions)`.
            seed: Seed of k-means.

        Raises:
            ValueError: If there are fewer vectors than codes.
        """
        for level in self.levels:
            level.adapt(vectors, seed)
            centers = ops.convert_to_numpy(level.codebook)
            vectors = vectors - centers[nearest(vectors, centers)]

    def _vectors(self, codes: Tensor) -> list[Tensor]:
        """Return the vectors of each level, from the integers of the first ones or of all."""
        return [self.levels[i].lookup(codes[..., i]) for i in range(codes.shape[-1])]

    def _shares(self, z: Tensor, seed: Any) -> list[Any]:
        """Return a factor of each level: 1, or 0 for the examples of a step that leave it out."""
        if seed is None or self.dropout == 0.0:
            return [1.0] * self.depth
        shape = (ops.shape(z)[0], *(1 for _ in z.shape[1:]))
        # Below dropout, u falls into one of `depth` equal parts, which is the last level in use.
        u = keras.random.uniform(shape, seed=seed, dtype="float32") * self.depth
        return [ops.cast(u >= i * self.dropout, "float32") for i in range(self.depth)]
