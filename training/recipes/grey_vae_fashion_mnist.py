"""A VAE of the 256 grey levels of Fashion-MNIST, measured in bits per dimension."""

from typing import Any

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    components: int = 5,
    latent_dim: int = 32,
    filters: tuple[int, ...] = (32, 64),
    hidden: int = 256,
    levels: tuple[int, ...] = (),
    latent_channels: int = 8,
    warm_up_steps: int = 0,
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a convolutional VAE of the 256 grey levels of Fashion-MNIST, for bits per dimension.

    Each pixel is a mixture of discretized logistics (Salimans et al. 2017, arXiv:1701.05517). With
    `--levels`, codes are a vector and levels of maps below it, as in ladder_fashion_mnist.

    Args:
        components: Components of the mixture of each pixel.
        latent_dim: Dimension of the latent code.
        filters: Channels of the convolutions, each of which halves the size.
        hidden: Width of the encoder's dense layer, without levels.
        levels: Levels of maps at each size, from the image down; none by default.
        latent_channels: Channels of the maps.
        warm_up_steps: Steps over which the weight of the KL term rises from 0 to 1; 0 for none.
        learning_rate: Learning rate of Adam at the start.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras_vae as kv

    heads = 3 * components
    beta = kv.schedules.LinearWarmUp(warm_up_steps) if warm_up_steps else 1.0
    settings: dict[str, Any] = {
        "likelihood": "discretized_logistic_mixture",
        "beta": beta,
        "seed": seed,
    }
    if levels:
        networks = kv.nets.conv_ladder(
            image_shape, latent_dim, latent_channels, filters, levels, decoder_heads=heads
        )
        model = kv.LadderVAE(*networks, **settings)
        optimizer = cosine_adam(learning_rate, clipnorm=100.0)
    else:
        networks = kv.nets.conv(
            image_shape,
            latent_dim,
            filters,
            hidden,
            heads=2,
            decoder_heads=heads,
            activation="relu",
        )
        model, optimizer = kv.VAE(*networks, **settings), cosine_adam(learning_rate)
    return Recipe(
        model=model,
        optimizer=optimizer,
        data="fashion_mnist",
        epochs=60,
        batch_size=128,
        protocol="held_out",
    )
