"""Disentanglement metrics: single latent elements against single factors of variation."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.validation import arguments

VOTES_AT_ONCE = 100
SMALLEST_INFORMATION = 1e-12  # Nats; rounding errors of a constant are less.


def mig(codes: Any, factors: Any, bins: int = 20) -> float:
    """Return the mutual information gap (Chen et al. 2018, arXiv:1802.04942, equation 6).

    For each factor, take the two latent elements with the largest mutual information. The gap is
    their difference over the factor's entropy, and the metric is its mean over factors. Codes are
    cut into bins of equal width, so even perfect codes stay below 1 for factors with more values
    than bins. Locatello et al. 2019 use 10,000 examples.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> round(keras_vae.metrics.mig(factors + 0.0, factors), 1)  # each code is one factor
        1.0

    Args:
        codes: Posterior means, `(count, latent elements)`, at least two elements.
        factors: Values of the factors, `(count, factors)`, integers.
        bins: Number of bins, at least 2.

    Raises:
        ValueError: If the shapes do not fit, a code is not finite, a factor is no integer or has
            one value only, or `bins` is less than 2.
        TypeError: If there are values that are not numbers.
    """
    bins = arguments.integer("bins", bins, 2)
    codes, factors = check_codes_and_factors(codes, factors)
    information, entropies = _information(codes, factors, bins)
    return float(np.mean(_gaps(information) / entropies))


def sap(codes: Any, factors: Any) -> float:
    """Return the separated attribute predictability (Kumar et al. 2018, arXiv:1711.00848).

    It is the regression form of section 3. The score of a latent element for a factor is the R^2
    of a line from one to the other, their squared correlation. For each factor, take the
    difference of the two largest scores. The metric is its mean over factors, from 0 to 1.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> round(keras_vae.metrics.sap(factors + 0.0, factors), 1)  # each code is one factor
        1.0

    Args:
        codes: Posterior means, `(count, latent elements)`, at least two elements. A constant
            element has score 0.
        factors: Values of the factors, `(count, factors)`, real numbers whose order has a meaning.

    Raises:
        ValueError: If the shapes do not fit, a number is not finite, or a factor has one value
            only.
        TypeError: If there are values that are not numbers.
    """
    codes, factors = check_codes_and_factors(codes, factors, integers=False)
    return float(np.mean(_gaps(np.square(correlations(codes, factors)))))


def modularity(codes: Any, factors: Any, bins: int = 20) -> float:
    """Return the modularity of codes (Ridgeway & Mozer 2018, arXiv:1802.05312, section 3).

    A latent element is modular if it has information about one factor only. Let m be its mutual
    information with each of F factors, and t the largest. The modularity of the element is
    1 - (sum(m^2) - t^2) / (t^2 (F - 1)), from 0 to 1. The metric is the mean over latent elements.
    Elements without any information count 0, as in Locatello et al. 2019. Elements of noise know
    some factor best by chance, so they score far above 0. Remove the columns of unused ones.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> round(keras_vae.metrics.modularity(factors + 0.0, factors), 1)
        1.0

    Args:
        codes: Posterior means, `(count, latent elements)`, at least two elements.
        factors: Values of the factors, `(count, factors)`, integers, at least two factors.
        bins: Number of bins of equal width, at least 2, into which codes are cut.

    Raises:
        ValueError: As `mig`, or if there is one factor only.
        TypeError: If there are values that are not numbers.
    """
    bins = arguments.integer("bins", bins, 2)
    codes, factors = check_codes_and_factors(codes, factors, least_factors=2)
    squares = np.square(_information(codes, factors, bins)[0])
    largest = squares.max(axis=1)
    known = largest > SMALLEST_INFORMATION**2
    rest = (squares.sum(axis=1) - largest)[known] / (largest[known] * (squares.shape[1] - 1))
    return float(np.sum(1.0 - rest) / len(largest))


def factor_vae_score(
    codes_of: Callable[[np.ndarray], Any],
    factor_sizes: Sequence[int],
    seed: int = 0,
    votes: int = 10_000,
    test_votes: int = 5_000,
    batch_size: int = 64,
    variance_examples: int = 10_000,
) -> float:
    """Return the FactorVAE score (Kim & Mnih 2018, arXiv:1802.05983, section 4).

    It is the accuracy of a majority vote classifier. For each vote, fix one factor and sample the
    others for a batch. The vote is the latent element with the smallest variance relative to its
    variance over all data. Elements with a standard deviation below 0.05 are ignored. The defaults
    are those of Locatello et al. 2019, and need about a million codes.

    Example:
        >>> keras_vae.metrics.factor_vae_score(lambda factors: factors + 0.0, factor_sizes=(4, 5))
        1.0

    Args:
        codes_of: From factor values, integers `(count, factors)`, to codes `(count, elements)`.
            Indexing a table of all codes is fastest.
        factor_sizes: Number of values of each factor; a factor of one value is never fixed.
        seed: Seed of the random choices.
        votes: Votes from which the classifier is made.
        test_votes: Votes on which its accuracy is measured.
        batch_size: Examples of a vote.
        variance_examples: Examples that give the variances over all data.

    Returns:
        Between 0 and 1; 0 if all latent elements are ignored.

    Raises:
        ValueError: If no factor has two values, a number is too small, or codes have another shape
            or are not finite.
        TypeError: If `codes_of` is no function, or a number is no integer.
    """
    sizes = np.asarray(arguments.sizes("factor_sizes", factor_sizes))
    votes = arguments.integer("votes", votes)
    test_votes = arguments.integer("test_votes", test_votes)
    batch_size = arguments.integer("batch_size", batch_size, 2)
    variance_examples = arguments.integer("variance_examples", variance_examples, 2)
    if not np.any(sizes > 1):
        raise UsageError(
            "Expected factor_sizes with a factor of at least two values. "
            f"Received: {tuple(sizes.tolist())}."
        )
    generator = np.random.default_rng(arguments.seed(seed))
    sampled = _codes(codes_of, generator.integers(0, sizes, (variance_examples, len(sizes))))
    scales = np.std(sampled, axis=0, dtype="float64", ddof=1)
    if not np.any(scales >= 0.05):
        return 0.0
    table, test = (
        _votes(codes_of, sizes, scales, count, batch_size, generator)
        for count in (votes, test_votes)
    )
    right = test[np.argmax(table, axis=0), np.arange(test.shape[1])]
    return float(right.sum() / test_votes)


def _votes(
    codes_of: Callable[[np.ndarray], Any],
    sizes: np.ndarray,
    scales: np.ndarray,
    count: int,
    batch_size: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Count the votes of each latent element for each factor, `(factors, elements)`."""
    table = np.zeros((len(sizes), len(scales)), int)
    for start in range(0, count, VOTES_AT_ONCE):
        size = min(VOTES_AT_ONCE, count - start)
        fixed = generator.choice(np.flatnonzero(sizes > 1), size)
        factors = generator.integers(0, sizes, (size, batch_size, len(sizes)))
        rows = np.arange(size)
        factors[rows, :, fixed] = factors[rows, :1, fixed]
        codes = _codes(codes_of, factors.reshape(-1, len(sizes)))
        spread = np.std(codes.reshape(size, batch_size, -1), axis=1, ddof=1)
        relative = np.where(scales >= 0.05, spread / np.maximum(scales, 0.05), np.inf)
        np.add.at(table, (fixed, np.argmin(relative, axis=1)), 1)
    return table


def _codes(codes_of: Callable[[np.ndarray], Any], factors: np.ndarray) -> np.ndarray:
    """Return the codes of factor values, float64 `(count, elements)`."""
    if not callable(codes_of):
        raise UsageTypeError(
            "Expected codes_of to be a function from factor values to codes. Received: "
            f"{type(codes_of).__name__}."
        )
    codes = arguments.array("codes", codes_of(factors)).astype("float64")
    if codes.ndim != 2 or len(codes) != len(factors):
        raise UsageError(
            f"Expected codes_of to give ({len(factors)}, elements) for as many factor values. "
            f"Received: shape {codes.shape}."
        )
    return codes


def correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the correlations of columns, `(columns of x, columns of y)`; 0 for constant ones."""

    def unit(values: np.ndarray) -> np.ndarray:
        centered = values - values.mean(axis=0, dtype="float64")
        norms = np.linalg.norm(centered, axis=0)
        varies = (norms > 0) & (np.ptp(values, axis=0) > 0)
        return np.divide(centered, norms, out=np.zeros_like(centered), where=varies)

    return unit(x).T @ unit(y)


def _gaps(scores: np.ndarray) -> np.ndarray:
    """Return the difference of the two largest scores, `(elements, factors)`, of each factor."""
    second, first = np.sort(scores, axis=0)[-2:]
    return first - second


def _information(
    codes: np.ndarray, factors: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return mutual information `(elements, factors)` and entropies of factors, in nats."""
    binned = [_cut_into_bins(column, bins) for column in codes.T]
    values = [np.unique(factor, return_inverse=True)[1] for factor in factors.T]
    information = [[_mutual_information(code, value) for value in values] for code in binned]
    return np.array(information), np.array([_mutual_information(v, v) for v in values])


def _cut_into_bins(column: np.ndarray, bins: int) -> np.ndarray:
    edges = np.histogram_bin_edges(column, bins)
    return np.digitize(column, edges[1:-1])


def _mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mutual information of two integer arrays, in nats."""
    joint = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(joint, (a, b), 1.0 / len(a))
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    held = joint > 0
    return float(np.sum(joint[held] * np.log(joint[held] / independent[held])))


def check_codes_and_factors(
    codes: Any, factors: Any, least_factors: int = 1, integers: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return codes and factors as arrays.

    Args:
        codes: `(count, latent elements)`, at least two elements.
        factors: `(count, factors)`.
        least_factors: Smallest number of factors.
        integers: Whether fractions as factors are refused.

    Raises:
        ValueError: If the shapes do not fit, a number is not finite or a fraction, or a factor has
            one value only.
        TypeError: If there are values that are not numbers.
    """
    codes, factors = arguments.array("codes", codes), arguments.array("factors", factors)
    codes, factors = (x.astype("int64") if x.dtype == bool else x for x in (codes, factors))
    fits = codes.ndim == factors.ndim == 2 and len(codes) == len(factors)
    if not fits or codes.shape[1] < 2 or not factors.shape[1]:
        raise UsageError(
            "Expected codes (count, latent elements) with at least two elements, and factors "
            f"(count, factors). Received: shapes {codes.shape} and {factors.shape}."
        )
    if factors.shape[1] < least_factors:
        raise UsageError(
            f"Expected factors (count, factors) of at least {least_factors} factors. Received: "
            f"shape {factors.shape}."
        )
    if integers and (factors != np.round(factors)).any():
        raise UsageError("Expected factors of integers. Received: fractions. (Cut them into bins.)")
    refuse_constant(factors)
    return codes, factors


def refuse_constant(factors: np.ndarray, where: str = "") -> None:
    """Raise ValueError if there is a factor of one value only, or none at all."""
    constant = np.flatnonzero(np.ptp(factors, axis=0) == 0) if len(factors) else range(1)
    if len(constant):
        raise UsageError(
            f"Expected factors that vary{where}. Received: one value only in column(s) "
            f"{list(map(int, constant))} (leave them out)."
        )
