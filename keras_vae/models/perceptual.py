"""The autoencoder with a perceptual loss."""

from typing import Any

import keras
from keras import ops

from keras_vae.base.autoencoder import Autoencoder
from keras_vae.distributions import sum_event
from keras_vae.layers.outlines import Outlines
from keras_vae.losses.perceptual_term import build_features, extract_features, freeze_features
from keras_vae.losses.weights import LossWeight, merge_weights
from keras_vae.typing import Tensor


@keras.saving.register_keras_serializable("keras_vae")
class PerceptualAutoencoder(Autoencoder):
    """Autoencoder with a loss on features of the reconstruction, such as those of a classifier.

    Loss:
        loss = mean over the batch of
            [ -log p(x | z) + perceptual_weight * 1/2 * ||F(x) - F(mean of p(x | z))||^2 ]

        z = encoder(x), and F is a frozen network or layer. The squared distance is summed over
        all features, where the papers average. -log p(x | z) is in nats and summed over
        the event.

    If F is the identity and the likelihood is "normal", both terms differ by a constant only.

    Sources: Johnson et al. 2016 (arXiv:1603.08155, section 3, feature reconstruction loss), Hou
    et al. 2017 (arXiv:1610.00291).

    Example:
        >>> network = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Conv2D(8, 3)])
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=16)
        >>> model = keras_vae.PerceptualAutoencoder(encoder, decoder, features=network)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)

    Args:
        encoder: As in `Autoencoder`.
        decoder: As in `Autoencoder`.
        features: Layer or model from `(batch, *event)` to features, one tensor or several, of
            any shape. Its layers are frozen, wherever else they are used. The default is
            `keras_vae.layers.Outlines()`, for images.
        perceptual_weight: Weight of the term `perceptual`.
        **kwargs: Of `Autoencoder`: `likelihood`, `loss_weights`, `seed`, `preprocess`,
            `name`, `dtype`. To train for features alone, `loss_weights={"reconstruction": 0}`.

    Raises:
        TypeError: If `features` is not a Keras layer.
        ValueError: If it does not take events.
    """

    terms = ("reconstruction", "perceptual")
    weight_arguments = {"perceptual_weight": ("perceptual",)}

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        features: keras.layers.Layer | None = None,
        perceptual_weight: LossWeight = 1.0,
        loss_weights: Any = None,
        **kwargs: Any,
    ) -> None:
        weights = merge_weights({"perceptual": perceptual_weight}, loss_weights)
        super().__init__(encoder, decoder, loss_weights=weights, **kwargs)
        self.features = freeze_features(Outlines() if features is None else features)

    def check_decoder(self, x: Any) -> None:
        """Check the decoder, build `features`, and raise ValueError unless it takes events."""
        super().check_decoder(x)
        build_features(self.features, self.event_shape)

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return -log p(y | z), in nats, and the perceptual term, each `(batch,)`."""
        p = self.observation(self.with_condition(self.encode(x, training), x), training)
        return {"reconstruction": -p.log_prob(y), "perceptual": self._distance(y, p.mean)}

    def _distance(self, x: Tensor, y: Tensor) -> Tensor:
        these, those = (extract_features(self.features, self.prepare(each)) for each in (x, y))
        parts = zip(these, those, strict=True)
        return sum(0.5 * sum_event(ops.square(one - other)) for one, other in parts)
