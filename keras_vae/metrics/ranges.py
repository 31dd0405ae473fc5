"""Metrics of the detection of anomalous ranges in series, from a label of each time step."""

from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.validation import arguments


def vus_pr(labels: Any, scores: Any, max_buffer: int) -> float:
    """Return the volume under the surface of precision and recall of ranges (VUS-PR).

    It needs no threshold, and forgives a detection a few steps beside an anomaly. For each buffer
    of l = 0, 1, ..., `max_buffer` steps, labels fall from 1 in an anomalous range to sqrt(1/2) at
    l // 2 steps from its ends, as sqrt(1 - distance / l). Let y be these labels, P the mean of the
    sums of y and of `labels`, and f the steps with a score of at least a threshold:

        precision = sum(y f) / sum(f)
        recall = min(sum(y f) / P, 1) * share of the ranges of y > 0 with a step in f

    The area of a buffer is the sum over all thresholds of precision times gain in recall, as in
    average precision. The result is the mean over the buffers. A constant score gets about the
    share of anomalous steps, and a perfect one 1 only at `max_buffer=0`.

    Source: Paparrizos et al. 2022, "Volume Under the Surface", VLDB 15(11), equations 14 to 16.
    The paper has trapezoids and 250 thresholds. Trapezoids give a constant score more than 0.5,
    so here, as in the authors' later TSB-AD, areas are sums of steps, and of all thresholds.

    Example:
        >>> labels = [0, 0, 1, 1, 0, 0, 0, 0]
        >>> keras_vae.metrics.vus_pr(labels, [0, 0, 0, 9, 0, 0, 0, 0], max_buffer=0)
        0.625

    Args:
        labels: 1 or True for anomalous time steps, `(time,)`.
        scores: Anomaly scores, `(time,)`, higher for more unusual steps. They may be infinite.
        max_buffer: Largest buffer, in steps. The paper suggests the length of a usual pattern.

    Returns:
        A number from 0 to 1, higher for better scores.

    Raises:
        ValueError: If shapes differ, a label is not 0 or 1, all labels are the same, a score is
            NaN, or the buffer is negative.
        TypeError: If they are not real numbers, or the buffer is no integer.
    """
    truth = _both_classes(labels)
    scores = arguments.array("scores", scores, finite=False).astype("float64")
    scores = _like_labels("scores", scores, truth)
    if np.isnan(scores).any():
        raise UsageError(
            f"Expected scores without NaN. Received: {int(np.isnan(scores).sum())} NaN. (Leave "
            "out steps in no window, from labels too: labels[~numpy.isnan(scores)].)"
        )
    buffers = range(arguments.integer("max_buffer", max_buffer, 0) + 1)
    order = np.argsort(-scores, kind="stable")
    sorted_scores = scores[order]
    last = np.flatnonzero(np.append(sorted_scores[1:] != sorted_scores[:-1], True))
    areas = [_area(truth, _soften(truth, buffer), scores, order, last) for buffer in buffers]
    return float(np.mean(areas))


def point_adjusted_f1_at_k(labels: Any, flagged: Any, k: float | None = None) -> float:
    """Return the F1 score of time steps after point adjustment at K percent (PA%K).

    If more than K percent of the steps of an anomalous range are flagged, all of them count as
    flagged. Then F1 is that of time steps. K = 100 adjusts nothing. K = 0 is plain point
    adjustment, where one flagged step finds a whole range: it gives random flags a high F1. The
    area over K has no such choice.

    Source: Kim et al. 2022, "Towards a Rigorous Evaluation of Time-series Anomaly Detection"
    (arXiv:2109.05257), section 4.

    Example:
        >>> labels, flagged = [0, 1, 1, 1, 1, 0], [0, 1, 0, 0, 0, 0]
        >>> keras_vae.metrics.point_adjusted_f1_at_k(labels, flagged, k=0)
        1.0
        >>> round(keras_vae.metrics.point_adjusted_f1_at_k(labels, flagged), 2)
        0.55

    Args:
        labels: 1 or True for anomalous time steps, `(time,)`.
        flagged: 1 or True for steps that the detector flags, `(time,)`.
        k: Percentage, from 0 to 100; None for the mean over all K, exactly.

    Returns:
        A number from 0 to 1, higher for better decisions.

    Raises:
        ValueError: If shapes differ, a value is not 0 or 1, all labels are the same, or `k` is
            out of range.
        TypeError: If they are not real numbers.
    """
    truth = _both_classes(labels)
    flags = _like_labels("flagged", _zeros_and_ones("flagged", flagged), truth)
    starts, stops = ends(truth)
    sizes, found = stops - starts, _counts(flags, starts, stops)
    false = int((flags & ~truth).sum())
    if k is not None:
        percentage = arguments.real("k", k, 0.0)
        if percentage > 100.0:
            raise UsageError(f"Expected k of at most 100, a percentage. Received: k={k!r}.")
        return _adjusted_f1(sizes, found, false, percentage / 100)
    edges = np.unique([0.0, *(found / sizes), 1.0])  # F1 is constant between them.
    values = [_adjusted_f1(sizes, found, false, low) for low in edges[:-1]]
    return float(np.sum(values * np.diff(edges)))


def range_precision(labels: Any, flagged: Any) -> float:
    """Return the range-based precision: the mean over flagged ranges of their anomalous share.

    Each flagged range counts the same, however long it is. The bias is flat, and the factor of
    cardinality is 1. Without a flagged step, the precision is 0.

    Source: Tatbul et al. 2018, "Precision and Recall for Time Series" (arXiv:1803.03639),
    section 4.2.

    Example:
        >>> keras_vae.metrics.range_precision([0, 1, 1, 0, 0, 0], [0, 0, 1, 1, 0, 1])
        0.25

    Args:
        labels: 1 or True for anomalous time steps, `(time,)`.
        flagged: 1 or True for steps that the detector flags, `(time,)`.

    Returns:
        A number from 0 to 1.

    Raises:
        ValueError: If shapes differ, a value is not 0 or 1, or all labels are the same.
        TypeError: If they are not real numbers.
    """
    truth = _both_classes(labels)
    flags = _like_labels("flagged", _zeros_and_ones("flagged", flagged), truth)
    return float(_shares(flags, truth).mean()) if flags.any() else 0.0


def range_recall(labels: Any, flagged: Any, existence: float = 0.0) -> float:
    """Return the range-based recall: the mean over anomalous ranges of their flagged share.

    With `existence`, a part of the reward is for one flagged step of a range. The bias is flat,
    and the factor of cardinality is 1.

        recall = mean over ranges of [ existence * (any step flagged) + (1 - existence) * share ]

    Source: Tatbul et al. 2018, "Precision and Recall for Time Series" (arXiv:1803.03639),
    section 4.1, where `existence` is alpha.

    Example:
        >>> labels, flagged = [0, 1, 1, 0, 1, 0], [0, 0, 1, 1, 0, 0]
        >>> keras_vae.metrics.range_recall(labels, flagged)
        0.25
        >>> keras_vae.metrics.range_recall(labels, flagged, existence=1.0)
        0.5

    Args:
        labels: 1 or True for anomalous time steps, `(time,)`.
        flagged: 1 or True for steps that the detector flags, `(time,)`.
        existence: Weight of the reward for a range that is found at all, from 0 to 1.

    Returns:
        A number from 0 to 1.

    Raises:
        ValueError: If shapes differ, a value is not 0 or 1, all labels are the same, or
            `existence` is out of range.
        TypeError: If they are not real numbers.
    """
    truth = _both_classes(labels)
    flags = _like_labels("flagged", _zeros_and_ones("flagged", flagged), truth)
    weight = arguments.fraction("existence", existence)
    shares = _shares(truth, flags)
    return float(np.mean(weight * (shares > 0) + (1 - weight) * shares))


def range_f1(labels: Any, flagged: Any, existence: float = 0.0) -> float:
    """Return the harmonic mean of `range_precision` and `range_recall`, 0 if both are 0.

    Arguments, source and errors are those of `range_recall`.

    Example:
        >>> keras_vae.metrics.range_f1([0, 1, 1, 0, 0, 0], [0, 0, 1, 1, 0, 0])
        0.5
    """
    precision = range_precision(labels, flagged)
    recall = range_recall(labels, flagged, existence)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def ends(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first index of each range of True, and the one after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return edges[::2], edges[1::2]


def _area(
    truth: np.ndarray, soft: np.ndarray, scores: np.ndarray, order: np.ndarray, last: np.ndarray
) -> float:
    """Return the sum over thresholds of precision times gain in recall, for soft labels.

    Args:
        truth: The labels, bool `(time,)`.
        soft: Labels with a buffer, `(time,)`.
        scores: float64 `(time,)`.
        order: Indices of the scores in falling order.
        last: The last place in this order of each score that differs from others.
    """
    true = np.cumsum(soft[order])[last]
    starts, stops = ends(soft > 0)
    places = np.stack([starts, stops], axis=1).ravel()
    highest = np.maximum.reduceat(np.append(scores, -np.inf), places)[::2]
    existing = np.searchsorted(np.sort(-highest), -scores[order][last], "right")
    recall = np.minimum(true / ((soft.sum() + truth.sum()) / 2), 1.0) * existing / len(starts)
    return float(np.sum(np.diff(recall, prepend=0.0) * true / (last + 1)))


def _soften(truth: np.ndarray, buffer: int) -> np.ndarray:
    """Return labels that fall on both sides of each range, float64 `(time,)`."""
    soft = truth.astype("float64")
    starts, stops = ends(truth)
    for distance in range(1, buffer // 2 + 1):
        weight = np.sqrt(1 - distance / buffer)
        before, after = starts - distance, stops - 1 + distance
        soft[before[before >= 0]] += weight
        soft[after[after < len(truth)]] += weight
    return np.minimum(soft, 1.0)


def _adjusted_f1(sizes: np.ndarray, found: np.ndarray, false: int, share: float) -> float:
    """Return F1 after all ranges count as found of which more than `share` is."""
    true = np.where(found / sizes > share, sizes, found).sum()
    return float(2 * true / (true + false + sizes.sum()))


def _shares(ranges: np.ndarray, covering: np.ndarray) -> np.ndarray:
    """Return which share of each range of True is also True in the other array."""
    starts, stops = ends(ranges)
    return _counts(covering, starts, stops) / (stops - starts)


def _counts(flags: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    sums = np.concatenate([[0], np.cumsum(flags)])
    return sums[stops] - sums[starts]


def _both_classes(labels: Any) -> np.ndarray:
    truth = _zeros_and_ones("labels", labels)
    if truth.all() or not truth.any():
        raise UsageError(
            "Expected labels of normal and of anomalous steps. Received: "
            f"{len(truth)} labels, all {'1' if truth.any() else '0'}."
        )
    return truth


def _zeros_and_ones(name: str, values: Any) -> np.ndarray:
    found = arguments.array(name, values)
    if found.ndim != 1 or not len(found):
        raise UsageError(
            f"Expected {name} of shape (time,), one for each step. Received: shape {found.shape}."
        )
    if not np.isin(found, (0, 1)).all():
        raise UsageError(
            f"Expected {name} of 0 and 1, or of False and True. Received: "
            f"{np.setdiff1d(found, (0, 1))[:4].tolist()}. (For scores: scores > threshold.)"
        )
    return found.astype(bool)


def _like_labels(name: str, values: np.ndarray, truth: np.ndarray) -> np.ndarray:
    if values.shape != truth.shape:
        raise UsageError(
            f"Expected {name} of shape {truth.shape}, as labels. Received: shape {values.shape}."
        )
    return values
