"""A VAE with a wide code and a learned scale, to sample Fashion-MNIST from."""

from training.recipes import Recipe


def recipe(
    latent_dim: int = 64,
    hidden: tuple[int, ...] = (512, 512),
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """VAE of the grey levels of Fashion-MNIST with a wide code, for sharp samples.

    One scale of p(x | z) is learned (Rybkin et al. 2021, arXiv:2006.13202); as it shrinks, the code
    holds most of the image, and its law is far from the prior. So fit a mixture of Gaussians to
    the codes after training (Ghosh et al. 2020, arXiv:1903.12436, section 4):
    `python -m training.evaluate RUN --distances --sampler 50`.

    Args:
        latent_dim: Size of the code.
        hidden: Widths of the encoder's layers; the decoder mirrors them.
        learning_rate: Of Adam, at the start; it falls to zero along half a cosine.
        image_shape: Height, width, channels.
        seed: Of the weights and of the noise.
    """
    import keras

    import keras_vae as kv

    networks = kv.nets.dense(image_shape, latent_dim, hidden, heads=2, activation="relu")
    return Recipe(
        model=kv.VAE(*networks, likelihood="normal_learned_scale", seed=seed),
        optimizer=lambda steps: keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        ),
        data="fashion_mnist",
        epochs=60,
        batch_size=128,
    )
