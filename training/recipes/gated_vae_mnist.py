"""The gated VAE of the likelihood tables, on binary MNIST."""

from keras_vae.training.recipes import Recipe, cosine_adam
from keras_vae.training.warm_start import start_from


def recipe(
    latent_dim: int = 40,
    hidden: tuple[int, ...] = (300, 300),
    start: str | None = None,
    warm_up_steps: int = 5_000,
    learning_rate: float = 1e-3,
    protocol: str = "dynamic",
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a gated VAE with one stochastic layer on binary MNIST.

    Networks are those of Tomczak and Welling 2018 (arXiv:1705.07120). The learning rate falls to
    zero along half a cosine. If images are binary already, `--data static:FILE --protocol plain`
    trains on all of them and keeps the last epoch.

    Args:
        latent_dim: Dimension of the latent code.
        hidden: Widths of the encoder's gated layers; the decoder mirrors them.
        start: A run of this recipe whose networks to start from; none by default.
        warm_up_steps: Steps over which the weight of the KL term rises from 0 to 1; 0 for none.
        learning_rate: Learning rate of Adam at the start.
        protocol: plain, held_out or dynamic, see training/data/splits.py.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras_vae as kv

    encoder, decoder = kv.nets.gated_dense(image_shape, latent_dim, hidden)
    start_from(start, encoder, decoder)
    beta = kv.schedules.LinearWarmUp(warm_up_steps) if warm_up_steps else 1.0
    return Recipe(
        model=kv.VAE(encoder, decoder, likelihood="bernoulli", beta=beta, seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="mnist",
        epochs=100,
        batch_size=100,
        protocol=protocol,
    )
