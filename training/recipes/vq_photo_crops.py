"""Tokenizer of colour images: a vector-quantized autoencoder for `keras-vae fit-prior`."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    codebook_size: int = 512,
    latent_channels: int = 16,
    filters: tuple[int, ...] = (64, 128),
    adversarial_weight: float = 0.0,
    adversarial_start: int = 400,
    perceptual_network: str = "",
    perceptual_weight: float = 1.0,
    learning_rate: float = 2e-3,
    image_shape: tuple[int, int, int] = (32, 32, 3),
    seed: int = 0,
) -> Recipe:
    """Train a tokenizer of colour images: 8x8 codes of 9 bits for crops of photographs.

    Args:
        codebook_size: Number of codes.
        latent_channels: Length of the vector of a code.
        filters: Channels of the convolutions, each of which halves the size.
        adversarial_weight: Weight of a discriminator of patches, such as 0.1; 0 for none.
        adversarial_start: Training steps before the discriminator begins.
        perceptual_network: A .keras file of a network from images to features, which are compared
            too; empty for none.
        perceptual_weight: Weight of the comparison of features.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the codebook.
    """
    import keras

    import keras_vae as kv

    terms: list[kv.losses.ExtraTerm] = []
    if perceptual_network:
        features = keras.saving.load_model(perceptual_network)
        terms.append(kv.losses.PerceptualTerm(features, weight=perceptual_weight))
    if adversarial_weight:
        terms.append(kv.losses.AdversarialTerm(None, adversarial_start, weight=adversarial_weight))
    networks = kv.nets.conv_map(image_shape, latent_channels, filters)
    return Recipe(
        model=kv.VQVAE(
            *networks,
            codebook_size,
            likelihood="normal_learned_scale",
            extra_terms=terms,
            seed=seed,
        ),
        optimizer=cosine_adam(learning_rate),
        data="photo_crops",
        epochs=10,
        batch_size=64,
        adapt=True,
    )
