"""The convolutional autoencoder and VAE of images, series and volumes, with their networks."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_vae import nets
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.base.network_defaults import activation_or_default
from keras_vae.distributions import Distribution, get
from keras_vae.models.vae import VAE


class _StatesActivation:
    """A mixin whose configuration has the activation that the default stood for."""

    activation: str

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments; `activation` is the one of the networks."""
        config = super().get_config()  # type: ignore[misc]
        return {**config, **({"activation": self.activation} if "activation" in config else {})}


@keras.saving.register_keras_serializable("keras_vae")
class ConvAutoencoder(_StatesActivation, Autoencoder):
    """Convolutional autoencoder whose code is a feature map, 7x7x128 for 28x28 images.

    Loss:
        loss = mean over the batch of [ -log p(x | z) ],  z = encoder(x)

        -log p(x | z) is in nats and summed over all pixels. With "bernoulli" it is the binary
        cross entropy.

    Example:
        >>> model = keras_vae.ConvAutoencoder((28, 28, 1), latent_channels=4)
        >>> model.encode(images[:8]).shape
        TensorShape([8, 7, 7, 4])
        >>> keras_vae.ConvAutoencoder((128, 2), latent_channels=4).latent_shape
        (32, 4)

    Args:
        image_shape: `(height, width, channels)`, for series `(length, channels)`, and for volumes
            `(depth, height, width, channels)`.
        latent_channels: Channels of the code.
        filters: Channels of the convolutions; each convolution halves all sizes.
        likelihood: As in `Autoencoder`; "bernoulli" is cross entropy for pixels in [0, 1].
        activation: As in `keras_vae.nets.conv_map`.
        **kwargs: Of `Autoencoder`: `loss_weights`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If `image_shape` is none of these shapes, or a number is less than 1.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        latent_channels: int = 128,
        filters: Sequence[int] = (32, 64),
        likelihood: str | type[Distribution] = "bernoulli",
        activation: str | None = None,
        **kwargs: Any,
    ) -> None:
        networks = nets.conv_map(
            image_shape,
            latent_channels,
            filters,
            decoder_heads=get(likelihood).heads,
            activation=activation,
        )
        super().__init__(*networks, likelihood=likelihood, **kwargs)
        self.activation = activation_or_default(activation)


@keras.saving.register_keras_serializable("keras_vae")
class ConvVAE(_StatesActivation, VAE):
    """Convolutional VAE: two convolutions, two dense heads, two transposed convolutions.

    Loss:
        loss = mean over the batch of [ -log p(x | z) + beta * KL(q(z | x) || p(z)) ]

        z is one sample of q(z | x) = N(z_mean, exp(z_log_var)), and p(z) = N(0, I). KL is in
        closed form. Both terms are in nats; the first is summed over all pixels.

    Source: Kingma & Welling 2014 (arXiv:1312.6114, equation 3).

    Example:
        >>> model = keras_vae.ConvVAE(image_shape=(28, 28, 1), latent_dim=16)
        >>> of_volumes = keras_vae.ConvVAE((8, 16, 16, 1), latent_dim=16)

    Args:
        image_shape: As in `ConvAutoencoder`.
        latent_dim: Size of the code.
        filters: Channels of the convolutions; each convolution halves all sizes.
        hidden: Width of the encoder's dense layer.
        likelihood: As in `VAE`.
        activation: As in `keras_vae.nets.conv`.
        decoder_hidden: Widths of dense layers between the code and the decoder's smallest feature
            map.
        **kwargs: Of `VAE`: `beta`, `loss_weights`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If `image_shape` is none of these shapes, or a number is less than 1.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        latent_dim: int = 16,
        filters: Sequence[int] = (32, 64),
        hidden: int = 128,
        likelihood: str | type[Distribution] = "bernoulli",
        activation: str | None = None,
        decoder_hidden: Sequence[int] = (),
        **kwargs: Any,
    ) -> None:
        networks = nets.conv(
            image_shape,
            latent_dim,
            filters,
            hidden,
            heads=2,
            decoder_heads=get(likelihood).heads,
            activation=activation,
            decoder_hidden=decoder_hidden,
        )
        super().__init__(*networks, likelihood=likelihood, **kwargs)
        self.activation = activation_or_default(activation)
