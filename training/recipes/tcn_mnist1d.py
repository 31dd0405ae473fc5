"""Temporal convolutional autoencoder on MNIST-1D."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 8,
    width: int = 64,
    kernel: int = 3,
    learning_rate: float = 2e-3,
    shape: tuple[int, int] = (40, 1),
    seed: int = 0,
) -> Recipe:
    """Train a causal convolutional autoencoder on MNIST-1D: 40 steps, 8-dimensional codes.

    Args:
        latent_dim: Dimension of the latent code.
        width: Width of the features of a step.
        kernel: Steps that a convolution takes.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        shape: Time steps and features.
        seed: Seed of the weights.
    """
    import keras_vae as kv

    return Recipe(
        model=kv.TCNAutoencoder(shape, latent_dim, width=width, kernel=kernel, seed=seed),
        optimizer=cosine_adam(learning_rate, clipnorm=1.0),
        data="mnist1d",
        epochs=60,
        batch_size=100,
    )
