"""The temporal convolutional models of sequences."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_vae import nets
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.base.tokens import SequenceModel
from keras_vae.distributions import Distribution
from keras_vae.models.vae import VAE


class _Convolutional(SequenceModel):
    """Constructor of both models."""

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 16,
        likelihood: str | type[Distribution] | None = None,
        masked: bool | str = False,
        width: int = 64,
        blocks: int | None = None,
        kernel: int = 3,
        vocabulary_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        options = {"width": width, "blocks": blocks, "kernel": kernel}
        super().__init__(
            nets.tcn, shape, latent_dim, likelihood, masked, vocabulary_size, options, **kwargs
        )


@keras.saving.register_keras_serializable("keras_vae")
class TCNAutoencoder(_Convolutional, Autoencoder):
    """Temporal convolutional autoencoder of sequences.

    Loss:
        loss = mean over the batch of [ -log p(x | z) ],  z = encoder(x)

        -log p(x | z) is in nats and summed over the real time steps and their features. For
        tokens it is sum_t -log p(x_t | x_<t, z).

    Source: Bai et al. 2018 (arXiv:1803.01271), for the networks.

    Example:
        >>> model = keras_vae.TCNAutoencoder((40, 1), latent_dim=8)
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
        width: Features of a step inside, as in `keras_vae.nets.tcn`.
        blocks: As in `keras_vae.nets.tcn`.
        kernel: As in `keras_vae.nets.tcn`.
        vocabulary_size: As in `LSTMAutoencoder`.
        **kwargs: Of `Autoencoder`: `loss_weights`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If `shape` is not `(time, features)` or a number is too small; in `fit` and
            `evaluate`, if a mask is missing, has another shape, other values than 0 and 1, or a
            row of zeros.
    """

    code_outputs = 1


@keras.saving.register_keras_serializable("keras_vae")
class TCNVAE(_Convolutional, VAE):
    """Temporal convolutional variational autoencoder of sequences.

    Loss:
        loss = mean over the batch of [ -log p(x | z) + beta * KL(q(z | x) || p(z)) ]

        z is one sample of q(z | x) = N(z_mean, exp(z_log_var)), and p(z) = N(0, I). KL is in
        closed form. Both terms are in nats; the first is summed over the real time steps and
        their features. For tokens it is sum_t -log p(x_t | x_<t, z).

    For vectors, all steps are decoded at once from the code.

    Sources: Kingma & Welling 2014 (arXiv:1312.6114, equation 3) for the loss, Bai et al. 2018
    (arXiv:1803.01271) for the networks.

    Example:
        >>> model = keras_vae.TCNVAE((40, 1), latent_dim=8)
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
        width: Features of a step inside, as in `keras_vae.nets.tcn`.
        blocks: As in `keras_vae.nets.tcn`.
        kernel: As in `keras_vae.nets.tcn`.
        vocabulary_size: As in `LSTMAutoencoder`.
        **kwargs: Of `VAE`: `beta`, `loss_weights`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If `shape` is not `(time, features)` or a number is too small; in `fit` and
            `evaluate`, if a mask is missing, has another shape, other values than 0 and 1, or a
            row of zeros.
    """

    code_outputs = 2
