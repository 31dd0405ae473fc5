"""The regularized autoencoder."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_vae.base.autoencoder import Autoencoder
from keras_vae.distributions import sum_event
from keras_vae.losses.weights import LossWeight, merge_weights
from keras_vae.typing import Tensor


@keras.saving.register_keras_serializable("keras_vae")
class RAE(Autoencoder):
    """Regularized autoencoder, RAE-L2: a generative model trained without noise.

    Loss:
        loss = mean over the batch of
            [ -log p(x | z) + code_weight * |z|^2 / 2 + decoder_weight * |theta|^2 ]

        z = encoder(x), and theta are all trainable weights of the decoder. |z|^2 and |theta|^2
        are sums of squares. -log p(x | z) is in nats and summed over the event.

    Weight decay makes the decoder smooth, as noise does in a VAE. There is no prior. After
    training, fit a density to the codes, as in the example.

    Source: Ghosh et al. 2020 (arXiv:1903.12436, equations 4 to 6).

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
        decoder_weight: Weight of the term `decoder_decay`, |theta|^2. The term is the same for
            each example, so sample weights multiply it by their mean.
        loss_weights: As in `Autoencoder`.
        **kwargs: Of `Autoencoder`: `likelihood`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If a term has two weights, or as for `Autoencoder`.
        TypeError: As for `Autoencoder`.
    """

    terms = ("reconstruction", "code", "decoder_decay")
    weight_arguments = {"code_weight": ("code",), "decoder_weight": ("decoder_decay",)}

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        code_weight: LossWeight = 1e-2,
        decoder_weight: LossWeight = 1e-4,
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        weights = merge_weights(
            {"code": code_weight, "decoder_decay": decoder_weight}, loss_weights
        )
        super().__init__(encoder, decoder, loss_weights=weights, **kwargs)

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return the three terms, each `(batch,)`; the first is in nats."""
        z = self.encode(x, training)
        p = self.observation(self.with_condition(z, x), training)
        code = 0.5 * sum_event(ops.square(z))
        decay = sum(ops.sum(ops.square(v)) for v in self.decoder.trainable_variables)
        return {
            "reconstruction": -p.log_prob(y),
            "code": code,
            "decoder_decay": ops.zeros_like(code) + ops.cast(decay, "float32"),
        }
