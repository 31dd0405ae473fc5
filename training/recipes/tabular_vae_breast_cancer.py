"""VAE of a table with missing numbers: scikit-learn's breast cancer table."""

from typing import Any

from keras_vae.training.recipes import Recipe, cosine_adam

DATA = "table:breast_cancer"


def recipe(
    latent_dim: int = 8,
    hidden: tuple[int, ...] = (),
    samples: int = 1,
    learning_rate: float = 1e-2,
    schema: Any = None,
    seed: int = 0,
) -> Recipe:
    """Train a VAE of a table, of which 20 % of the numbers are missing, to fill them in.

    For other tables and percentages, such as half of the numbers of wine: --data table:wine:50.

    Args:
        latent_dim: Dimension of the latent code.
        hidden: Widths of the encoder's layers; the decoder has them in reverse.
        samples: Codes of each row in training: 1 for the ELBO, more for the bound of MIWAE.
        learning_rate: Learning rate of Adam at the start; it falls to zero along half a cosine.
        schema: Columns of the table; those of the breast cancer table by default.
        seed: Seed of the weights and of the noise.
    """
    import keras_vae as kv
    from keras_vae.training.data.loading import load

    schema = schema or load(DATA).schema
    return Recipe(
        model=kv.tables.TabularVAE(schema, latent_dim, hidden, samples, seed=seed),
        optimizer=cosine_adam(learning_rate),
        data=DATA,
        epochs=60,
        batch_size=32,
    )
