"""VAE of counts: the dark dots of scikit-learn's digits."""

from keras_vae.training.recipes import Recipe, cosine_adam


def recipe(
    latent_dim: int = 16,
    hidden: tuple[int, ...] = (128, 64),
    likelihood: str = "beta_binomial_16",
    beta: float = 1.0,
    learning_rate: float = 2e-3,
    shape: tuple[int, ...] = (64,),
    seed: int = 0,
) -> Recipe:
    """Train a VAE on counts: rows of 64 counts of dark dots, of scikit-learn's digits.

    Args:
        latent_dim: Dimension of the latent code.
        hidden: Widths of the encoder's layers; the decoder mirrors them.
        likelihood: Name of p(x | z), such as beta_binomial_16, negative_binomial, or poisson.
        beta: Weight of the KL term.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        shape: Number of counts.
        seed: Seed of the weights and of the noise.
    """
    import keras_vae as kv

    heads = kv.distributions.get(likelihood).heads
    networks = kv.nets.dense(shape, latent_dim, hidden, heads=2, decoder_heads=heads)
    return Recipe(
        model=kv.VAE(*networks, likelihood=likelihood, beta=beta, seed=seed),
        optimizer=cosine_adam(learning_rate),
        data="digit_counts",
        epochs=60,
        batch_size=50,
    )
