"""The small VAE for one class of Fashion-MNIST, for `keras-vae one-class`."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 32,
    hidden: tuple[int, ...] = (256,),
    learning_rate: float = 2e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a small VAE on one class of Fashion-MNIST, in seconds.

    The scale of p(x | z) is learned, so that reconstruction and KL need no weights
    (Rybkin et al. 2021, arXiv:2006.13202).

    Args:
        latent_dim: Dimension of the latent code.
        hidden: Widths of the encoder's layers; the decoder mirrors them.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras_vae as kv

    networks = kv.nets.dense(image_shape, latent_dim, hidden, heads=2, activation="relu")
    return Recipe(
        model=kv.VAE(*networks, likelihood="normal_learned_scale", seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="fashion_mnist",
        epochs=30,
        batch_size=128,
    )
