"""A regularized autoencoder with a wide code, to sample Fashion-MNIST from."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 64,
    hidden: tuple[int, ...] = (512, 512),
    code_weight: float = 1e-3,
    decoder_weight: float = 1e-6,
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a regularized autoencoder with a wide code on Fashion-MNIST, for sharp samples.

    It has no prior. A mixture of Gaussians is fitted to the codes after training (Ghosh et al.
    2020, arXiv:1903.12436, section 4): `keras-vae evaluate RUN --distances --sampler 50`.

    Args:
        latent_dim: Dimension of the latent code.
        hidden: Widths of the encoder's layers; the decoder mirrors them.
        code_weight: Weight of |z|^2 / 2.
        decoder_weight: Weight of the squares of the decoder's weights.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the order of the images.
    """
    import keras_vae as kv

    networks = kv.nets.dense(image_shape, latent_dim, hidden, activation="relu")
    return Recipe(
        model=kv.RAE(*networks, code_weight, decoder_weight, likelihood="normal", seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="fashion_mnist",
        epochs=20,
        batch_size=128,
    )
