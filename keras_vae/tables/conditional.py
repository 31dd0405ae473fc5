"""The mean and the deviation of each column given the known ones, by importance weights."""

from typing import Any, cast

import keras
import numpy as np
from keras import ops

from keras_vae.acceleration.batching import map_batches
from keras_vae.distributions import choices
from keras_vae.losses.terms import repeat_rows
from keras_vae.models.vae import VAE
from keras_vae.typing import Tensor

# Values of one layer at a time.
VALUES = 1_000_000


def antithetic_noise(samples: int, size: int, seed: int) -> np.ndarray:
    """Return standard normals and their negatives, so that each mean is 0, `(samples, size)`."""
    half = np.random.default_rng(seed).standard_normal((-(-samples // 2), size))
    return np.concatenate([half, -half]).astype("float32")


def conditional_moments(
    model: VAE, x: np.ndarray, noise: np.ndarray, verbose: Any = 0
) -> list[np.ndarray]:
    """Return mean and standard deviation of p(x | known values), each `(rows, columns)`.

    With z_s from q(z | known values) and the weights w_s = p(known values | z_s) p(z_s) / q(z_s),
    normalized to a sum of 1, the mean is sum_s w_s E[x | z_s] (Mattei & Frellsen 2019,
    arXiv:1812.02633, equation 12). The noise is the same for all rows, so a row does not depend on
    the others.

    Args:
        model: A VAE with the likelihood "normal_per_element" that fills gaps.
        x: Rows with NaN for gaps, `(rows, columns)`.
        noise: Standard normals, `(samples, latent_dim)`.
        verbose: As in `map_batches`.
    """
    rows, x = rows_at_once(len(noise), max(x.shape[1], noise.shape[1])), x.astype("float32")
    return map_batches(lambda batch: _moments(model, batch, noise), x, rows, verbose)


def weigh_codes(model: VAE, x: Tensor, noise: Tensor, count: int) -> tuple[Tensor, Any, Tensor]:
    """Return several codes z of each row, p(x | z) of them, and their weights.

    The weights are w = p(known values | z) p(z) / q(z), normalized to a sum of 1 over the codes of
    a row. If values mask themselves, p has the factor p(which are missing | known values, z).

    Args:
        model: A VAE that fills gaps.
        x: Rows with NaN for gaps, `(rows, columns)`.
        noise: Standard normals, `(rows * count, latent_dim)`, with the samples of a row together.
        count: Number of codes of each row.

    Returns:
        Codes `(rows * count, latent_dim)`, the distribution over `(rows * count, columns)`, and
        weights `(rows, count)`.
    """
    # A tensor: arrays are checked for rows without any number, which have an answer here.
    x = ops.convert_to_tensor(x)
    q = repeat_rows(model.posterior(x), count)
    z, log_q = q.from_noise_with_log_prob(noise)
    p: Any = model.observation(z)
    log_weights = p.log_prob(ops.repeat(x, count, axis=0)) + model.prior(z).log_prob(z) - log_q
    return z, p, ops.softmax(ops.reshape(log_weights, (-1, count)))


def rows_at_once(samples: int, columns: int) -> int:
    """Return the number of rows of a batch, for the number of codes of each row."""
    return max(VALUES // (samples * columns), 1)


def _moments(model: VAE, x: Any, noise: np.ndarray) -> list[Tensor]:
    count = len(noise)
    _, p, weights = weigh_codes(model, x, _for_each_row(noise, x), count)
    weights = weights[:, None]
    mean = weights @ _by_row(p.mean, count)
    squares = _by_row(ops.exp(p.density.log_var) + ops.square(p.mean), count)
    variance = weights @ squares - ops.square(mean)
    return [mean[:, 0], ops.sqrt(ops.maximum(variance[:, 0], 0.0))]


def _by_row(values: Tensor, count: int) -> Tensor:
    return ops.reshape(values, (-1, count, values.shape[-1]))


def expected_rows(model: VAE, x: np.ndarray, noise: np.ndarray, verbose: Any = 0) -> np.ndarray:
    """Return `expected_values` of any number of rows, in batches; `verbose` of `map_batches`."""
    family: Any = model.family
    rows = rows_at_once(len(noise), max(x.shape[1] * family.points, noise.shape[1]))
    size = min(rows, len(x))
    return map_batches(lambda batch: expected_values(model, batch, noise), x, size, verbose)


def expected_values(model: VAE, x: Tensor, noise: np.ndarray) -> Tensor:
    """Return E[x | known values] of a model with the likelihood `Mixed`, `(rows, columns)`.

    Categories are the most probable ones, see `Mixed.mean_of_mixtures`. The weights are those of
    `conditional_moments`, and so are the arguments.
    """
    _, p, weights = weigh_codes(model, x, _for_each_row(noise, x), len(noise))
    return p.density.mean_of_mixtures(weights)


def _for_each_row(noise: np.ndarray, x: Tensor) -> Tensor:
    """Return the noise of one row for each row, `(rows * samples, latent_dim)`."""
    return ops.tile(noise, (ops.shape(x)[0], 1))


def draw_rows(model: VAE, x: np.ndarray, samples: int, seed: Any, verbose: Any = 0) -> np.ndarray:
    """Return samples of p(x | known values), one for each row, `(rows, columns)`.

    A code is drawn from `samples` of them, by their weights (sampling importance resampling, Rubin
    1987), and x of p(x | z).

    Args:
        model: A VAE that fills gaps.
        x: Rows with NaN for gaps, `(rows, columns)`.
        samples: Number of codes of each row to draw from.
        seed: A `keras.random.SeedGenerator`.
        verbose: As in `map_batches`.
    """
    size, family = model.latent_shape[0], cast(Any, model.family)

    def draw(batch: np.ndarray) -> Tensor:
        noise = keras.random.normal((len(batch) * samples, size), dtype="float32", seed=seed)
        z, _, weights = weigh_codes(model, batch, noise, samples)
        uniform = keras.random.uniform((len(batch),), dtype="float32", seed=seed)
        chosen = choices.by_uniform(ops.log(weights), uniform)
        starts = ops.arange(len(batch), dtype="int32") * samples
        p: Any = model.observation(ops.take(z, starts + chosen, axis=0))
        return p.density.sample_missing(seed)

    values = max(x.shape[1] * family.points, size)
    return map_batches(draw, x, min(rows_at_once(samples, values), len(x)), verbose)
