"""A likelihood for data, by what values they have."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_vae.distributions.positive import SMALLEST
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.validation import data_checks, precision
from keras_vae.validation.containers import refuse_masked, refuse_not_dense
from keras_vae.validation.examples import as_arrays, first_input, sample_examples

EXAMPLES = 1000
OVERDISPERSED = 1.5  # Variance of counts over their mean; that of a Poisson distribution is 1.
_TOKENS = (
    " If they are tokens of sequences, such as words by number, give no likelihood: a model of "
    "sequences takes them with vocabulary_size={}."
)
_GAPS = " NaN are gaps, which preprocess=keras_vae.layers.FillGaps() lets a model take."
# Nats of each value by which a distribution of amounts has to be better than a Gaussian.
MARGIN = 0.05
HEAVY = 20.0  # Fourth moment in units of the variance squared; that of a Gaussian is 3.


def suggest(x: Any) -> tuple[str, str]:
    """Return the name of a likelihood that fits data, and the reason.

    It is a start: the guide to likelihoods says what to choose if your goal is a density.

    Example:
        >>> name, reason = keras_vae.distributions.suggest(images)
        >>> name
        'bernoulli'
        >>> model = keras_vae.ConvVAE((28, 28, 1), latent_dim=16, likelihood=name)

    Args:
        x: Data as for `fit`: an array `(count, *event)`, or a source of batches, of which some
            are read.

    Returns:
        A key of `FAMILIES`, and what was seen in at most 1,000 examples. Whole numbers in two axes
        may be counts or tokens. The key is that of counts, and the reason says how to model both.

    Raises:
        ValueError: If there are no examples, or infinite values, or no known ones. NaN are gaps.
        TypeError: If the values are not numbers.
    """
    refuse_not_dense("x", x)
    refuse_masked("x", x, gaps=True)
    x = as_arrays(x)
    if isinstance(x, list | tuple | Mapping):  # Such as (x, mask).
        data_checks.require_arrays("x", x)
        x = first_input(x)
    values = np.asarray(first_input(sample_examples(x, EXAMPLES, seed=0)))
    if values.dtype.kind not in "biuf":
        raise UsageTypeError(f"Expected x of numbers. Received: values of type {values.dtype}.")
    may_be_tokens = values.ndim == 2 and values.dtype.kind in "iu"
    values = values.astype("float64", order="C")
    if has_gaps := bool(np.isnan(values).any()) and values.ndim > 1:
        _fill_gaps(values)
    if values.ndim < 2 or not values.size or not np.isfinite(values).all():
        raise UsageError(
            f"Expected x of finite numbers, of shape (count, *event). Received: {values.shape}"
            + (", with NaN or infinity." if values.size else ", without values.")
        )
    name, reason = _of_numbers(values, may_be_tokens)
    return name, reason + (_GAPS if has_gaps else "")


def _fill_gaps(values: np.ndarray) -> None:
    """Put known values of the same element in place of NaN, which keeps their distribution."""
    known = values[~np.isnan(values)]
    columns = values.reshape(len(values), -1)  # A view, as values are contiguous.
    for place in np.flatnonzero(np.isnan(columns).any(axis=0)) if known.size else ():
        holes = np.isnan(columns[:, place])
        some = columns[~holes, place]
        columns[holes, place] = np.resize(some if some.size else known, holes.sum())


def _of_numbers(values: np.ndarray, may_be_tokens: bool) -> tuple[str, str]:
    if not np.array_equal(values, np.rint(values)):
        return _of_reals(values)
    name, reason = _of_levels(values)
    lost = values[precision.is_rounded(values)]
    if name in ("poisson", "negative_binomial") and lost.size:
        reason += f" Float32 does not hold all of them, such as {lost[0]:.0f}: divide them first."
    if may_be_tokens and values.min() >= 0.0 and values.max() > 1.0:
        reason += _TOKENS.format(int(values.max()) + 1)
    return name, reason


def _of_levels(values: Any) -> tuple[str, str]:
    """Choose for integers."""
    low, high = values.min(), values.max()
    if low == 0.0 and high == 1.0:
        if values.shape[-1] > 1 and (values.sum(axis=-1) == 1.0).all():
            return "categorical", "The last axis is one-hot."
        return "bernoulli", "All values are 0 or 1."
    if low >= 0.0 and high <= 255.0 and values.ndim >= 3:
        return "bernoulli", "The values look like 8-bit pixels: divide them by 255 first."
    if low >= 0.0:
        return _of_counts(values)
    return "normal_learned_scale", "The values are integers of both signs, like measurements."


def _of_counts(values: Any) -> tuple[str, str]:
    """Choose for counts, by their variance around the mean of each element."""
    trials = int(values.max())
    limit = f' Of counts out of {trials}, take "beta_binomial_{trials}".'
    if trials < 1 or precision.is_rounded(np.array([trials])).any():  # There is no such name.
        limit = ""
    if values.var(axis=0).mean() > OVERDISPERSED * values.mean():
        seen = "The values are counts that vary more than a Poisson distribution."
        return "negative_binomial", seen + limit
    return "poisson", f"The values are counts that vary as a Poisson distribution does.{limit}"


def _of_reals(values: Any) -> tuple[str, str]:
    """Choose for numbers with a fractional part."""
    if values.min() >= 0.0 and values.max() <= 1.0:
        if values.ndim < 3:
            return "normal_learned_scale", "The values are in [0, 1], and no pixels of images."
        kind = "color" if values.shape[-1] == 3 else "gray"
        return (
            "bernoulli",
            f"The values are {kind} levels in [0, 1]. For bits per dimension, take "
            '"discretized_logistic_mixture".',
        )
    if values.min() >= SMALLEST and (found := _of_amounts(values)):
        return found
    centered = values - values.mean(axis=0)
    variance = np.square(centered).mean()
    if variance > 0.0 and np.mean(centered**4) > HEAVY * variance**2:
        return (
            "laplace",
            "There are outliers. Its scale is 1: divide the data by their mean absolute deviation.",
        )
    return "normal_learned_scale", "The values are real numbers, and their noise is learned."


def _of_amounts(values: np.ndarray) -> tuple[str, str] | None:
    """Choose for numbers above 0 by the likelihood of each element; None for a Gaussian."""
    logs = np.log(values)
    mean, mean_log = values.mean(axis=0), logs.mean(axis=0)
    variance, variance_log = values.var(axis=0), logs.var(axis=0)
    varies = (variance > 0.0) & (variance_log > 0.0) & (np.log(mean) - mean_log > 1e-12)
    if not varies.any():
        return None
    mean, mean_log = mean[varies], mean_log[varies]
    # The largest mean log density of each distribution, in nats; that of gamma by Minka's start.
    normal = -0.5 * np.log(2.0 * np.pi * np.e * variance[varies])
    log_normal = -mean_log - 0.5 * np.log(2.0 * np.pi * np.e * variance_log[varies])
    gap = np.log(mean) - mean_log
    shape = (3.0 - gap + np.sqrt((gap - 3.0) ** 2 + 24.0 * gap)) / (12.0 * gap)
    log_gamma = np.vectorize(math.lgamma)(shape)
    gamma = (shape - 1.0) * mean_log - shape * (1.0 + np.log(mean / shape)) - log_gamma
    found = {"log_normal": log_normal.mean(), "gamma": gamma.mean()}
    best = max(found, key=lambda name: found[name])
    if found[best] < normal.mean() + MARGIN:
        return None
    other = "gamma" if best == "log_normal" else "log_normal"
    return best, f'The values are amounts above 0, with a long tail. Compare it with "{other}".'
