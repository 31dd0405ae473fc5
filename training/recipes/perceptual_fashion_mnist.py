"""Perceptual autoencoder on Fashion-MNIST with latent codes for linear classification."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 32,
    hidden: tuple[int, ...] = (512, 256),
    edges: float = 3.0,
    reconstruction_weight: float = 0.02,
    learning_rate: float = 1e-3,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    seed: int = 0,
) -> Recipe:
    """Train a fully connected autoencoder of shades and edges on Fashion-MNIST.

    The inputs of encoder and objective are square roots of pixels, and edges averaged over squares
    of 4 x 4 pixels. A linear classifier is more accurate on these codes than on codes of pixels.

    Args:
        latent_dim: Dimension of the latent code.
        hidden: Widths of the encoder's layers; the decoder mirrors them.
        edges: Weight of edges relative to shades.
        reconstruction_weight: Weight of the pixels themselves.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        image_shape: Height, width, channels.
        seed: Seed of the weights and of the order of the images.
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
