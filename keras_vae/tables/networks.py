"""Networks of tables with holes: an encoder that knows which columns it sees, and a decoder."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_vae.typing import Tensor

# What `FillGaps` puts in place of NaN. No standardized number of a table is this one.
MISSING = -1e4
# Smallest variance of a column given the code, in units of that of the column.
LEAST_VARIANCE = 1e-3
# Variance of a column given the code with which training starts, in the same units.
FIRST_VARIANCE = 0.3


@keras.saving.register_keras_serializable("keras_vae")
class GaussianExperts(layers.Layer):
    """The posterior of a factor model, given the columns that are known: a product of Gaussians.

    Each known column j says that v_j . z is near x_j - m_j, with the precision p_j. The product of
    these with the prior N(0, I) has the precision P = I + sum_j p_j v_j v_j^T. Its mean is
    P^-1 sum_j p_j (x_j - m_j) v_j. The outputs are this mean, and the logarithm of 1 / P_kk, the
    variance of the closest diagonal Gaussian. A missing column is left out of both sums.

    Args:
        latent_dim: Size of the code.
        **kwargs: Of `keras.layers.Layer`.
    """

    def __init__(self, latent_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.latent_dim = latent_dim

    def build(self, input_shape: Any) -> None:
        """Make v, m, and log p."""
        columns = input_shape[-1]
        self.loadings = self.add_weight(name="loadings", shape=(columns, self.latent_dim))
        self.center = self.add_weight(name="center", shape=(columns,), initializer="zeros")
        self.log_precision = self.add_weight(
            name="log_precision",
            shape=(columns,),
            initializer=keras.initializers.Constant(-np.log(FIRST_VARIANCE)),
        )

    def call(self, x: Tensor) -> list[Tensor]:
        """Return `[z_mean, z_log_var]`, each `(batch, latent_dim)`, for x with `MISSING`."""
        known = ops.cast(x != MISSING, "float32")
        weights = known * ops.exp(self.log_precision)
        size, columns = self.latent_dim, self.loadings.shape[0]
        pairs = self.loadings[:, :, None] * self.loadings[:, None, :]
        sums = ops.reshape(weights @ ops.reshape(pairs, (columns, -1)), (-1, size, size))
        evidence = (weights * (x - self.center)) @ self.loadings
        mean = ops.linalg.solve(sums + ops.eye(size, dtype="float32"), evidence[..., None])[..., 0]
        return [mean, -ops.log1p(weights @ ops.square(self.loadings))]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "latent_dim": self.latent_dim}


@keras.saving.register_keras_serializable("keras_vae")
class ColumnVariance(layers.Layer):
    """The log variance of each column, learned, the same for all rows.

    It is at least log(`LEAST_VARIANCE`), so that a column that the code gives exactly does not
    take all of it.
    """

    def build(self, input_shape: Any) -> None:
        """Make one number for each column."""
        first = keras.initializers.Constant(np.log(FIRST_VARIANCE))
        self.log_var = self.add_weight(name="log_var", shape=(input_shape[-1],), initializer=first)

    def call(self, x: Tensor) -> Tensor:
        """Return the log variances in the shape of `x`, `(batch, columns)`."""
        return ops.zeros_like(x) + ops.logaddexp(self.log_var, float(np.log(LEAST_VARIANCE)))


def table_networks(columns: int, latent_dim: int, decay: float) -> tuple[keras.Model, keras.Model]:
    """Return an encoder and a linear decoder of rows `(columns,)`, for `normal_per_element`.

    Args:
        columns: Number of columns.
        latent_dim: Size of the code.
        decay: Weight of the squared weights of the decoder in the loss.
    """
    x, z = keras.Input((columns,), name="x"), keras.Input((latent_dim,), name="z")
    encoder = keras.Model(x, GaussianExperts(latent_dim, name="experts")(x), name="encoder")
    shrink = keras.regularizers.L2(decay)
    mean = layers.Dense(columns, kernel_regularizer=shrink, name="linear")(z)
    return encoder, keras.Model(z, [mean, ColumnVariance()(mean)], name="decoder")


def start_at_principal_axes(encoder: keras.Model, decoder: keras.Model, x: np.ndarray) -> None:
    """Set the weights of both networks to the principal axes of rows with NaN for holes."""
    filled = np.nan_to_num(x)
    _, lengths, axes = np.linalg.svd(filled, full_matrices=False)
    experts, linear = encoder.get_layer("experts"), decoder.get_layer("linear")
    size = min(experts.latent_dim, len(lengths))
    kernel = np.array(linear.kernel)
    kernel[:size] = axes[:size] * lengths[:size, None] / np.sqrt(len(x))
    linear.kernel.assign(kernel)
    experts.loadings.assign(kernel.T)
