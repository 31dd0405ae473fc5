"""Convolutional autoencoder on Fashion-MNIST."""

from keras_vae.training.recipes import Recipe


def recipe(
    latent_channels: int = 128,
    filters: tuple[int, ...] = (32, 64),
    likelihood: str = "bernoulli",
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a convolutional autoencoder on Fashion-MNIST with 7x7x128 latent maps.

    Args:
        latent_channels: Channels of the latent map.
        filters: Channels of the convolutions, each of which halves the size.
        likelihood: Name of p(x | z), see keras_vae.distributions.
        learning_rate: Learning rate of Adam.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise, if any.
    """
    import keras

    import keras_vae as kv

    return Recipe(
        model=kv.ConvAutoencoder(
            image_shape,
            latent_channels,
            filters=filters,
            likelihood=likelihood,
            activation="relu",
            seed=seed,
        ),
        optimizer=keras.optimizers.Adam(learning_rate),
        data="fashion_mnist",
        epochs=5,
        batch_size=128,
    )
