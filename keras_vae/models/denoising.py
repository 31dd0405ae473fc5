"""The denoising autoencoder."""

from typing import Any

import keras

from keras_vae.assembly import check_network
from keras_vae.autoencoder import Autoencoder

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class DenoisingAutoencoder(Autoencoder):
    """Reconstructs the clean example from a corrupted one (Vincent et al. 2008, 2010).

    The corruption is active in training only; at inference the input is taken as it comes. To
    measure denoising itself, evaluate on pairs: `model.evaluate(noisy, clean)`.

    Args:
        encoder: As in `Autoencoder`.
        decoder: As in `Autoencoder`.
        corruption: Layer that corrupts x when called with training=True, for instance one of
            `keras_vae.layers` or `keras.layers.GaussianNoise`, the default with a standard
            deviation of 0.3.
        **kwargs: Of `Autoencoder`: `likelihood`, `loss_weights`, `seed`, `name`, `dtype`.
    """

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        corruption: keras.layers.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, **kwargs)
        if corruption is None:
            corruption = keras.layers.GaussianNoise(0.3, seed=self.seed)
        self.corruption = check_network("corruption", corruption)

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """-log p(y | encoder(corrupted x)); y is the clean x unless the data have a target."""
        corrupted = self.corruption(x, training=training)
        p = self.observation(self.encode(corrupted, training), training)
        return {"reconstruction": -p.log_prob(y)}
