"""Perceptual autoencoder on Fashion-MNIST whose codes are to be read by a linear model."""

from training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 32,
    hidden: tuple[int, ...] = (512, 256),
    edges: float = 3.0,
    reconstruction_weight: float = 0.02,
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Fully connected autoencoder on Fashion-MNIST that keeps shades and edges, not pixels.

    Encoder and objective both see square roots of pixels, and edges averaged over squares of four
    pixels: a linear model finds classes in such codes more often than in codes of pixels.

    Args:
        latent_dim: Size of the code.
        hidden: Widths of the encoder's layers; the decoder mirrors them.
        edges: How much edges count beside shades.
        reconstruction_weight: Weight of the pixels themselves.
        learning_rate: Of Adam, at the start; it falls to zero along half a cosine.
        image_shape: Height, width, channels.
        seed: Of the weights and of the order of the images.
    """
    import keras

    import keras_vae as kv

    x = keras.Input(image_shape, name="x")
    seen = kv.layers.Outlines(edges, name="outlines")(x)
    read = kv.nets.dense_encoder(seen.shape[1:], latent_dim, hidden, activation="silu")
    encoder = keras.Model(x, read(seen), name="encoder")
    decoder = kv.nets.dense_decoder(image_shape, latent_dim, hidden[::-1], activation="silu")
    return Recipe(
        model=kv.PerceptualAutoencoder(
            encoder,
            decoder,
            kv.layers.Outlines(edges),
            likelihood="bernoulli",
            loss_weights={"reconstruction": reconstruction_weight},
            seed=seed,
        ),
        optimizer=cosine_adam(learning_rate),
        data="fashion_mnist",
        epochs=15,
        batch_size=100,
    )
