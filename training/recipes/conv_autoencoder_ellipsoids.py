"""Convolutional autoencoder of volumes: generated ellipsoids."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 10,
    filters: tuple[int, ...] = (16, 32),
    hidden: int = 128,
    learning_rate: float = 2e-3,
    shape: tuple[int, int, int, int] = (16, 16, 16, 1),
    seed: int = 0,
) -> Recipe:
    """Train a convolutional autoencoder on volumes: ellipsoids of 16x16x16 voxels.

    Args:
        latent_dim: Dimension of the latent code.
        filters: Channels of the convolutions, each of which halves the sizes.
        hidden: Width of the encoder's dense layer.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        shape: Depth, height, width, channels.
        seed: Seed of the weights.
    """
    import keras_vae as kv

    networks = kv.nets.conv(shape, latent_dim, filters, hidden)
    return Recipe(
        model=kv.Autoencoder(*networks, likelihood="bernoulli", seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="ellipsoids",
        epochs=20,
        batch_size=50,
    )
