"""The contractive autoencoder."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae import arguments, distributions
from keras_vae.autoencoder import Autoencoder
from keras_vae.distributions import sum_event
from keras_vae.steps import pullback
from keras_vae.weights import LossWeight

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class ContractiveAutoencoder(Autoencoder):
    """Autoencoder whose codes hardly move when x does (Rifai et al. 2011).

    Minimizes -log p(x | z) + contraction_weight * ||dz/dx||^2 with z = encoder(x) and the squared
    Frobenius norm of the Jacobian (ICML 2011, equation 2), of any differentiable encoder.

    The norm is the mean of |u^T dz/dx|^2 over random signs u (Hutchinson 1990): with `probes` of
    them it is an unbiased estimate that costs as many passes through the encoder and back. With
    `probes=None` it is exact, at one such pass for each element of the code.

    Args:
        encoder: As in `Autoencoder`, of a single input.
        decoder: As in `Autoencoder`.
        contraction_weight: Weight of the term `contraction`.
        probes: How many random directions of the code for each example; None for all, exactly.
        **kwargs: Of `Autoencoder`: `likelihood`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: If `probes` is less than 1.
    """

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
        self.probes = None if probes is None else arguments.whole("probes", probes)

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Reconstruction, in nats, and the squared norm of the Jacobian, each `(batch,)`."""
        p = self.observation(self.encode(x, training), training)
        return {"reconstruction": -p.log_prob(y), "contraction": self._contraction(x, training)}

    def _contraction(self, x: Tensor, training: bool) -> Tensor:
        size = math.prod(self.latent_shape)
        each = size if self.probes is None else self.probes
        rows = ops.repeat(ops.cast(x, "float32"), each, axis=0)
        gradients = pullback(self._encoder(training), rows, self._directions(ops.shape(rows)[0]))
        squares = ops.reshape(sum_event(ops.square(gradients)), (-1, each))
        return ops.sum(squares, axis=1) if self.probes is None else ops.mean(squares, axis=1)

    def _directions(self, count: Any) -> Tensor:
        """`(count, *latent_shape)`: random signs, or each element of the code in turn."""
        size = math.prod(self.latent_shape)
        if self.probes is None:
            u = ops.tile(ops.eye(size, dtype="float32"), (count // size, 1))
        else:
            u = keras.random.uniform((count, size), dtype="float32", seed=self.seed_generator)
            u = ops.where(u < 0.5, -1.0, 1.0)
        return ops.reshape(u, (-1, *self.latent_shape))

    def _encoder(self, training: bool) -> Any:
        """The encoder as a function without side effects, which JAX differentiates."""
        encoder = self.encoder
        values = [
            [ops.convert_to_tensor(v) for v in variables]
            for variables in (encoder.trainable_variables, encoder.non_trainable_variables)
        ]

        def encode(x: Tensor) -> Tensor:
            outputs, _ = encoder.stateless_call(*values, x, training=training)
            return distributions.parameters(outputs)[0]

        return encode
