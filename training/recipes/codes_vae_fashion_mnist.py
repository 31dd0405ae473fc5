"""VAE on Fashion-MNIST with latent codes for retrieval and classification."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 32,
    hidden: tuple[int, ...] = (512, 256),
    beta: float = 0.1,
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a VAE on Fashion-MNIST whose codes serve retrieval and classification.

    The encoder and the decoder are fully connected. A weight of the KL term below 1 keeps more of
    the image in the code. A weight above 0 keeps the codes of similar images close to each other,
    as nearest neighbors need.

    Args:
        latent_dim: Dimension of the latent code.
        hidden: Widths of the encoder's layers; the decoder mirrors them.
        beta: Weight of the KL term.
        learning_rate: Learning rate of Adam at the start.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras_vae as kv

    networks = kv.nets.dense(image_shape, latent_dim, hidden, heads=2, activation="relu")
    return Recipe(
        model=kv.VAE(*networks, likelihood="bernoulli", beta=beta, seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="fashion_mnist",
        epochs=15,
        batch_size=128,
    )
