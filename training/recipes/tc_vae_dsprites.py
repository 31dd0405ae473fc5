"""The beta-TC-VAE on regenerated dSprites, for disentanglement."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    beta: float = 6.0,
    latent_dim: int = 10,
    filters: tuple[int, ...] = (32, 32, 64, 64),
    hidden: int = 256,
    training_images: int = 60_000,
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (64, 64, 1),
    seed: int = 0,
) -> Recipe:
    """Train a convolutional beta-TC-VAE on regenerated dSprites.

    Beta is that of Chen et al. 2018 (arXiv:1802.04942). Measure disentanglement with
    `keras-vae evaluate RUN --factors`.

    Args:
        beta: Weight of the total correlation.
        latent_dim: Dimension of the latent code.
        filters: Channels of the convolutions, each of which halves the size.
        hidden: Width of the encoder's dense layer.
        training_images: Number of training images, for the estimate of q(z) from a batch.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras_vae as kv

    networks = kv.nets.conv(image_shape, latent_dim, filters, hidden, heads=2, activation="relu")
    return Recipe(
        model=kv.BetaTCVAE(
            *networks, training_images, beta=beta, likelihood="bernoulli", seed=seed
        ),
        optimizer=cosine_adam(learning_rate),
        data="dsprites",
        epochs=10,
        batch_size=128,
    )
