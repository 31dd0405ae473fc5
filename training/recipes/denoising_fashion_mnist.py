"""Denoising autoencoder on Fashion-MNIST with Gaussian noise."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    noise: float = 0.3,
    latent_channels: int = 96,
    filters: tuple[int, ...] = (64, 96),
    context: int = 512,
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a convolutional denoising autoencoder on Fashion-MNIST with Gaussian noise.

    Args:
        noise: Standard deviation of the noise, for pixels in [0, 1].
        latent_channels: Channels of the code, a map.
        filters: Channels of the convolutions, each of which halves the size.
        context: Width of the dense layers that share information among all positions.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras

    import keras_vae as kv

    networks = kv.nets.conv_map(
        image_shape, latent_channels, filters, kernel=4, context=context, activation="relu"
    )
    corruption = keras.layers.GaussianNoise(noise, seed=seed)
    return Recipe(
        model=kv.DenoisingAutoencoder(*networks, corruption=corruption, seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="fashion_mnist",
        epochs=8,
        batch_size=100,
    )
