"""The importance weighted autoencoder of the likelihood tables, on binary MNIST."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    samples: int = 5,
    gradient: str = "iwae",
    latent_dim: int = 50,
    hidden: tuple[int, ...] = (200, 200),
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train an IWAE with one stochastic layer on dynamically binarized MNIST.

    Networks are those of Burda et al. 2016 (arXiv:1509.00519, section 5.1). The learning rate
    falls to zero along half a cosine. The tables have rows for 5 and for 50 samples.

    Args:
        samples: Samples of z for each image.
        gradient: iwae, or dreg for the doubly reparameterized one.
        latent_dim: Dimension of the latent code.
        hidden: Widths of the encoder's tanh layers; the decoder mirrors them.
        learning_rate: Learning rate of Adam at the start.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras_vae as kv

    networks = kv.nets.dense(image_shape, latent_dim, hidden, heads=2, activation="tanh")
    return Recipe(
        model=kv.IWAE(
            *networks, samples=samples, gradient=gradient, likelihood="bernoulli", seed=seed
        ),
        optimizer=cosine_adam(learning_rate),
        data="mnist",
        epochs=200,
        batch_size=100,
        protocol="dynamic",
        best="iwae",
    )
