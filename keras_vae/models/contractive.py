"""The contractive autoencoder."""

from typing import Any

import keras
from keras import ops

from keras_vae.base.autoencoder import Autoencoder
from keras_vae.losses.jacobian import squared_jacobian, stateless
from keras_vae.losses.weights import LossWeight
from keras_vae.typing import Tensor
from keras_vae.validation import arguments


@keras.saving.register_keras_serializable("keras_vae")
class ContractiveAutoencoder(Autoencoder):
    """Autoencoder with a penalty on the Jacobian of the encoder, so that codes change slowly.

    Loss:
        loss = mean over the batch of [ -log p(x | z) + contraction_weight * ||dz/dx||^2 ]

        z = encoder(x), and ||dz/dx||^2 is the squared Frobenius norm of the Jacobian. It is
        estimated as the mean of |u^T dz/dx|^2 over `probes` vectors u of random signs, without
        bias (Hutchinson 1990). -log p(x | z) is in nats and summed over the event.

    Each probe costs one pass through the encoder and back. With `probes=None` the norm is exact,
    at one such pass for each element of the code.

    Source: Rifai et al. 2011 (ICML, equation 2).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=16)
        >>> model = keras_vae.ContractiveAutoencoder(encoder, decoder, contraction_weight=0.1)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)

    Args:
        encoder: As in `Autoencoder`, of a single input.
        decoder: As in `Autoencoder`.
        contraction_weight: Weight of the term `contraction`.
        probes: Number of random vectors u for each example; None for the exact norm.
        **kwargs: Of `Autoencoder`: `likelihood`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If `probes` is less than 1.
    """

    takes_condition = False
    terms = ("reconstruction", "contraction")

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        contraction_weight: LossWeight = 0.1,
        probes: int | None = 1,
        **kwargs: Any,
    ) -> None:
        weights = {"contraction": contraction_weight}
        super().__init__(encoder, decoder, loss_weights=weights, **kwargs)
        self.probes = None if probes is None else arguments.integer("probes", probes)

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return reconstruction, in nats, and squared norm of the Jacobian, each `(batch,)`."""
        p = self.observation(self.encode(x, training), training)
        return {"reconstruction": -p.log_prob(y), "contraction": self._contraction(x, training)}

    def _contraction(self, x: Tensor, training: bool) -> Tensor:
        encode = stateless(self.encoder, training)
        x = ops.cast(self.prepare(x), "float32")
        shape, seed = self.latent_shape, self.seed_generator
        return squared_jacobian(lambda rows: encode(rows)[0], x, shape, self.probes, seed)
