"""The base of quantizers: vectors to integers and back, with a gradient and a loss."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.base.recorded_init import RecordedInit
from keras_vae.distributions import sum_event
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.quantization.gradients import GRADIENTS
from keras_vae.typing import Tensor


class Quantizer(RecordedInit, keras.layers.Layer):
    """Base class of quantizers of vectors, which lie on the last axis.

    A subclass defines `codes` and `lookup`. Register it with Keras, so that files of its models
    load. The arguments of its constructor are its configuration.

    Example:
        >>> @keras.saving.register_keras_serializable("examples")
        ... class Rounding(keras_vae.quantization.Quantizer):
        ...     size = 10
        ...     def codes(self, z):
        ...         return keras.ops.cast(keras.ops.clip(keras.ops.round(z[..., 0]), 0, 9), "int32")
        ...     def lookup(self, codes):
        ...         return keras.ops.cast(codes, "float32")[..., None]
        >>> np.array(Rounding().codes(np.array([[2.7], [-1.0]])))
        array([3, 0], dtype=int32)

    Args:
        **kwargs: `name` and `dtype` of `keras.layers.Layer`.

    Attributes:
        size: Number of different integers at each place of `code_shape`.
        code_shape: Shape of the integers of one vector: () for a single one.
        term_weights: Names of the terms that `approximate` adds to the loss, with their weights.
        gradient: How the gradient of the decoder gets to `z`: "straight_through" or "rotation".
        dimensions: Elements of a vector; set by `build`.
    """

    size: int
    code_shape: tuple[int, ...] = ()
    term_weights: Mapping[str, float] = {"commitment": 0.25}
    gradient: str = "straight_through"
    dimensions: int

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"name": "quantizer", **kwargs})

    def build(self, input_shape: tuple) -> None:
        """Make the state for vectors of the last axis of `input_shape`."""
        self.dimensions = input_shape[-1]
        self.built = True

    def codes(self, z: Tensor) -> Tensor:
        """Return the integers of each vector: `(..., dimensions)` to int32 `(..., *code_shape)`."""
        raise NotImplementedError(f"{type(self).__name__} must define codes(z).")

    def lookup(self, codes: Tensor) -> Tensor:
        """Return the vectors: int `(..., *code_shape)` to float32 `(..., dimensions)`."""
        raise NotImplementedError(f"{type(self).__name__} must define lookup(codes).")

    def approximate(
        self, z: Tensor, codes: Tensor, seed: Any = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the vectors that the decoder gets in a step, and the terms of the loss.

        Args:
            z: Vectors of the encoder, `(batch, ..., dimensions)`.
            codes: `codes(z)`.
            seed: A `SeedGenerator` in a training step, else None.

        Returns:
            The vectors of the codes, with a gradient to `z`: here that of `gradient`. And the
            terms of `term_weights` by name, `(batch,)` each: here the commitment, the squared
            distance of `z` from these vectors.
        """
        e = ops.stop_gradient(self.lookup(codes))
        return self.with_gradient(z, e), {"commitment": sum_event(ops.square(z - e))}

    def with_gradient(self, z: Tensor, e: Tensor) -> Tensor:
        """Return the constant vectors `e` with the gradient to `z` that `gradient` names."""
        return GRADIENTS[self.gradient](z, e)

    def learn(self, z: Tensor, codes: Tensor, weights: Tensor, seed: Any) -> None:
        """Learn from the vectors of a training step; without state do nothing.

        Args:
            z: The vectors, `(..., dimensions)`, on this replica.
            codes: `codes(z)`.
            weights: Weight of each vector, `(...)`.
            seed: A `SeedGenerator`.
        """

    def adapt(self, vectors: np.ndarray, seed: int | None = None) -> None:
        """Initialize the codebook from vectors `(count, dimensions)`.

        Raises:
            ValueError: If there are fewer vectors than codes.
            TypeError: If there is no codebook that vectors could initialize.
        """
        raise UsageTypeError(
            "Expected a quantizer with a codebook of running means. Received: "
            f"{type(self).__name__}, which takes nothing from data before training. (Leave out "
            "adapt.)"
        )

    def build_for(self, dimensions: int) -> None:
        """Build for vectors of this many elements, or check that it was built for these.

        Raises:
            ValueError: If the quantizer is built for other vectors.
        """
        if not self.built:
            self.build((None, dimensions))
        if self.dimensions != dimensions:
            raise UsageError(
                f"Expected vectors with {self.dimensions} elements, for which this "
                f"{type(self).__name__} is built. Received: {dimensions}. (Make a new one for each "
                "model.)"
            )
