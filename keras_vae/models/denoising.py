"""The denoising autoencoder."""

from typing import Any

import keras

from keras_vae.base.autoencoder import Autoencoder
from keras_vae.typing import Tensor
from keras_vae.validation.networks import check_network


@keras.saving.register_keras_serializable("keras_vae")
class DenoisingAutoencoder(Autoencoder):
    """Autoencoder that reconstructs the clean example from a corrupted one.

    Loss:
        loss = mean over the batch of [ -log p(y | z) ],  z = encoder(corruption(x))

        y is the clean x unless the data have a target. -log p(y | z) is in nats and summed over
        the event.

    The corruption is active in training only. To measure denoising, evaluate on pairs of your
    own: `model.evaluate(noisy, clean)`.

    Source: Vincent et al. 2008 (ICML), 2010 (JMLR 11).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=16)
        >>> noise = keras_vae.layers.MaskingNoise(0.3)
        >>> model = keras_vae.DenoisingAutoencoder(encoder, decoder, corruption=noise)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)
        >>> clean = model.reconstruct(images[:8])

    Args:
        encoder: As in `Autoencoder`.
        decoder: As in `Autoencoder`.
        corruption: Layer that corrupts x when called with training=True, for example one of
            `keras_vae.layers`. The default is `keras.layers.GaussianNoise(0.3)`.
        **kwargs: Of `Autoencoder`: `likelihood`, `loss_weights`, `seed`, `preprocess`,
            `name`, `dtype`.

    Raises:
        ValueError: As for `Autoencoder`.
        TypeError: If `corruption` is not a Keras layer, or as for `Autoencoder`.
    """

    takes_condition = False

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
        """Return -log p(y | encoder(corrupted x)), `(batch,)`, in nats."""
        # In the unit of the networks, in which a corruption has its size.
        corrupted = self.corruption(self.prepare(x), training=training)
        corrupted = self.preprocess.inverse(corrupted)
        p = self.observation(self.encode(corrupted, training), training)
        return {"reconstruction": -p.log_prob(y)}
