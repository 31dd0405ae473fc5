"""Lossy compression of Fashion-MNIST: rate and distortion."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 64,
    hidden: tuple[int, ...] = (512,),
    rate_weight: float = 0.02,
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train an autoencoder for lossy compression on Fashion-MNIST.

    Measure it with `python -m benchmarks.compression RUN`.

    Args:
        latent_dim: Dimension of the latent code; dimensions that cost too many bits become
            constant.
        hidden: Widths of the encoder's layers; the decoder mirrors them.
        rate_weight: Weight of the rate against half the squared error; larger for smaller files.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras_vae as kv

    networks = kv.nets.dense(image_shape, latent_dim, hidden, activation="relu")
    return Recipe(
        model=kv.CompressiveAutoencoder(*networks, rate_weight=rate_weight, seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="fashion_mnist",
        epochs=30,
        batch_size=128,
    )
