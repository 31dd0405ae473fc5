"""The hierarchical VAE with latent maps, on binary Fashion-MNIST."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 32,
    latent_channels: int = 4,
    filters: tuple[int, ...] = (32, 64),
    levels: tuple[int, ...] = (1, 1),
    free_bits: float = 0.0,
    warm_up_steps: int = 2_000,
    learning_rate: float = 1e-3,
    protocol: str = "dynamic",
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a top-down hierarchical VAE on dynamically binarized Fashion-MNIST.

    The networks are those of keras_vae.nets.conv_ladder. If images are binary already, use
    `--data static:FILE --protocol plain`.

    Args:
        latent_dim: Dimension of the latent code at the top.
        latent_channels: Channels of the latent maps.
        filters: Channels at each size, from the image down. Each size is half the one before.
        levels: Levels of maps at each size, in the same order. With 0 1 and the top, there are two.
        free_bits: Nats of each level that have no cost.
        warm_up_steps: Steps over which the weight of the KL term rises from 0 to 1; 0 for none.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        protocol: plain, held_out or dynamic, see training/data/splits.py.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise.
    """
    import keras_vae as kv

    networks = kv.nets.conv_ladder(image_shape, latent_dim, latent_channels, filters, levels)
    beta = kv.schedules.LinearWarmUp(warm_up_steps) if warm_up_steps else 1.0
    return Recipe(
        model=kv.LadderVAE(
            *networks, likelihood="bernoulli", beta=beta, free_bits=free_bits, seed=seed
        ),
        optimizer=cosine_adam(learning_rate, clipnorm=100.0),
        data="fashion_mnist",
        epochs=20,
        batch_size=100,
        protocol=protocol,
    )
