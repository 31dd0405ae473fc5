"""The mean and the deviation of each column given the known ones, by importance weights."""

from typing import Any

import numpy as np
from keras import ops

from keras_vae.acceleration.batching import map_batches
from keras_vae.losses.terms import repeat_rows
from keras_vae.models.vae import VAE
from keras_vae.typing import Tensor

# Values of one layer at a time.
VALUES = 1_000_000


def antithetic_noise(samples: int, size: int, seed: int) -> np.ndarray:
    """Return standard normals and their negatives, so that each mean is 0, `(samples, size)`."""
    half = np.random.default_rng(seed).standard_normal((-(-samples // 2), size))
    return np.concatenate([half, -half]).astype("float32")


def conditional_moments(model: VAE, x: np.ndarray, noise: np.ndarray) -> list[np.ndarray]:
    """Return mean and standard deviation of p(x | known values), each `(rows, columns)`.

    With z_s from q(z | known values) and the weights w_s = p(known values | z_s) p(z_s) / q(z_s),
    normalized to a sum of 1, the mean is sum_s w_s E[x | z_s] (Mattei & Frellsen 2019,
    arXiv:1812.02633, equation 12). The noise is the same for all rows, so a row does not depend on
    the others.

    Args:
        model: A VAE with the likelihood "normal_per_element" that fills gaps.
        x: Rows with NaN for gaps, `(rows, columns)`.
        noise: Standard normals, `(samples, latent_dim)`.
    """
    rows = max(VALUES // (len(noise) * max(x.shape[1], noise.shape[1])), 1)
    return map_batches(lambda batch: _moments(model, batch, noise), x.astype("float32"), rows)


def _moments(model: VAE, x: Any, noise: np.ndarray) -> list[Tensor]:
    count = len(noise)
    # A tensor: arrays are checked for rows without any number, which have an answer here.
    x = ops.convert_to_tensor(x)
    q = repeat_rows(model.posterior(x), count)
    z, log_q = q.from_noise_with_log_prob(ops.tile(noise, (len(x), 1)))
    p: Any = model.observation(z)
    log_weights = p.log_prob(ops.repeat(x, count, axis=0)) + model.prior(z).log_prob(z) - log_q
    weights = ops.softmax(ops.reshape(log_weights, (-1, 1, count)))
    mean = weights @ _by_row(p.mean, count)
    squares = _by_row(ops.exp(p.density.log_var) + ops.square(p.mean), count)
    variance = weights @ squares - ops.square(mean)
    return [mean[:, 0], ops.sqrt(ops.maximum(variance[:, 0], 0.0))]


def _by_row(values: Tensor, count: int) -> Tensor:
    return ops.reshape(values, (-1, count, values.shape[-1]))
