"""The contractive autoencoder."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae import distributions
from keras_vae.backend import vjp
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.distributions import sum_event
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
        size = math.prod(self.latent_shape)
        each = size if self.probes is None else self.probes
        rows = ops.repeat(ops.cast(self.prepare(x), "float32"), each, axis=0)
        gradients = vjp(self._encoder(training), rows, self._directions(ops.shape(rows)[0]))
        squares = ops.reshape(sum_event(ops.square(gradients)), (-1, each))
        return ops.sum(squares, axis=1) if self.probes is None else ops.mean(squares, axis=1)

    def _directions(self, count: Any) -> Tensor:
        """Return vectors u, `(count, *latent_shape)`: random signs, or the unit vectors in turn."""
        size = math.prod(self.latent_shape)
        if self.probes is None:
            u = ops.tile(ops.eye(size, dtype="float32"), (count // size, 1))
        else:
            u = keras.random.uniform((count, size), dtype="float32", seed=self.seed_generator)
            u = ops.where(u < 0.5, -1.0, 1.0)
        return ops.reshape(u, (-1, *self.latent_shape))

    def _encoder(self, training: bool) -> Any:
        """Return the encoder as a function without side effects, as JAX needs for gradients."""
        encoder = self.encoder
        values = [
            [ops.convert_to_tensor(v) for v in variables]
            for variables in (encoder.trainable_variables, encoder.non_trainable_variables)
        ]

        def encode(x: Tensor) -> Tensor:
            outputs, _ = encoder.stateless_call(*values, x, training=training)
            return distributions.parameters(outputs)[0]

        return encode
