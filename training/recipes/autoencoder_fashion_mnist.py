"""Fully connected autoencoder on Fashion-MNIST."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 32,
    hidden: tuple[int, ...] = (1024, 512),
    activation: str = "silu",
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a fully connected autoencoder with 32-dimensional codes on Fashion-MNIST.

    Args:
        latent_dim: Dimension of the latent code.
        hidden: Widths of the encoder's layers; the decoder mirrors them.
        activation: Activation of these layers.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the order of the images.
    """
    import keras_vae as kv

    networks = kv.nets.dense(image_shape, latent_dim, hidden, activation=activation)
    return Recipe(
        model=kv.Autoencoder(*networks, likelihood="normal", seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="fashion_mnist",
        epochs=40,
        batch_size=100,
    )
