"""Attention autoencoder on MNIST-1D."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 8,
    width: int = 64,
    blocks: int = 2,
    pooling: str = "dense",
    learning_rate: float = 2e-3,
    shape: tuple[int, int] = (40, 1),
    seed: int = 0,
) -> Recipe:
    """Train an attention autoencoder on MNIST-1D: series of 40 steps, 8-dimensional codes.

    Args:
        latent_dim: Dimension of the latent code.
        width: Width of the features of a step.
        blocks: Attention blocks of the encoder, and of the decoder.
        pooling: "dense" if each time step has weights of its own next to the code, or "mean".
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        shape: Time steps and features.
        seed: Seed of the weights.
    """
    import keras_vae as kv

    model = kv.TransformerAutoencoder(
        shape, latent_dim, width=width, blocks=blocks, pooling=pooling, seed=seed
    )
    return Recipe(
        model=model,
        optimizer=cosine_adam(learning_rate, clipnorm=1.0),
        data="mnist1d",
        epochs=200,
        batch_size=100,
    )
