"""VAE on Fashion-MNIST whose codes are to be used."""

from training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 32,
    hidden: tuple[int, ...] = (512, 256),
    beta: float = 0.1,
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Fully connected VAE on Fashion-MNIST, of which the codes matter: to find, to classify.

    A weight of the KL term below 1 keeps more of the image in the code; one above 0 keeps codes of
    like images together, which nearest neighbors thank for.

    Args:
        latent_dim: Size of the code.
        hidden: Widths of the encoder's layers; the decoder mirrors them.
        beta: Weight of the KL term.
        learning_rate: Of Adam, at the start.
        image_shape: Height, width, channels.
        seed: Of the weights and of the noise.
    """
    import keras_vae as kv

    networks = kv.nets.dense(image_shape, latent_dim, hidden, heads=2)
    return Recipe(
        model=kv.VAE(*networks, likelihood="bernoulli", beta=beta, seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="fashion_mnist",
        epochs=15,
        batch_size=128,
    )
