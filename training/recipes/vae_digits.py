"""Fully connected VAE on scikit-learn's digits."""

from keras_vae.training.recipes import Recipe


def recipe(
    latent_dim: int = 2,
    hidden: tuple[int, ...] = (256, 128),
    likelihood: str = "bernoulli",
    beta: float = 0.2,
    learning_rate: float = 2e-3,
    image_shape: tuple[int, int, int] = (8, 8, 1),
    seed: int = 0,
) -> Recipe:
    """Train a fully connected VAE with 2-dimensional codes on scikit-learn's 8x8 digits.

    A 2-dimensional latent space can be plotted as a whole: see pictures/manifold.png.

    Args:
        latent_dim: Dimension of the latent code.
        hidden: Widths of the encoder's layers; the decoder mirrors them.
        likelihood: Name of p(x | z), see keras_vae.distributions.
        beta: Weight of the KL term; below 1, as the cross entropy of grey pixels is small.
        learning_rate: Learning rate of Adam.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras

    import keras_vae as kv

    heads = kv.distributions.get(likelihood).heads
    encoder, decoder = kv.nets.dense(
        image_shape, latent_dim, hidden, heads=2, decoder_heads=heads, activation="relu"
    )
    return Recipe(
        model=kv.VAE(encoder, decoder, likelihood=likelihood, beta=beta, seed=seed),
        optimizer=keras.optimizers.Adam(learning_rate),
        data="digits",
        epochs=80,
        batch_size=64,
    )
