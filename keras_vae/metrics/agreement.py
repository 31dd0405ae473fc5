"""Agreement of the latent elements of several models, which needs no factors."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.metrics.disentanglement import correlations
from keras_vae.validation import arguments


def udr(codes_of_models: Sequence[Any], kls: Sequence[Any], threshold: float = 0.01) -> np.ndarray:
    """Return the unsupervised disentanglement ranking (Duan et al. 2020, arXiv:1905.12614).

    Train one model several times with other seeds. Elements that are disentangled are found again
    by the others, up to order and sign. Let R be the absolute Spearman correlations of the used
    elements of two models. The score of a pair is the mean of max^2 / sum over all columns and all
    rows of R. The score of a model is the median over its pairs, from 0 to 1. Higher is better.

    Example:
        >>> codes = np.random.default_rng(0).normal(size=(1000, 2))
        >>> scores = keras_vae.metrics.udr([codes, -codes[:, ::-1]], [[1.0, 2.0], [2.0, 1.0]])
        >>> scores.round(1)
        array([1., 1.])

    Args:
        codes_of_models: Posterior means of the same examples in the same order, for each of at
            least two models `(count, latent elements of its own)`.
        kls: Mean KL divergences of the latent elements from their prior, in nats, for each model
            `(latent elements,)`, see `keras_vae.estimators.kl_per_dimension`.
        threshold: Elements with a KL divergence up to this number, in nats, are left out. A model
            without others scores 0.

    Returns:
        The score of each model, float64 `(models,)`.

    Raises:
        ValueError: If the shapes do not fit, there are fewer than two models or two examples, or a
            number is not finite.
        TypeError: If an argument is no sequence, or there are values that are not numbers.
    """
    arguments.real("threshold", threshold)
    models = _used_codes(codes_of_models, kls, threshold)
    ranks = [_ranks(codes) for codes in models]
    scores = np.full((len(ranks), len(ranks)), np.nan)
    for i, one in enumerate(ranks):
        for j, other in enumerate(ranks[:i]):
            scores[i, j] = scores[j, i] = _score_of_pair(np.abs(correlations(one, other)))
    return np.nanmedian(scores, axis=1)


def _score_of_pair(correlation: np.ndarray) -> float:
    if not correlation.size:
        return 0.0
    strengths = [_strengths(correlation), _strengths(correlation.T)]
    return float(np.mean(np.concatenate(strengths)))


def _strengths(correlation: np.ndarray) -> np.ndarray:
    """Return max^2 / sum of each column, 0 for a column of zeros."""
    sums = correlation.sum(axis=0)
    squares = np.square(correlation.max(axis=0))
    return np.divide(squares, sums, out=np.zeros_like(sums), where=sums > 0)


def _ranks(codes: np.ndarray) -> np.ndarray:
    """Return the ranks of each column, the mean rank for equal values."""
    ranks = np.empty(codes.shape)
    for place, column in enumerate(codes.T):
        _, group, counts = np.unique(column, return_inverse=True, return_counts=True)
        ranks[:, place] = (np.cumsum(counts) - (counts - 1) / 2)[group]
    return ranks


def _used_codes(codes_of_models: Any, kls: Any, threshold: float) -> list[np.ndarray]:
    """Return the columns of each model with a KL divergence above the threshold."""
    for name, value in (("codes_of_models", codes_of_models), ("kls", kls)):
        if not arguments.is_list(value):
            raise UsageTypeError(
                f"Expected {name} to be a list of one array for each model. Received: "
                f"{type(value).__name__}."
            )
    models = [arguments.array("codes_of_models", codes) for codes in codes_of_models]
    divergences = [arguments.array("kls", kl) for kl in kls]
    shapes, kl_shapes = [codes.shape for codes in models], [kl.shape for kl in divergences]
    if len(models) < 2 or len(models) != len(divergences):
        raise UsageError(
            "Expected codes of at least two models, and KL divergences of each. Received: "
            f"{len(models)} and {len(divergences)}."
        )
    fits = all(
        len(shape) == 2 and shape[0] == shapes[0][0] >= 2 and shape[1:] == kl_shape
        for shape, kl_shape in zip(shapes, kl_shapes, strict=True)
    )
    if not fits:
        raise UsageError(
            "Expected codes (count, latent elements) of the same two or more examples, and KL "
            f"divergences (latent elements,). Received: shapes {shapes} and {kl_shapes}."
        )
    return [codes[:, kl > threshold] for codes, kl in zip(models, divergences, strict=True)]
