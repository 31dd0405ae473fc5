"""Denoising autoencoder on scikit-learn's digits."""

from keras_vae.training.recipes import Recipe


def recipe(
    noise: float = 0.2,
    latent_dim: int = 32,
    filters: tuple[int, ...] = (32, 64),
    learning_rate: float = 2e-3,
    image_shape: tuple[int, int, int] = (8, 8, 1),
    seed: int = 0,
) -> Recipe:
    """Train a denoising autoencoder on scikit-learn's 8x8 digits with salt-and-pepper noise.

    Args:
        noise: Share of the pixels that are set to black or white.
        latent_dim: Dimension of the latent code.
        filters: Channels of the convolutions, each of which halves the size.
        learning_rate: Learning rate of Adam.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras

    import keras_vae as kv

    encoder, decoder = kv.nets.conv(image_shape, latent_dim, filters, activation="relu")
    return Recipe(
        model=kv.DenoisingAutoencoder(
            encoder,
            decoder,
            corruption=kv.layers.SaltAndPepperNoise(noise, seed=seed),
            likelihood="bernoulli",
            seed=seed,
        ),
        optimizer=keras.optimizers.Adam(learning_rate),
        data="digits",
        epochs=60,
        batch_size=64,
    )
