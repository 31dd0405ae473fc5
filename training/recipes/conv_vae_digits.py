"""Convolutional VAE on scikit-learn's digits."""

from keras_vae.training.recipes import Recipe


def recipe(
    latent_dim: int = 16,
    filters: tuple[int, ...] = (32, 64),
    hidden: int = 128,
    likelihood: str = "bernoulli",
    beta: float = 0.2,
    learning_rate: float = 2e-3,
    image_shape: tuple[int, int, int] = (8, 8, 1),
    seed: int = 0,
) -> Recipe:
    """Train a convolutional VAE on scikit-learn's 8x8 digits, in seconds and without downloads.

    Args:
        latent_dim: Dimension of the latent code.
        filters: Channels of the convolutions, each of which halves the size.
        hidden: Width of the encoder's dense layer.
        likelihood: Name of p(x | z), see keras_vae.distributions.
        beta: Weight of the KL term; below 1, as the cross entropy of grey pixels is small.
        learning_rate: Learning rate of Adam.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras

    import keras_vae as kv

    return Recipe(
        model=kv.ConvVAE(
            image_shape,
            latent_dim,
            filters=filters,
            hidden=hidden,
            likelihood=likelihood,
            beta=beta,
            seed=seed,
        ),
        optimizer=keras.optimizers.Adam(learning_rate),
        data="digits",
        epochs=60,
        batch_size=64,
    )
