"""Convolutional VAE on Fashion-MNIST."""

from keras_vae.training.recipes import Recipe


def recipe(
    latent_dim: int = 16,
    filters: tuple[int, ...] = (32, 64),
    hidden: int = 128,
    likelihood: str = "bernoulli",
    beta: float = 1.0,
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a convolutional VAE of about 500,000 parameters on Fashion-MNIST.

    Args:
        latent_dim: Dimension of the latent code.
        filters: Channels of the convolutions, each of which halves the size.
        hidden: Width of the encoder's dense layer.
        likelihood: Name of p(x | z), see keras_vae.distributions.
        beta: Weight of the KL term.
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
        data="fashion_mnist",
        epochs=12,
        batch_size=128,
    )
