"""Recurrent autoencoder on MNIST-1D."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 8,
    units: tuple[int, ...] = (128,),
    learning_rate: float = 2e-3,
    shape: tuple[int, int] = (40, 1),
    unroll: bool = False,
    seed: int = 0,
) -> Recipe:
    """Train a recurrent autoencoder on MNIST-1D: series of 40 steps, 8-dimensional codes.

    Args:
        latent_dim: Dimension of the latent code.
        units: Widths of the LSTM layers.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        shape: Time steps and features.
        unroll: Make each step a layer of the graph in place of a loop, as exports of int8 need.
        seed: Seed of the weights.
    """
    import keras_vae as kv

    return Recipe(
        model=kv.LSTMAutoencoder(shape, latent_dim, units=units, unroll=unroll, seed=seed),
        optimizer=cosine_adam(learning_rate, clipnorm=1.0),
        data="mnist1d",
        epochs=200,
        batch_size=100,
    )
