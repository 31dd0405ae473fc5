"""The importance weighted autoencoder with gated networks, on binary MNIST."""

from keras_vae.training.recipes import Recipe, cosine_adam
from keras_vae.training.warm_start import start_from


def recipe(
    samples: int = 5,
    gradient: str = "dreg",
    latent_dim: int = 40,
    hidden: tuple[int, ...] = (300, 300),
    start: str | None = None,
    learning_rate: float = 5e-4,
    protocol: str = "dynamic",
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train an IWAE with one stochastic layer and gated networks on binary MNIST.

    The bound is that of Burda et al. 2016 (arXiv:1509.00519). The networks are those of Tomczak and
    Welling 2018 (arXiv:1705.07120). To need fewer epochs, start from a trained VAE: `--start RUN`,
    a run of gated_vae_mnist, or of this recipe with fewer samples.

    Args:
        samples: Samples of z for each image.
        gradient: iwae, or dreg for the doubly reparameterized one.
        latent_dim: Dimension of the latent code.
        hidden: Widths of the encoder's gated layers; the decoder mirrors them.
        start: A run whose networks to start from; none by default.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        protocol: plain, held_out or dynamic, see training/data/splits.py.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras_vae as kv

    encoder, decoder = kv.nets.gated_dense(image_shape, latent_dim, hidden)
    start_from(start, encoder, decoder)
    return Recipe(
        model=kv.IWAE(
            encoder, decoder, samples, gradient=gradient, likelihood="bernoulli", seed=seed
        ),
        optimizer=cosine_adam(learning_rate),
        data="mnist",
        epochs=40,
        batch_size=250,
        protocol=protocol,
        best="iwae",
    )
