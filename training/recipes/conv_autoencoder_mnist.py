"""Small convolutional autoencoder on MNIST, for comparison with the example of keras.io."""

from typing import Any

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    noise: float = 0.0,
    latent_channels: int = 32,
    filters: tuple[int, ...] = (16, 32),
    learning_rate: float = 2e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a convolutional autoencoder with fewer than 28,353 parameters on MNIST.

    Its latent map is 7x7x32, as in the example of keras.io. The noise of that example is 0.4.

    Args:
        noise: Standard deviation of Gaussian noise on the input, clipped to [0, 1]; 0 for none.
        latent_channels: Channels of the code, a map.
        filters: Channels of the convolutions, each of which halves the size.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras

    import keras_vae as kv

    networks = kv.nets.conv_map(image_shape, latent_channels, filters, activation="relu")
    arguments: dict[str, Any] = {"likelihood": "bernoulli", "seed": seed}
    if noise:
        normal = keras.layers.GaussianNoise(noise, seed=seed)
        arguments["corruption"] = keras.Sequential([normal, keras.layers.ReLU(max_value=1.0)])
    kind = kv.DenoisingAutoencoder if noise else kv.Autoencoder
    return Recipe(
        model=kind(*networks, **arguments),
        optimizer=cosine_adam(learning_rate),
        data="mnist",
        epochs=50,
        batch_size=100,
    )
