"""The regularized autoencoder."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_vae.base.autoencoder import Autoencoder
from keras_vae.distributions import sum_event
from keras_vae.losses.jacobian import squared_jacobian, stateless
from keras_vae.losses.weights import LossWeight, merge_weights
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

# The regularizers, and the terms of their names.
TERMS = {"l2": "decoder_decay", "gradient": "decoder_gradient"}


@keras.saving.register_keras_serializable("keras_vae")
class RAE(Autoencoder):
    """Regularized autoencoder, RAE-L2 or RAE-GP: a generative model trained without noise.

    Loss:
        loss = mean over the batch of
            [ -log p(x | z) + code_weight * |z|^2 / 2 + decoder_weight * R ]

        z = encoder(x). -log p(x | z) is in nats and summed over the event. R is one of:

        - regularizer="l2", RAE-L2: |theta|^2, for all trainable weights theta of the decoder
        - regularizer="gradient", RAE-GP: ||dm/dz||^2, the squared Frobenius norm of the Jacobian
          of m, the mean of p(x | z) in the units of the networks

        |z|^2 and |theta|^2 are sums of squares. ||dm/dz||^2 is estimated as the mean of
        |u^T dm/dz|^2 over `probes` vectors u of random signs, without bias (Hutchinson 1990).

    Both make the decoder smooth, as noise does in a VAE. There is no prior. After training, fit a
    density to the codes, as in the example. Each probe costs one pass through the decoder and back.

    Source: Ghosh et al. 2020 (arXiv:1903.12436, equations 4 to 6, section 3.1).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=16)
        >>> model = keras_vae.RAE(encoder, decoder)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)
        >>> model.fit_sampler(images, components=10)
        >>> new = model.sample(16, seed=0)

    Args:
        encoder: As in `Autoencoder`.
        decoder: As in `Autoencoder`.
        code_weight: Weight of the term `code`, |z|^2 / 2.
        decoder_weight: Weight of R, the term `decoder_decay` or `decoder_gradient`. The first is
            the same for each example, so sample weights multiply it by their mean. The default
            fits the first. For the second, begin with 1.0.
        loss_weights: As in `Autoencoder`.
        regularizer: "l2" or "gradient".
        probes: Number of random vectors u for each example; None for the exact norm, at one pass
            for each element of the event.
        **kwargs: Of `Autoencoder`: `likelihood`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If a term has two weights, the regularizer is unknown, `probes` is less than 1,
            or as for `Autoencoder`.
        TypeError: As for `Autoencoder`, or if RAE-GP gets a condition.
    """

    terms: tuple[str, ...] = ("reconstruction", "code", "decoder_decay")
    weight_arguments = {"code_weight": ("code",), "decoder_weight": tuple(TERMS.values())}

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        code_weight: LossWeight = 1e-2,
        decoder_weight: LossWeight = 1e-4,
        loss_weights: Mapping[str, LossWeight] | None = None,
        regularizer: str = "l2",
        probes: int | None = 1,
        **kwargs: Any,
    ) -> None:
        term = TERMS[arguments.choice("regularizer", regularizer, tuple(TERMS))]
        self.terms = ("reconstruction", "code", term)
        self.takes_condition = regularizer == "l2"
        weights = merge_weights({"code": code_weight, term: decoder_weight}, loss_weights)
        super().__init__(encoder, decoder, loss_weights=weights, **kwargs)
        self.regularizer = regularizer
        self.probes = None if probes is None else arguments.integer("probes", probes)

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return the three terms, each `(batch,)`; the first is in nats."""
        z = self.encode(x, training)
        p = self.observation(self.with_condition(z, x), training)
        code = 0.5 * sum_event(ops.square(z))
        decay = self._decay if self.regularizer == "l2" else self._gradient
        term = TERMS[self.regularizer]
        return {"reconstruction": -p.log_prob(y), "code": code, term: decay(z, training)}

    def _decay(self, z: Tensor, training: bool) -> Tensor:
        decay = sum(ops.sum(ops.square(v)) for v in self.decoder.trainable_variables)
        return ops.zeros_like(sum_event(z)) + ops.cast(decay, "float32")

    def _gradient(self, z: Tensor, training: bool) -> Tensor:
        decode, shared = stateless(self.decoder, training), self.shared_parameters

        def mean(rows: Tensor) -> Tensor:
            return self.family(*decode(rows), *shared).mean

        return squared_jacobian(mean, z, self.event_shape, self.probes, self.seed_generator)
