"""The gated VAE with a VampPrior, on binary Fashion-MNIST."""

from keras_vae.training.recipes import Recipe, cosine_adam
from keras_vae.training.warm_start import start_from


def recipe(
    components: int = 500,
    latent_dim: int = 40,
    hidden: tuple[int, ...] = (300, 300),
    start: str | None = None,
    warm_up_steps: int = 10_000,
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a gated VAE with a VampPrior on dynamically binarized Fashion-MNIST.

    Networks and protocol are those of gated_vae_fashion_mnist. The pseudo-inputs start as grey
    training images.

    Args:
        components: Number of pseudo-inputs.
        latent_dim: Dimension of the latent code.
        hidden: Widths of the encoder's gated layers; the decoder mirrors them.
        start: A run of gated_vae_fashion_mnist, whose networks to start from; none by default.
        warm_up_steps: Steps over which the weight of the KL term rises from 0 to 1; 0 for none.
        learning_rate: Learning rate of Adam at the start.
        image_shape: Height, width, channels.
        seed: Seed of the weights, of the pseudo-inputs and of the noise.
    """
    import keras_vae as kv

    encoder, decoder = kv.nets.gated_dense(image_shape, latent_dim, hidden)
    start_from(start, encoder, decoder)
    beta = kv.schedules.LinearWarmUp(warm_up_steps) if warm_up_steps else 1.0
    return Recipe(
        model=kv.VampVAE(
            encoder, decoder, components, likelihood="bernoulli", beta=beta, seed=seed
        ),
        optimizer=cosine_adam(learning_rate),
        data="fashion_mnist",
        epochs=150,
        batch_size=250,
        protocol="dynamic",
        adapt=True,
    )
