"""Autoencoder on Fashion-MNIST whose short codes keep as much as they can."""

from training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 32,
    filters: tuple[int, ...] = (48, 96),
    hidden: int = 512,
    activation: str = "silu",
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Convolutional autoencoder on Fashion-MNIST whose short codes keep as much as they can.

    Convolutions and dense layers, as many up as down. Dense layers alone, though wider
    (autoencoder_fashion_mnist), learn more of the training images by heart and err more on others.

    Args:
        latent_dim: Size of the code.
        filters: Channels of the convolutions, each of which halves the size.
        hidden: Width of the dense layers before and after the code.
        activation: Of the hidden layers.
        learning_rate: Of Adam, at the start; it falls to zero along half a cosine.
        image_shape: Height, width, channels.
        seed: Of the weights and of the order of the images.
    """
    import keras_vae as kv

    networks = kv.nets.conv(
        image_shape,
        latent_dim,
        filters,
        hidden,
        kernel=4,
        activation=activation,
        decoder_hidden=(hidden,),
    )
    return Recipe(
        model=kv.Autoencoder(*networks, likelihood="normal", seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="fashion_mnist",
        epochs=16,
        batch_size=100,
    )
