"""The importance weighted autoencoder with gated networks, on binary MNIST."""

from training.recipes import Recipe, cosine_adam, start_from


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
    """IWAE with one stochastic layer and gated networks, on binary MNIST.

    The bound is that of Burda et al. 2016 (arXiv:1509.00519), the networks are those of Tomczak &
    Welling 2018 (arXiv:1705.07120). It takes little to go on from a VAE: `--start RUN`, of
    gated_vae_mnist or of this recipe with fewer samples.

    Args:
        samples: Draws of z for each image.
        gradient: iwae, or dreg for the doubly reparameterized one.
        latent_dim: Size of the code.
        hidden: Widths of the encoder's gated layers; the decoder mirrors them.
        start: A run whose networks to start from; none if left out.
        learning_rate: Of Adam, at the start; it falls to zero along half a cosine.
        protocol: plain, held_out or dynamic, see training/splits.py.
        image_shape: Height, width, channels.
        seed: Of the weights and of the noise.
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
