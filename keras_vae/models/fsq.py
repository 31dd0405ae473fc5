"""The autoencoder with finite scalar quantization."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_vae.models.quantized import QuantizedAutoencoder
from keras_vae.quantizers import FiniteScalarQuantizer

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class FSQ(QuantizedAutoencoder):
    """Autoencoder with finite scalar quantization (Mentzer et al. 2023, arXiv:2309.15505).

    Each element of the encoder's vectors is rounded to one of a few levels, section 3.1; there is
    no codebook to learn, and nothing but the reconstruction is minimized. Where `perplexity` stays
    at 1, all codes of the new encoder round to one: end it in a `BatchNormalization`.

    Example:
        >>> encoder, decoder = keras_vae.nets.conv_map((28, 28, 1), latent_channels=4)
        >>> model = keras_vae.FSQ(encoder, decoder, levels=(8, 5, 5, 5), likelihood="bernoulli")
        >>> model.codebook_size
        1000

    Args:
        encoder: As in `Autoencoder`; the last axis has one element for each of `levels`.
        decoder: Layer or model from such vectors, in [-1, 1], to the parameters of p(x | z).
        levels: As in `keras_vae.quantizers.FiniteScalarQuantizer`.
        **kwargs: Of `Autoencoder`: `likelihood`, `seed`, `name`, `dtype`.

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
        """-log p(y | rounded vectors), in nats, `(batch,)`."""
        p = self.density(self.decoder(self.quantizer.rounded(z), training=training))
        return {"reconstruction": -p.log_prob(y)}
