"""Thresholds and p-values of anomaly scores, from the scores of held-out normal examples."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_vae.anomalies.tails import FEWEST_EXCESSES, fit_pareto
from keras_vae.errors import UsageError
from keras_vae.validation import arguments

# Rounding of (count + 1) * rate must not cost an example.
EXACT = 1e-9


@dataclasses.dataclass(frozen=True)
class Threshold:
    """A threshold: scores above `value` are anomalous.

    Example:
        >>> detector = keras_vae.AnomalyDetector(model)
        >>> detector.threshold = keras_vae.anomalies.Threshold(250.0)
        >>> detector.threshold.value
        250.0

    Attributes:
        value: In the unit of the score, finite; rounded to float32, the type of scores.
        method: "quantile", "false_positive_rate", "tail" or "given".
        asked: The requested quantile or rate; None for a given value.
        examples: Number of held-out examples behind it.

    Raises:
        ValueError: If a value is out of range or not finite in float32. An infinite threshold would
            decide the same for all scores.
        TypeError: If a value has another type.
    """

    value: float
    method: str = "given"
    asked: float | None = None
    examples: int = 0

    def __post_init__(self) -> None:
        """Round the value to float32, the type of the scores it is compared with."""
        value = _float32(arguments.real("threshold", self.value))
        if not math.isfinite(value):
            raise UsageError(
                f"Expected a threshold that float32 holds. Received: threshold={self.value!r}."
            )
        object.__setattr__(self, "value", value)
        arguments.choice("method", self.method, ("given", *METHODS))
        if self.asked is not None:
            object.__setattr__(self, "asked", arguments.fraction("asked", self.asked))
        object.__setattr__(self, "examples", arguments.integer("examples", self.examples, 0))


def quantile(scores: Any, fraction: float) -> Threshold:
    """Return the smallest score that at least this fraction of the scores does not exceed.

    Args:
        scores: Scores of held-out normal examples, `(count,)`.
        fraction: Above 0, at most 1.

    Raises:
        ValueError: If `fraction` is out of range, or the scores are none or not finite.
    """
    scores = _check_scores(scores)
    if not 0.0 < arguments.real("quantile", fraction) <= 1.0:
        raise UsageError(f"Expected a quantile above 0, at most 1. Received: {fraction!r}.")
    value = np.quantile(scores, fraction, method="inverted_cdf")
    return Threshold(float(value), "quantile", float(fraction), len(scores))


def false_positive_rate(scores: Any, rate: float, block_size: int = 1) -> Threshold:
    """Return a threshold with a guaranteed false positive rate (split conformal prediction).

    It is the k-th smallest score with k = ceil((1 - rate) (count + 1)). For any distribution of
    scores, a new normal example is called anomalous with a probability of at most `rate`. For
    scores without ties the probability is at least `rate - 1 / (count + 1)`. Both probabilities are
    over the held-out examples and the new one (Vovk et al. 2005; Lei et al. 2018, theorem 2.2).

    The guarantee holds for examples that are exchangeable, such as independent ones. Overlapping
    windows are not: the rate is then too high. With m blocks of neighbors, only the blocks must be
    exchangeable. A new example, from a random place in a new block, is called anomalous if
    (1 + sum over the blocks of the share of their scores that are not below its score) / (m + 1)
    is at most `rate` (hierarchical conformal prediction, Lee et al. 2023, arXiv:2306.06342).

    Args:
        scores: Scores of held-out normal examples that the model was not trained on, `(count,)`.
            With blocks, in their order in time.
        rate: The target, between 0 and 1.
        block_size: The number of neighbors that depend on each other, the least in a block. Blocks
            are as equal as they can be.

    Raises:
        ValueError: If `rate` is out of range, or there are fewer than 1 / rate - 1 blocks.
    """
    scores = _check_scores(scores)
    _check_rate("false_positive_rate", rate)
    size = arguments.integer("block_size", block_size)
    blocks = max(len(scores) // size, 1)
    # The largest sum of shares of a flagged example.
    largest = rate * (blocks + 1) - 1 + EXACT
    if largest < 0:
        kind = "examples" if size == 1 else f"blocks of at least {size} examples"
        raise UsageError(
            f"Expected at least {math.ceil(1 / rate - 1 - EXACT)} held-out {kind} for a false "
            f"positive rate of {rate:g}. Received: {blocks}. (Hold out more, ask for a higher "
            "rate, or extrapolate with tail=...)"
        )
    block = np.arange(len(scores)) * blocks // len(scores)
    shares = 1 / np.bincount(block)[block]
    order = np.argsort(-scores)
    value = scores[order[np.argmax(np.cumsum(shares[order]) > largest)]]
    return Threshold(float(value), "false_positive_rate", float(rate), len(scores))


def p_values(scores: Any, held_out: Any) -> np.ndarray:
    """Return conformal p-values: small for scores that normal examples rarely have.

    p = (1 + number of held-out scores that are not below the score) / (1 + count)

    For exchangeable normal examples, p is at most a with a probability of at most a, for each a.
    So p-values of different detectors have one scale, and an example counts -log p of at most
    log(1 + count). `keras_vae.point_scores` of -log p finds a weak fault next to a strong one.

    Source: Bates et al. 2023 (arXiv:2104.08279, equation 2).

    Example:
        >>> held_out = [0.1, 0.4, 0.2, 0.3]
        >>> keras_vae.anomalies.p_values([0.05, 0.3, 9.0], held_out)
        array([1. , 0.6, 0.2])

    Args:
        scores: Scores of new examples, of any shape; NaN has p NaN.
        held_out: Scores of held-out normal examples that the model was not trained on, `(count,)`.

    Returns:
        float64 of the shape of `scores`.

    Raises:
        ValueError: If the held-out scores are none or not finite.
    """
    scores = arguments.array("scores", scores, finite=False).astype("float64")
    known = np.sort(_check_scores(held_out, "held_out"))
    not_below = len(known) - np.searchsorted(known, scores, side="left")
    return np.where(np.isnan(scores), np.nan, (1 + not_below) / (1 + len(known)))


def tail(scores: Any, rate: float, level: float = 0.98) -> Threshold:
    """Return a threshold for a rate too small to observe, extrapolated by extreme value theory.

    Excesses over the quantile `level` nearly follow a generalized Pareto distribution (Pickands
    1975), whatever the distribution of scores. The threshold is where its tail reaches the rate
    (Siffer et al. 2017, "Anomaly detection in streams with extreme value theory", equation 1).

    Args:
        scores: Scores of held-out normal examples, `(count,)`.
        rate: The target, below 1 - `level`.
        level: The quantile above which the tail is fitted; at least 10 scores must be above it.

    Raises:
        ValueError: If `rate` or `level` is out of range, or too few scores are above the level.
    """
    scores = _check_scores(scores)
    _check_rate("tail", rate)
    if not 0.0 < arguments.real("level", level) < 1.0 or rate >= 1.0 - level:
        raise UsageError(
            f"Expected level between 0 and 1, and tail below 1 - level. Received: level={level!r}, "
            f"tail={rate!r}. (For rates that were seen use false_positive_rate=...)"
        )
    start = np.quantile(scores, level, method="inverted_cdf")
    excesses = scores[scores > start] - start
    if len(excesses) < FEWEST_EXCESSES:
        advice = "Hold out more, or lower level=..."
        if scores.min() == scores.max():
            advice = "All scores are equal, and have no tail: give quantile=..."
        raise UsageError(
            f"Expected at least {FEWEST_EXCESSES} held-out scores above the quantile {level:g}, "
            f"so about {math.ceil(FEWEST_EXCESSES / (1.0 - level) - EXACT)} examples. Received: "
            f"{len(excesses)} of {len(scores)}. ({advice})"
        )
    value = start + fit_pareto(excesses).excess(rate * len(scores) / len(excesses))
    return Threshold(float(value), "tail", float(rate), len(scores))


METHODS: dict[str, Callable[..., Threshold]] = {
    "quantile": quantile,
    "false_positive_rate": false_positive_rate,
    "tail": tail,
}


def _check_scores(scores: Any, name: str = "scores") -> np.ndarray:
    scores = arguments.array(name, scores, finite=False).astype("float64").ravel()
    if not len(scores) or not np.isfinite(scores).all():
        raise UsageError(
            f"Expected finite {name} of at least one held-out example. Received: "
            f"{len(scores)}, {int((~np.isfinite(scores)).sum())} of them NaN or infinite. (Look "
            "at the examples whose score is not finite: numpy.isfinite finds them.)"
        )
    return scores


def _check_rate(name: str, rate: float) -> None:
    if not 0.0 < arguments.real(name, rate) < 1.0:
        raise UsageError(f"Expected {name} between 0 and 1. Received: {rate!r}.")


def _float32(value: Any) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(value))
