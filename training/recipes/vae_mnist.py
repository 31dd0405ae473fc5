"""The VAE with one stochastic layer of the likelihood tables, on binary MNIST."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 50,
    hidden: tuple[int, ...] = (200, 200),
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a VAE with one stochastic layer on dynamically binarized MNIST.

    Networks and batch size are those of Burda et al. 2016 (arXiv:1509.00519, section 5.1), for
    one sample. The learning rate falls to zero along half a cosine.

    Args:
        latent_dim: Dimension of the latent code.
        hidden: Widths of the encoder's tanh layers; the decoder mirrors them.
        learning_rate: Learning rate of Adam at the start.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras_vae as kv

    encoder, decoder = kv.nets.dense(image_shape, latent_dim, hidden, heads=2, activation="tanh")
    return Recipe(
        model=kv.VAE(encoder, decoder, likelihood="bernoulli", seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="mnist",
        epochs=400,
        batch_size=100,
        protocol="dynamic",
    )
