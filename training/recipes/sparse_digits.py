"""Sparse autoencoder on scikit-learn's digits."""

from keras_vae.training.recipes import Recipe


def recipe(
    latent_dim: int = 128,
    penalty: str = "top_k",
    k: int = 10,
    sparsity_weight: float = 1e-3,
    target: float = 0.05,
    hidden: tuple[int, ...] = (256,),
    learning_rate: float = 2e-3,
    image_shape: tuple[int, int, int] = (8, 8, 1),
    seed: int = 0,
) -> Recipe:
    """Train a sparse autoencoder with overcomplete codes on scikit-learn's 8x8 digits.

    Args:
        latent_dim: Dimension of the latent code.
        penalty: Method that makes codes sparse: l1, kl or top_k.
        k: Number of activations to keep, for top_k.
        sparsity_weight: Weight of the penalty, for l1 and kl.
        target: Target of the mean activation, for kl.
        hidden: Widths of the encoder's layers; the decoder mirrors them.
        learning_rate: Learning rate of Adam.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the noise, if any.
    """
    import keras

    import keras_vae as kv

    encoder, decoder = kv.nets.dense(image_shape, latent_dim, hidden, activation="relu")
    if penalty == "kl":  # It compares mean activations with a probability.
        encoder = keras.Model(encoder.inputs[0], keras.ops.sigmoid(encoder.output), name="encoder")
    return Recipe(
        model=kv.SparseAutoencoder(
            encoder,
            decoder,
            penalty=penalty,
            sparsity_weight=sparsity_weight,
            target=target,
            k=k,
            likelihood="bernoulli",
            seed=seed,
        ),
        optimizer=keras.optimizers.Adam(learning_rate),
        data="digits",
        epochs=60,
        batch_size=64,
    )
