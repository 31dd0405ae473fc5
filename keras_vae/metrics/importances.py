"""Disentanglement, completeness, and informativeness of codes, from importances of trees."""

from typing import Any

import numpy as np

from keras_vae.errors import MissingExtraError, UsageError
from keras_vae.metrics.disentanglement import check_codes_and_factors, refuse_constant
from keras_vae.validation import arguments

METHODS = ("forest", "boosting")


def dci(codes: Any, factors: Any, method: str = "forest", seed: int | None = 0) -> dict[str, float]:
    """Return disentanglement, completeness, and informativeness (Eastwood & Williams 2018, ICLR).

    For each factor, a classifier of scikit-learn learns its value from codes. Its importances of
    the latent elements give the first two, see `disentanglement_and_completeness`. Informativeness
    is the mean accuracy over factors, on a third of the rows that is held out. Locatello et al.
    2019 use "boosting" with 10,000 rows for training and 5,000 held out. It makes 100 trees for
    each value of a factor, so it takes minutes for many values.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (600, 2))
        >>> keras_vae.metrics.dci(factors + 0.0, factors)["informativeness"]
        1.0

    Args:
        codes: Posterior means, `(count, latent elements)`, at least two elements.
        factors: Values of the factors, `(count, factors)`, integers, at least two factors. Values
            are classes without an order.
        method: "forest", 100 trees that see all latent elements at each split, or "boosting",
            gradient boosting with the defaults of scikit-learn.
        seed: Seed of the rows held out and of the trees, below 2^32; None for other ones at each
            call.

    Returns:
        `disentanglement`, `completeness`, and `informativeness`, each from 0 to 1.

    Raises:
        ValueError: If the shapes do not fit, a code is not finite, a factor is no integer or has
            one value only, there are fewer than three rows, or an argument is out of range.
        TypeError: If there are values that are not numbers, or the seed is no integer.
        ImportError: If scikit-learn is not installed.
    """
    arguments.choice("method", method, METHODS)
    seed = arguments.seed(seed)
    codes, factors = check_codes_and_factors(codes, factors, least_factors=2)
    if len(codes) < 3:
        raise UsageError(f"Expected at least three rows of codes. Received: {len(codes)}.")
    order = np.random.default_rng(seed).permutation(len(codes))
    test, train = np.split(order, [len(codes) // 3])
    refuse_constant(factors[train], " in two thirds of the rows")
    importances, accuracies = [], []
    for factor in factors.T:
        classifier = _classifier(method, seed).fit(codes[train], factor[train])
        importances.append(classifier.feature_importances_)
        accuracies.append(classifier.score(codes[test], factor[test]))
    disentanglement, completeness = disentanglement_and_completeness(np.transpose(importances))
    return {
        "disentanglement": disentanglement,
        "completeness": completeness,
        "informativeness": float(np.mean(accuracies)),
    }


def disentanglement_and_completeness(importances: Any) -> tuple[float, float]:
    """Return disentanglement and completeness of importances (Eastwood & Williams 2018, section 2).

    The disentanglement of a latent element is 1 - H, the entropy of its importances over factors,
    as shares, in units of the logarithm of the number of factors. Elements are averaged with their
    sums of importances as weights. The completeness of a factor is 1 - H of its importances over
    latent elements, with their number. Factors are averaged with equal weights. A row or column
    without importance counts 0.

    Example:
        >>> keras_vae.metrics.disentanglement_and_completeness([[1, 0], [0, 1], [0, 0]])
        (1.0, 1.0)

    Args:
        importances: `(latent elements, factors)`, at least two of each, 0 or more, in any unit.

    Returns:
        Disentanglement and completeness, each from 0 to 1.

    Raises:
        ValueError: If the shape is another, or a number is negative, not finite, or none is
            positive.
        TypeError: If there are values that are not numbers.
    """
    importances = arguments.array("importances", importances).astype("float64")
    if importances.ndim != 2 or min(importances.shape) < 2:
        raise UsageError(
            "Expected importances (latent elements, factors), at least two of each. Received: "
            f"shape {importances.shape}."
        )
    if importances.min() < 0 or not importances.any():
        raise UsageError(
            "Expected importances of at least 0, and one above 0. Received: "
            f"{importances.min():g} to {importances.max():g}."
        )
    weights = importances.sum(axis=1) / importances.sum()
    disentanglement = np.sum(weights * _concentration(importances))
    return float(disentanglement), float(np.mean(_concentration(importances.T)))


def _concentration(rows: np.ndarray) -> np.ndarray:
    """Return 1 - H of each row as shares, 0 for equal ones, 1 for a single one."""
    sums = rows.sum(axis=1, keepdims=True)
    uniform = np.full_like(rows, 1.0 / rows.shape[1])
    shares = np.divide(rows, sums, out=uniform, where=sums > 0)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.clip(1.0 + np.sum(shares * logs, axis=1) / np.log(rows.shape[1]), 0.0, 1.0)


def _classifier(method: str, seed: int | None) -> Any:
    try:
        from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    except ImportError as error:
        raise MissingExtraError(
            "Expected scikit-learn, which grows the trees. Received: no such package. "
            '(pip install "keras-vae[samplers]")'
        ) from error
    if method == "boosting":
        return GradientBoostingClassifier(random_state=seed)
    # Trees that see few elements at a split would have to use those that know nothing.
    return RandomForestClassifier(max_features=None, random_state=seed)
