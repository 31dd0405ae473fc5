"""Importance-weighted bounds on log p(x), from samples of the posterior, in float64."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.acceleration.batching import CompiledFunction, default_batch_size, padded_batches
from keras_vae.distributions import Distribution
from keras_vae.errors import UsageTypeError
from keras_vae.estimators.numerics import log_mean_exp
from keras_vae.typing import LatentModel, Tensor
from keras_vae.validation import arguments, containers, data_checks, value_checks
from keras_vae.validation.examples import as_arrays_of

# Largest count of noise values in a call, and of log weights kept for a batch.
NOISE_PER_CHUNK = 2**21
WEIGHTS_PER_BATCH = 50_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class Likelihood:
    """Results of one pass over the samples; all arrays are float64, in nats, one for each example.

    Example:
        >>> result = keras_vae.estimators.measure_likelihood(model, test, samples=(1, 10))
        >>> nll = -result.bounds[10].mean()  # nats

    Attributes:
        elbo: The evidence lower bound, the mean log weight.
        bounds: The importance-weighted bound for each requested number of samples. A smaller number
            uses the first of the same samples.
        standard_error: Monte Carlo error of the last bound, by the delta method. One sample says
            nothing about it: NaN.
    """

    elbo: np.ndarray
    bounds: dict[int, np.ndarray]
    standard_error: np.ndarray


def log_likelihood(
    model: LatentModel,
    x: Any,
    samples: int = 5000,
    seed: int = 0,
    batch_size: int | None = None,
    return_standard_error: bool = False,
    verbose: int = 0,
) -> Any:
    """Estimate log p(x) by importance sampling (Burda et al. 2016, arXiv:1509.00519, equation 8).

    The estimate is log (1/S) sum_s p(x | z_s) p(z_s) / q(z_s | x) with z_s from q(z | x). In
    expectation it is a lower bound on log p(x) that rises with the number of samples S. The noise
    of sample s of example i depends only on `(seed, i, s)`. A result therefore does not depend on
    the batch size, and more samples extend fewer samples.

    Example:
        >>> nll = -keras_vae.estimators.log_likelihood(model, test, samples=100).mean()

    Args:
        model: A built model with `posterior(x)`, `prior(z)` and `observation(z)`. The posterior
            must have `from_noise`.
        x: Examples, `(count, *event_shape)`, in the support of the likelihood. For a model with
            several inputs a list or dictionary of arrays, whose first is observed.
        samples: S; the papers use 5000.
        seed: Seed of the noise, any integer; its lowest 64 bits count.
        batch_size: Examples at a time; chosen by the size of an example if None.
        return_standard_error: Also return the Monte Carlo standard error of each estimate; NaN for
            one sample.
        verbose: 1 for a progress bar.

    Returns:
        float64 `(count,)`, in nats; with `return_standard_error` a pair of such arrays.

    Raises:
        ValueError: If a number is less than 1, the examples do not fit the model, or its answers
            are NaN since its training diverged.
        TypeError: If the model has no latent distribution or its posterior takes no noise.
    """
    samples = arguments.integer("samples", samples)
    return_standard_error = arguments.flag("return_standard_error", return_standard_error)
    measured = measure_likelihood(model, x, (samples,), seed, batch_size, verbose)
    estimate = measured.bounds[samples]
    return (estimate, measured.standard_error) if return_standard_error else estimate


def elbo(
    model: LatentModel,
    x: Any,
    samples: int = 100,
    seed: int = 0,
    batch_size: int | None = None,
    verbose: int = 0,
) -> np.ndarray:
    """Return the evidence lower bound of each example, `(count,)`, in nats.

    It is E_q[log p(x | z) + log p(z) - log q(z | x)], the mean over `samples`. Other arguments and
    errors are those of `log_likelihood`.

    Example:
        >>> keras_vae.estimators.elbo(model, test, samples=10).shape
        (32,)
    """
    samples = arguments.integer("samples", samples)
    return measure_likelihood(model, x, (samples,), seed, batch_size, verbose).elbo


def measure_likelihood(
    model: LatentModel,
    x: Any,
    samples: Sequence[int] = (1, 10, 100, 1000, 5000),
    seed: int = 0,
    batch_size: int | None = None,
    verbose: int = 0,
) -> Likelihood:
    """Return the bound for several numbers of samples, the ELBO and the error, in one pass.

    `samples` are several numbers. Other arguments and errors are those of `log_likelihood`.

    Example:
        >>> result = keras_vae.estimators.measure_likelihood(model, test, samples=(1, 10))
        >>> sorted(result.bounds), result.elbo.shape
        ([1, 10], (32,))
    """
    counts = _sort_counts(samples)
    parts = [
        (
            weights.mean(axis=1),
            [log_mean_exp(weights[:, :count]) for count in counts],
            _standard_error(weights),
        )
        for weights in log_weights(model, x, counts[-1], seed, batch_size, verbose)
    ]
    means, bounds, errors = zip(*parts, strict=True)
    curves = np.concatenate(bounds, axis=1)
    value_checks.refuse_nan(model, "log likelihoods", curves)
    return Likelihood(
        np.concatenate(means), dict(zip(counts, curves, strict=True)), np.concatenate(errors)
    )


def log_weights(
    model: LatentModel,
    x: Any,
    samples: int,
    seed: int = 0,
    batch_size: int | None = None,
    verbose: int = 0,
) -> Iterator[np.ndarray]:
    """Yield log p(x | z) p(z) / q(z | x) for z from q, a batch of examples at a time.

    Arguments and errors are those of `log_likelihood`.

    Yields:
        float64 `(batch, samples)`, in nats, in the order of the examples.

    Example:
        >>> [w.shape for w in keras_vae.estimators.log_weights(model, test, samples=10)]
        [(32, 10)]
    """
    x = as_arrays_of(model, x)
    data_checks.require_arrays("x", x)
    containers.refuse_masked("x", x)
    x = keras.tree.map_structure(np.asarray, x)
    samples, seed = (
        arguments.integer("samples", samples),
        arguments.integer("seed", seed, -math.inf),
    )
    batch_size = None if batch_size is None else arguments.integer("batch_size", batch_size)
    verbose = arguments.integer("verbose", verbose, 0)
    _check(model, x)
    count = len(keras.tree.flatten(x)[0])
    size = min(batch_size or _batch_size(model, samples), count)
    chunk = _chunk(size * int(np.prod(model.latent_shape)), samples)
    compute = CompiledFunction(model, lambda x, noise: _chunk_of_weights(model, x, noise))
    progress = keras.utils.Progbar(-(-count // size) * -(-samples // chunk), verbose=verbose)
    for batch, rows in padded_batches(x, size):
        chunks = []
        for noise in _noise(rows, size, model.latent_shape, samples, chunk, seed):
            chunks.append(compute.predict_on_batch((batch, noise)))
            progress.add(1)
        yield np.concatenate(chunks, axis=1)[: len(rows), :samples].astype("float64")


def _chunk_of_weights(model: LatentModel, x: Any, noise: Tensor) -> Tensor:
    """Return log weights `(batch, chunk)` of noise `(batch, chunk, *latent_shape)`."""
    q = model.posterior(x)
    if not isinstance(q, Distribution):
        raise UsageTypeError(
            "Expected a posterior that is a keras_vae.distributions.Distribution. "
            f"Received: {type(q).__name__}."
        )

    # A loop and not a batch of all samples: one sample of a batch keeps the processor busy, and
    # neither the examples nor the posterior have to be repeated.
    each = ops.map(lambda e: log_weight(model, x, q, e), ops.swapaxes(noise, 0, 1))
    return ops.transpose(each)


def log_weight(model: LatentModel, x: Tensor, q: Distribution, noise: Tensor) -> Tensor:
    """Return log p(x | z) p(z) / q(z | x) for one z of each example, made from `noise`, `(batch,)`.

    Args:
        model: As in `log_likelihood`.
        x: A batch of examples.
        q: Their posterior, `model.posterior(x)`.
        noise: Standard normals, `(batch, *latent_shape)`.
    """
    z, log_q = q.from_noise_with_log_prob(noise)
    p = model.observation(model.with_condition(z, x))
    target = ops.cast(keras.tree.flatten(x)[0], "float32")
    return p.log_prob(target) + model.prior(z).log_prob(z) - log_q


def _noise(
    rows: range, size: int, latent_shape: tuple, samples: int, chunk: int, seed: int
) -> Iterator[np.ndarray]:
    """Yield standard normals `(size, chunk, *latent_shape)`; each example has its own stream."""
    keys = [np.array([seed & (2**64 - 1), row], dtype=np.uint64) for row in rows]
    streams = [np.random.Generator(np.random.Philox(key=key)) for key in keys]
    for _ in range(0, samples, chunk):
        noise = np.zeros((size, chunk, *latent_shape), "float32")
        for stream, row in zip(streams, noise, strict=False):
            stream.standard_normal(dtype="float32", out=row)
        yield noise


def _standard_error(weights: np.ndarray) -> np.ndarray:
    """Return the error of log_mean_exp(weights) by the delta method: sd(w) / (mean(w) sqrt(S))."""
    if weights.shape[1] == 1:
        return np.full(len(weights), np.nan)
    scaled = np.exp(weights - weights.max(axis=1, keepdims=True))
    return scaled.std(axis=1) / (scaled.mean(axis=1) * np.sqrt(weights.shape[1]))


def _batch_size(model: LatentModel, samples: int) -> int:
    return max(min(default_batch_size(model.event_shape), WEIGHTS_PER_BATCH // samples), 1)


def _chunk(numbers_per_sample: int, samples: int) -> int:
    """Return the number of samples at a time, such that all chunks are nearly full."""
    most = max(NOISE_PER_CHUNK // numbers_per_sample, 8)
    return -(-samples // -(-samples // most))


def _sort_counts(samples: Sequence[int]) -> list[int]:
    several = isinstance(samples, Iterable) and not isinstance(samples, str | bytes)
    return sorted(set(arguments.sizes("samples", list(samples) if several else samples)))


def _check(model: LatentModel, x: Any) -> None:
    if not all(hasattr(model, noun) for noun in ("posterior", "prior", "observation")):
        raise UsageTypeError(
            "Expected a model with posterior(x), prior(z) and observation(z), such as "
            f"keras_vae.VAE. Received: {type(model).__name__}, which gives x no probability."
        )
    data_checks.check_batch(model, x)
