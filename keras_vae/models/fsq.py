"""The autoencoder with finite scalar quantization."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_vae.models.quantized import QuantizedAutoencoder
from keras_vae.quantization.quantizers import FiniteScalarQuantizer
from keras_vae.typing import Tensor


@keras.saving.register_keras_serializable("keras_vae")
class FSQ(QuantizedAutoencoder):
    """Autoencoder with finite scalar quantization.

    Loss:
        loss = mean over the batch of [ -log p(x | z) ],  z = round(encoder(x))

        Each element of the vectors of the encoder is bounded by a tanh and rounded to one of its
        levels. The gradient passes the rounding unchanged. -log p(x | z) is in nats and summed
        over the event.

    There is no codebook to learn and no other term. If `perplexity` stays at 1, the new encoder
    rounds all vectors to one code; then end it in a `BatchNormalization`.

    Source: Mentzer et al. 2023 (arXiv:2309.15505, section 3.1).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv_map((28, 28, 1), latent_channels=4)
        >>> model = keras_vae.FSQ(encoder, decoder, levels=(8, 5, 5, 5), likelihood="bernoulli")
        >>> model.codebook_size
        1000

    Args:
        encoder: As in `Autoencoder`; the last axis has one element for each of `levels`.
        decoder: Layer or model from such vectors, in [-1, 1], to the parameters of p(x | z).
        levels: As in `keras_vae.quantization.quantizers.FiniteScalarQuantizer`.
        **kwargs: Of `Autoencoder`: `likelihood`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If the levels are out of range or do not fit the encoder.
    """

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        levels: Sequence[int] = (8, 5, 5, 5),
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, FiniteScalarQuantizer(levels), **kwargs)

    def code_terms(
        self, z: Tensor, codes: Tensor, y: Tensor, training: bool = False
    ) -> dict[str, Tensor]:
        """Return -log p(y | rounded vectors), `(batch,)`, in nats."""
        p = self.observation_from_inputs(self.quantizer.round_to_levels(z), training)
        return {"reconstruction": -p.log_prob(y)}
