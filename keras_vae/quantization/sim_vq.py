"""A frozen codebook behind a learned linear map."""

from typing import Any

import keras
from keras import ops

from keras_vae.distributions import sum_event
from keras_vae.quantization.base import Quantizer
from keras_vae.quantization.gradients import GRADIENTS
from keras_vae.quantization.quantizers import nearest_code
from keras_vae.typing import Tensor
from keras_vae.validation import arguments


@keras.saving.register_keras_serializable("keras_vae")
class SimVectorQuantizer(Quantizer):
    """A codebook of random vectors that stay, behind a linear map that is learned.

    Loss:
        commitment = ||z - sg(e)||^2,  codebook = ||sg(z) - e||^2,  e = W c

        c is the random vector whose image under W is nearest to z.

    A step moves W, and so all codes together. None is left behind, so there is nothing to restart.

    Source: Zhu et al. 2024 (arXiv:2411.02038).

    Example:
        >>> quantizer = keras_vae.quantization.SimVectorQuantizer(64, seed=0)
        >>> encoder, decoder = keras_vae.nets.conv_map((28, 28, 1), latent_channels=8)
        >>> model = keras_vae.VQVAE(encoder, decoder, quantizer=quantizer, likelihood="bernoulli")
        >>> model.terms
        ('reconstruction', 'commitment', 'codebook')

    Args:
        size: Number of codes.
        seed: Seed of the random vectors.
        gradient: As in `VectorQuantizer`.

    Raises:
        ValueError: If an argument is outside its range.
    """

    term_weights = {"commitment": 0.25, "codebook": 1.0}

    def __init__(
        self, size: int = 512, seed: int | None = None, gradient: str = "straight_through"
    ) -> None:
        super().__init__()
        self.size = arguments.integer("size of the codebook", size)
        self.seed = arguments.seed(seed)
        self.gradient = arguments.choice("gradient", gradient, tuple(GRADIENTS))

    def build(self, input_shape: tuple) -> None:
        """Make the codebook and the map for vectors of the last axis of `input_shape`."""
        length = input_shape[-1]
        random = keras.initializers.RandomNormal(stddev=length**-0.5, seed=self.seed)
        kind: dict[str, Any] = {"dtype": "float32", "autocast": False}
        self.codebook = self.add_weight(
            name="codebook",
            shape=(self.size, length),
            initializer=random,
            trainable=False,
            aggregation="only_first_replica",
            **kind,
        )
        self.map = self.add_weight(
            name="map", shape=(length, length), initializer="identity", **kind
        )
        super().build(input_shape)

    def codes(self, z: Tensor) -> Tensor:
        """Return the nearest code of each vector: `(..., dimensions)` to int32 `(...)`."""
        return nearest_code(z, ops.matmul(ops.convert_to_tensor(self.codebook), self.map))

    def lookup(self, codes: Tensor) -> Tensor:
        """Return the vector of each code: int `(...)` to float32 `(..., dimensions)`."""
        chosen = ops.take(ops.convert_to_tensor(self.codebook), codes, axis=0)
        return ops.matmul(chosen, self.map)

    def approximate(
        self, z: Tensor, codes: Tensor, seed: Any = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return vectors with a gradient to `z`, commitment and codebook; see `Quantizer`."""
        e, terms = super().approximate(z, codes, seed)
        far = ops.square(ops.stop_gradient(z) - self.lookup(codes))
        return e, {**terms, "codebook": sum_event(far)}
