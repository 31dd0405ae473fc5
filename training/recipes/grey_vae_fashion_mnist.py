"""A VAE of the 256 grey levels of Fashion-MNIST, measured in bits per dimension."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    components: int = 5,
    latent_dim: int = 32,
    filters: tuple[int, ...] = (32, 64),
    hidden: int = 256,
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a convolutional VAE of the 256 grey levels of Fashion-MNIST, for bits per dimension.

    Each pixel is a mixture of discretized logistics (Salimans et al. 2017, arXiv:1701.05517).

    Args:
        components: Components of the mixture of each pixel.
        latent_dim: Dimension of the latent code.
        filters: Channels of the convolutions, each of which halves the size.
        hidden: Width of the encoder's dense layer.
        learning_rate: Learning rate of Adam at the start.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras_vae as kv

    networks = kv.nets.conv(
        image_shape,
        latent_dim,
        filters,
        hidden,
        heads=2,
        decoder_heads=3 * components,
        activation="relu",
    )
    return Recipe(
        model=kv.VAE(*networks, likelihood="discretized_logistic_mixture", seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="fashion_mnist",
        epochs=60,
        batch_size=128,
        protocol="held_out",
    )
