"""Autoencoder on Fashion-MNIST with the smallest error for short latent codes."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 32,
    filters: tuple[int, ...] = (48, 96),
    hidden: int = 512,
    activation: str = "silu",
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a convolutional autoencoder on Fashion-MNIST with a small error for short codes.

    The networks have convolutions and dense layers, and the decoder mirrors the encoder. Wider
    dense layers alone (autoencoder_fashion_mnist) overfit and have a larger test error.

    Args:
        latent_dim: Dimension of the latent code.
        filters: Channels of the convolutions, each of which halves the size.
        hidden: Width of the dense layers before and after the code.
        activation: Activation of the hidden layers.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the order of the images.
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
