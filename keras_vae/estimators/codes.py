"""What Gaussian codes carry about the data, measured on a set of examples.

The aggregate posterior q(z) is the mixture of q(z | x) over the given examples, so every number
here depends on them and on how many they are: mutual information is at most ln(count).
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_vae.distributions import Normal
from keras_vae.estimators.compiled import Compiled, default_batch_size, padded
from keras_vae.estimators.numerics import log_mean_exp

LOG_2PI = math.log(2.0 * math.pi)
# A latent unit is active if its posterior mean varies more than this (Burda et al. 2016).
ACTIVE_VARIANCE = 0.01
# Densities of pairs (code, example) computed at a time.
PAIRS = 5_000_000


def kl_per_dimension(model: Any, x: Any, batch_size: int | None = None) -> np.ndarray:
    """KL(q(z_j | x) || N(0, 1)) of each latent element, the mean over `x`, in nats.

    Args:
        model: A built model whose `posterior(x)` is a diagonal Gaussian.
        x: Examples, `(count, *event_shape)`.
        batch_size: Examples at a time.

    Returns:
        float64 `(latent elements,)`.

    Raises:
        TypeError: If the model has no posterior or another one.
    """
    mean, log_var = _codes(model, x, batch_size)
    return 0.5 * np.mean(np.exp(log_var) + np.square(mean) - 1.0 - log_var, axis=0)


def active_units(model: Any, x: Any, batch_size: int | None = None) -> int:
    """How many latent elements have Var_x(E[z | x]) > 0.01 (Burda et al. 2016, section 4.2).

    Arguments and errors are those of `kl_per_dimension`.
    """
    mean, _ = _codes(model, x, batch_size)
    return int(np.sum(np.var(mean, axis=0) > ACTIVE_VARIANCE))


def mutual_information(
    model: Any, x: Any, samples: int = 1, seed: int = 0, batch_size: int | None = None
) -> float:
    """I(x; z) under q: the mean of log q(z | x) - log q(z), in nats, at most ln(count).

    Args:
        model: A built model whose `posterior(x)` is a diagonal Gaussian.
        x: Examples, `(count, *event_shape)`; time grows with the square of their number.
        samples: Codes for each example.
        seed: Of the codes.
        batch_size: Examples at a time in the encoder.

    Raises:
        ValueError: If `samples` is less than 1.
        TypeError: If the model has no posterior or another one.
    """
    mean, log_var = _codes(model, x, batch_size)
    total = 0.0
    for z, rows in _draws(mean, log_var, samples, seed):
        own = _log_normal(z, mean[rows], log_var[rows]).sum(axis=1)
        total += np.sum(own - log_mean_exp(_log_pairs(z, mean, log_var)))
    return total / (samples * len(mean))


def aggregate_kl(
    model: Any, x: Any, samples: int = 1, seed: int = 0, batch_size: int | None = None
) -> float:
    """KL(q(z) || N(0, I)) of the aggregate posterior, in nats: the mean KL less I(x; z).

    That is the identity of Hoffman & Johnson 2016, "ELBO surgery". Arguments and errors are those
    of `mutual_information`.
    """
    information = mutual_information(model, x, samples, seed, batch_size)
    return float(kl_per_dimension(model, x, batch_size).sum()) - information


def total_correlation(
    model: Any, x: Any, samples: int = 1, seed: int = 0, batch_size: int | None = None
) -> float:
    """KL(q(z) || prod_j q(z_j)): how far the latent elements are from independent, in nats.

    The term of beta-TC-VAE (Chen et al. 2018, arXiv:1802.04942, equation 2), with q(z) the mixture
    over all of `x` and not over a batch. Arguments and errors are those of `mutual_information`.
    """
    mean, log_var = _codes(model, x, batch_size)
    total = 0.0
    for z, _ in _draws(mean, log_var, samples, seed):
        total += log_mean_exp(_log_pairs(z, mean, log_var)).sum()
        for j in range(mean.shape[1]):
            pairs = _log_normal(z[:, j, None], mean[None, :, j], log_var[None, :, j])
            total -= log_mean_exp(pairs).sum()
    return total / (samples * len(mean))


def _codes(model: Any, x: Any, batch_size: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Means and log variances of q(z | x), float64 `(count, latent elements)`."""
    if not hasattr(model, "posterior"):
        raise TypeError(
            "Expected a model with a posterior, such as keras_vae.VAE. "
            f"Received: {type(model).__name__}, whose codes are not random."
        )
    x = np.asarray(x)
    size = min(batch_size or default_batch_size(x.shape[1:]), len(x))
    compute = Compiled(model, lambda x: _parameters(model.posterior(x)))
    parts = [
        compute.predict_on_batch((padded(x[start : start + size], size),))
        for start in range(0, len(x), size)
    ]
    both = (np.concatenate(part)[: len(x)] for part in zip(*parts, strict=True))
    mean, log_var = (part.reshape(len(x), -1).astype("float64") for part in both)
    return mean, log_var


def _parameters(q: Any) -> tuple:
    if type(q) is not Normal:
        raise TypeError(
            "Expected a posterior that is a keras_vae.distributions.Normal, for which this has a "
            f"closed form. Received: {type(q).__name__}."
        )
    return q.mean, q.log_var


def _draws(
    mean: np.ndarray, log_var: np.ndarray, samples: int, seed: int
) -> Iterator[tuple[np.ndarray, slice]]:
    """Codes from each posterior, and the rows they belong to, some rows at a time."""
    if samples < 1:
        raise ValueError(f"Expected samples of at least 1. Received: {samples!r}.")
    generator = np.random.default_rng(seed)
    rows_at_once = max(PAIRS // len(mean), 1)
    for _ in range(samples):
        for start in range(0, len(mean), rows_at_once):
            rows = slice(start, start + rows_at_once)
            noise = generator.standard_normal(mean[rows].shape)
            yield mean[rows] + np.exp(0.5 * log_var[rows]) * noise, rows


def _log_normal(z: np.ndarray, mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    return -0.5 * (np.square(z - mean) * np.exp(-log_var) + log_var + LOG_2PI)


def _log_pairs(z: np.ndarray, mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """Log of q(z_i | x_j), `(len(z), len(mean))`, by matrix products: the square multiplied out."""
    precision = np.exp(-log_var)
    constant = np.sum(np.square(mean) * precision + log_var + LOG_2PI, axis=1)
    return -0.5 * (np.square(z) @ precision.T - 2.0 * z @ (mean * precision).T + constant)
