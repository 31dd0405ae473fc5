"""A likelihood for data, by what values they have."""

from collections.abc import Mapping
from typing import Any

import numpy as np

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
        ValueError: If there are no examples, or values that are not finite.
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
    values = values.astype("float64")
    if values.ndim < 2 or not values.size or not np.isfinite(values).all():
        raise UsageError(
            f"Expected x of finite numbers, of shape (count, *event). Received: {values.shape}"
            + (", with NaN or infinity." if values.size else ", without values.")
        )
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
    limit = f'Of counts out of {values.max():g}, take "beta_binomial_{values.max():g}".'
    if values.var(axis=0).mean() > OVERDISPERSED * values.mean():
        seen = "The values are counts that vary more than a Poisson distribution."
        return "negative_binomial", f"{seen} {limit}"
    return "poisson", f"The values are counts that vary as a Poisson distribution does. {limit}"


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
    centered = values - values.mean(axis=0)
    variance = np.square(centered).mean()
    if variance > 0.0 and np.mean(centered**4) > HEAVY * variance**2:
        return (
            "laplace",
            "There are outliers. Its scale is 1: divide the data by their mean absolute deviation.",
        )
    return "normal_learned_scale", "The values are real numbers, and their noise is learned."
