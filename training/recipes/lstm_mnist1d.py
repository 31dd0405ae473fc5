"""Recurrent autoencoder on MNIST-1D."""

from training.recipes import Recipe


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
    import keras

    import keras_vae as kv

    def optimizer(steps: int) -> keras.optimizers.Optimizer:
        return keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(learning_rate, steps), clipnorm=1.0
        )

    return Recipe(
        model=kv.LSTMAutoencoder(shape, latent_dim, units=units, seed=seed),
        optimizer=optimizer,
        data="mnist1d",
        epochs=200,
        batch_size=100,
    )
