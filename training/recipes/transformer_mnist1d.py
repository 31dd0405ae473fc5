"""Attention autoencoder on MNIST-1D."""

from training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 8,
    width: int = 64,
    blocks: int = 2,
    learning_rate: float = 2e-3,
    shape: tuple[int, int] = (40, 1),
    seed: int = 0,
) -> Recipe:
    """Attention autoencoder on MNIST-1D, 40 steps to 8 numbers and back.

    Args:
        latent_dim: Size of the code.
        width: Of the features of a step.
        blocks: Attention blocks of the encoder, and of the decoder.
        learning_rate: Of Adam at the start; it falls to zero along a cosine.
        shape: Time and features.
        seed: Of the weights.
    """
    import keras_vae as kv

    return Recipe(
        model=kv.TransformerAutoencoder(shape, latent_dim, width=width, blocks=blocks, seed=seed),
        optimizer=cosine_adam(learning_rate, clipnorm=1.0),
        data="mnist1d",
        epochs=200,
        batch_size=100,
    )
