"""The gated VAE of the likelihood tables, on binary Fashion-MNIST."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 40,
    hidden: tuple[int, ...] = (300, 300),
    warm_up_steps: int = 25_000,
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train the gated VAE of the likelihood tables on dynamically binarized Fashion-MNIST.

    Networks and protocol are those of Tomczak and Welling 2018 (arXiv:1705.07120) and Norouzi et
    al. 2020 (arXiv:2004.04795). The learning rate falls to zero along half a cosine, so that a few
    hundred epochs suffice.

    Args:
        latent_dim: Dimension of the latent code.
        hidden: Widths of the encoder's gated layers; the decoder mirrors them.
        warm_up_steps: Steps over which the weight of the KL term rises from 0 to 1.
        learning_rate: Learning rate of Adam at the start.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras_vae as kv

    encoder, decoder = kv.nets.gated_dense(image_shape, latent_dim, hidden)
    beta = kv.schedules.LinearWarmUp(warm_up_steps)
    return Recipe(
        model=kv.VAE(encoder, decoder, likelihood="bernoulli", beta=beta, seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="fashion_mnist",
        epochs=240,
        batch_size=100,
        protocol="dynamic",
    )
