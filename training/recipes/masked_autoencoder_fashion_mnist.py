"""Masked autoencoder on Fashion-MNIST."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    patch: int = 4,
    latent_dim: int = 32,
    mask_ratio: float = 0.5,
    visible_weight: float = 1.0,
    width: int = 64,
    blocks: int = 3,
    decoder_blocks: int = 2,
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a masked autoencoder on Fashion-MNIST: images from half of their patches.

    Args:
        patch: Side of the square patches, in pixels.
        latent_dim: Dimension of the latent code of a patch.
        mask_ratio: Share of the patches that training hides.
        visible_weight: Weight of the pixels that are not hidden.
        width: Features of a patch in the attention blocks.
        blocks: Attention blocks of the encoder.
        decoder_blocks: Attention blocks of the decoder.
        learning_rate: Learning rate of Adam at the start.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the choice of patches.
    """
    import keras_vae as kv

    return Recipe(
        model=kv.MaskedAutoencoder(
            image_shape,
            patch,
            latent_dim,
            mask_ratio,
            visible_weight,
            likelihood="bernoulli",
            width=width,
            blocks=blocks,
            decoder_blocks=decoder_blocks,
            seed=seed,
        ),
        optimizer=cosine_adam(learning_rate),
        data="fashion_mnist",
        epochs=10,
        batch_size=128,
    )
