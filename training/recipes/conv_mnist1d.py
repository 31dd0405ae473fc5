"""Convolutional autoencoder on MNIST-1D."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 8,
    filters: tuple[int, ...] = (64, 128),
    hidden: int = 256,
    kernel: int = 5,
    learning_rate: float = 1e-3,
    shape: tuple[int, int] = (40, 1),
    seed: int = 0,
) -> Recipe:
    """Train a strided convolutional autoencoder on MNIST-1D: 40 steps, 8-dimensional codes.

    Args:
        latent_dim: Dimension of the latent code.
        filters: Channels of the convolutions, each of which halves the length.
        hidden: Width of the dense layers next to the code.
        kernel: Steps that a convolution takes.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        shape: Time steps and features.
        seed: Seed of the weights.
    """
    import keras_vae as kv

    networks = kv.nets.conv(
        shape, latent_dim, filters, hidden, kernel=kernel, decoder_hidden=(hidden,)
    )
    return Recipe(
        model=kv.Autoencoder(*networks, seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="mnist1d",
        epochs=60,
        batch_size=100,
    )
