"""The transformer models of sequences."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_vae import nets
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.base.tokens import SequenceModel
from keras_vae.distributions import Distribution
from keras_vae.models.vae import VAE


class _Attentive(SequenceModel):
    """Constructor of both models."""

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 16,
        likelihood: str | type[Distribution] | None = None,
        masked: bool | str = False,
        width: int = 64,
        blocks: int = 2,
        attention_heads: int = 4,
        vocabulary_size: int | None = None,
        pooling: str = "mean",
        **kwargs: Any,
    ) -> None:
        options: dict[str, Any] = {
            "width": width,
            "blocks": blocks,
            "attention_heads": attention_heads,
            "pooling": pooling,
        }
        super().__init__(
            nets.transformer,
            shape,
            latent_dim,
            likelihood,
            masked,
            vocabulary_size,
            options,
            **kwargs,
        )


@keras.saving.register_keras_serializable("keras_vae")
class TransformerAutoencoder(_Attentive, Autoencoder):
    """Transformer autoencoder of sequences.

    Loss:
        loss = mean over the batch of [ -log p(x | z) ],  z = encoder(x)

        -log p(x | z) is in nats and summed over the real time steps and their features. For
        tokens it is sum_t -log p(x_t | x_<t, z).

    Source: Vaswani et al. 2017 (arXiv:1706.03762), for the networks.

    Example:
        >>> model = keras_vae.TransformerAutoencoder((40, 1), latent_dim=8)
        >>> model.compile("adam")
        >>> model.fit(series, epochs=10)
        >>> model.encode(series[:4]).shape
        TensorShape([4, 8])

    Args:
        shape: `(time, features)` of x without the batch, for tokens `(time,)`. `time` is the
            largest length.
        latent_dim: Size of the code, `(batch, latent_dim)`.
        likelihood: As in `LSTMAutoencoder`.
        masked: As in `LSTMAutoencoder`.
        width: Features of a step inside, as in `keras_vae.nets.transformer`.
        blocks: As in `keras_vae.nets.transformer`.
        attention_heads: As in `keras_vae.nets.transformer`.
        vocabulary_size: As in `LSTMAutoencoder`.
        pooling: As in `keras_vae.nets.transformer`.
        **kwargs: Of `Autoencoder`: `loss_weights`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If `shape` is not `(time, features)`, or the heads do not divide `width`; in
            `fit` and `evaluate`, if a mask is missing, has another shape, other values than 0
            and 1, or a row of zeros.
    """

    code_outputs = 1


@keras.saving.register_keras_serializable("keras_vae")
class TransformerVAE(_Attentive, VAE):
    """Transformer variational autoencoder of sequences.

    Loss:
        loss = mean over the batch of [ -log p(x | z) + beta * KL(q(z | x) || p(z)) ]

        z is one sample of q(z | x) = N(z_mean, exp(z_log_var)), and p(z) = N(0, I). KL is in
        closed form. Both terms are in nats; the first is summed over the real time steps and
        their features. For tokens it is sum_t -log p(x_t | x_<t, z).

    For vectors, all steps are decoded at once from the code.

    Sources: Kingma & Welling 2014 (arXiv:1312.6114, equation 3) for the loss, Vaswani et al. 2017
    (arXiv:1706.03762) for the networks.

    Example:
        >>> model = keras_vae.TransformerVAE((40, 1), latent_dim=8)
        >>> model.compile("adam")
        >>> model.fit(series, epochs=10)
        >>> model.sample(4, seed=0).shape
        TensorShape([4, 40, 1])

    Args:
        shape: `(time, features)` of x without the batch, for tokens `(time,)`. `time` is the
            largest length.
        latent_dim: Size of the code, `(batch, latent_dim)`.
        likelihood: As in `LSTMAutoencoder`.
        masked: As in `LSTMAutoencoder`.
        width: Features of a step inside, as in `keras_vae.nets.transformer`.
        blocks: As in `keras_vae.nets.transformer`.
        attention_heads: As in `keras_vae.nets.transformer`.
        vocabulary_size: As in `LSTMAutoencoder`.
        pooling: As in `keras_vae.nets.transformer`.
        **kwargs: Of `VAE`: `beta`, `loss_weights`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If `shape` is not `(time, features)`, or the heads do not divide `width`; in
            `fit` and `evaluate`, if a mask is missing, has another shape, other values than 0
            and 1, or a row of zeros.
    """

    code_outputs = 2
