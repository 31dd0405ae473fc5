"""Recurrent autoencoder on MNIST-1D."""

from training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 8,
    units: tuple[int, ...] = (128,),
    learning_rate: float = 2e-3,
    shape: tuple[int, int] = (40, 1),
    seed: int = 0,
) -> Recipe:
    """Recurrent autoencoder on MNIST-1D, 40 steps to 8 numbers and back.

    Args:
        latent_dim: Size of the code.
        units: Widths of the LSTM layers.
        learning_rate: Of Adam at the start; it falls to zero along a cosine.
        shape: Time and features.
        seed: Of the weights.
    """
    import keras_vae as kv

    return Recipe(
        model=kv.LSTMAutoencoder(shape, latent_dim, units=units, seed=seed),
        optimizer=cosine_adam(learning_rate, clipnorm=1.0),
        data="mnist1d",
        epochs=200,
        batch_size=100,
    )
