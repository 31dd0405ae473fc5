"""Denoising autoencoder on Fashion-MNIST that restores covered regions."""

from typing import Literal

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    cover: Literal["rectangle", "half", "patches", "pixels"] = "rectangle",
    size: int = 14,
    rate: float = 0.5,
    latent_channels: int = 32,
    filters: tuple[int, ...] = (32, 64),
    learning_rate: float = 2e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train an autoencoder on Fashion-MNIST that restores covered rectangles, halves or patches.

    Args:
        cover: The region that is set to black: a rectangle, a half of the image, patches, or
            single pixels.
        size: Side of the rectangle or of the patches, in pixels.
        rate: Share of the patches or of the pixels that are covered.
        latent_channels: Channels of the code, a map.
        filters: Channels of the convolutions, each of which halves the size.
        learning_rate: Learning rate of Adam at the start.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the covers.
    """
    import keras_vae as kv

    covers = {
        "rectangle": lambda: kv.layers.RectangleOcclusion(size, size, seed=seed),
        "half": lambda: kv.layers.HalfOcclusion(seed=seed),
        "patches": lambda: kv.layers.PatchOcclusion(size, rate, seed=seed),
        "pixels": lambda: kv.layers.MaskingNoise(rate, seed=seed),
    }
    networks = kv.nets.conv_map(image_shape, latent_channels, filters, activation="relu")
    return Recipe(
        model=kv.DenoisingAutoencoder(*networks, corruption=covers[cover](), seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="fashion_mnist",
        epochs=8,
        batch_size=128,
    )
