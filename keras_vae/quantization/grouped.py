"""Residual codebooks for each of several parts of a vector."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.errors import UsageError
from keras_vae.quantization.base import Quantizer
from keras_vae.quantization.residual import ResidualVectorQuantizer
from keras_vae.typing import Tensor
from keras_vae.validation import arguments


@keras.saving.register_keras_serializable("keras_vae")
class GroupedResidualVectorQuantizer(Quantizer):
    """Groups of elements, each with a `ResidualVectorQuantizer` of its own.

    Loss:
        commitment = sum over groups of that of `ResidualVectorQuantizer`

    A vector is cut into `groups` parts of equal length. It has `(groups, depth)` integers.
    Distances are those of parts, so small codebooks suffice. Each group draws its own dropout.

    Source: Yang et al. 2023 (arXiv:2305.02765).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv_map((28, 28, 1), latent_channels=8)
        >>> quantizer = keras_vae.quantization.GroupedResidualVectorQuantizer(2, depth=3, size=16)
        >>> model = keras_vae.VQVAE(encoder, decoder, quantizer=quantizer, likelihood="bernoulli")
        >>> np.array(model.encode(images)).shape
        (64, 7, 7, 2, 3)

    Args:
        groups: Number of parts; it divides the elements of a vector.
        depth: As in `ResidualVectorQuantizer`.
        size: As in `ResidualVectorQuantizer`.
        decay: As in `ResidualVectorQuantizer`.
        restart: As in `ResidualVectorQuantizer`.
        dropout: As in `ResidualVectorQuantizer`.
        seed: Seed of the initial codebooks.
        gradient: As in `ResidualVectorQuantizer`, of each group.

    Raises:
        ValueError: If an argument is outside its range, or `groups` does not divide the elements.
    """

    def __init__(
        self,
        groups: int = 2,
        depth: int = 4,
        size: int = 256,
        decay: float = 0.99,
        restart: float = 0.05,
        dropout: float = 0.0,
        seed: int | None = None,
        gradient: str = "straight_through",
    ) -> None:
        super().__init__()
        self.groups = arguments.integer("groups", groups)
        first = arguments.seed(seed)
        depth = arguments.integer("depth", depth)
        seeds = [None if first is None else (first + i * depth) % 2**32 for i in range(self.groups)]
        self.parts = [
            ResidualVectorQuantizer(depth, size, decay, restart, dropout, one, gradient)
            for one in seeds
        ]
        self.size, self.code_shape = self.parts[0].size, (self.groups, depth)

    def build(self, input_shape: tuple) -> None:
        """Make the codebooks for vectors of the last axis of `input_shape`."""
        length, rest = divmod(input_shape[-1], self.groups)
        if rest:
            raise UsageError(
                f"Expected groups that divide the {input_shape[-1]} elements of a vector. "
                f"Received: groups={self.groups}."
            )
        for part in self.parts:
            part.build_for(length)
        super().build(input_shape)

    def codes(self, z: Tensor) -> Tensor:
        """Return the integers: `(..., dimensions)` to int32 `(..., groups, depth)`."""
        return ops.stack([q.codes(part) for q, part in self._split(z)], axis=-2)

    def lookup(self, codes: Tensor) -> Tensor:
        """Return the vectors.

        Args:
            codes: Integers of the first 1 to `depth` levels, `(..., groups, levels)`.

        Returns:
            Float32 `(..., dimensions)`.
        """
        vectors = [q.lookup(codes[..., i, :]) for i, q in enumerate(self.parts)]
        return ops.concatenate(vectors, axis=-1)

    def approximate(
        self, z: Tensor, codes: Tensor, seed: Any = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the vectors with a gradient to `z`, and the commitment; see `Quantizer`."""
        found = [
            q.approximate(part, codes[..., i, :], seed)
            for i, (q, part) in enumerate(self._split(z))
        ]
        vectors = ops.concatenate([e for e, _ in found], axis=-1)
        return vectors, {"commitment": sum(terms["commitment"] for _, terms in found)}

    def learn(self, z: Tensor, codes: Tensor, weights: Tensor, seed: Any) -> None:
        """Move the codes of each group towards its parts; arguments as of `Quantizer`."""
        for i, (q, part) in enumerate(self._split(z)):
            q.learn(part, codes[..., i, :], weights, seed)

    def adapt(self, vectors: np.ndarray, seed: int | None = None) -> None:
        """Initialize the codebooks of each group; see `ResidualVectorQuantizer.adapt`."""
        for q, part in zip(self.parts, np.split(vectors, self.groups, axis=1), strict=True):
            q.adapt(part, seed)

    def _split(self, z: Tensor) -> Any:
        return zip(self.parts, ops.split(z, self.groups, axis=-1), strict=True)
