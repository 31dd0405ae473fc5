"""Tokenizer of Fashion-MNIST: a vector-quantized autoencoder for `keras-vae fit-prior`."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    codebook_size: int = 256,
    latent_channels: int = 16,
    filters: tuple[int, ...] = (64, 128),
    learning_rate: float = 2e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a tokenizer of Fashion-MNIST: 7x7 codes of 8 bits an image, for a prior over codes.

    It has wider networks and more epochs than vq_vae_fashion_mnist, and a codebook that begins with
    k-means. Then `keras-vae fit-prior RUN --classes` learns to draw its codes.

    Args:
        codebook_size: Number of codes.
        latent_channels: Length of the vector of a code.
        filters: Channels of the convolutions, each of which halves the size.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the codebook.
    """
    import keras_vae as kv

    networks = kv.nets.conv_map(image_shape, latent_channels, filters)
    return Recipe(
        model=kv.VQVAE(*networks, codebook_size, likelihood="bernoulli", seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="fashion_mnist",
        epochs=10,
        batch_size=128,
        adapt=True,
    )
