"""Metrics of anomalous ranges: values by hand, and loops over the definitions of the papers."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from keras_vae import metrics
from keras_vae.errors import KerasVAEError

RANDOM = np.random.default_rng(0)


def runs(flags):
    """Lists of the steps of each run of True, found one step at a time."""
    found = []
    for step in np.flatnonzero(flags):
        if found and found[-1][-1] == step - 1:
            found[-1].append(step)
        else:
            found.append([step])
    return found


def series(steps=60, ranges=4, digits=1):
    """Labels with ranges of random places, and scores with ties that tell a little."""
    labels = np.zeros(steps, int)
    for start in RANDOM.integers(0, steps - 6, ranges):
        labels[start : start + RANDOM.integers(1, 6)] = 1
    return labels, np.round(labels + RANDOM.normal(0, 1, steps), digits)


def vus_by_loops(labels, scores, max_buffer):
    """Equations 14 to 16 of Paparrizos et al., one buffer, threshold and step at a time."""
    areas = []
    for buffer in range(max_buffer + 1):
        soft = [float(label) for label in labels]
        for run in runs(labels):
            for step in range(len(labels)):
                distance = max(run[0] - step, step - run[-1])
                if 0 < distance <= buffer // 2:
                    soft[step] += (1 - distance / buffer) ** 0.5
        soft = [min(one, 1.0) for one in soft]
        positives = (sum(soft) + sum(labels)) / 2
        area = before = 0.0
        for threshold in sorted(set(scores), reverse=True):
            flags = [score >= threshold for score in scores]
            true = sum(one for one, flag in zip(soft, flags, strict=True) if flag)
            ranges = runs(np.array(soft) > 0)
            existing = sum(any(flags[step] for step in run) for run in ranges) / len(ranges)
            recall = min(true / positives, 1.0) * existing
            area += (recall - before) * true / sum(flags)
            before = recall
        areas.append(area)
    return sum(areas) / len(areas)


@pytest.mark.parametrize("max_buffer", [0, 1, 2, 7, 30])
def test_vus_pr_is_that_of_its_definition(max_buffer):
    for _ in range(4):
        labels, scores = series()
        found = metrics.vus_pr(labels, scores, max_buffer)
        assert found == pytest.approx(vus_by_loops(labels, scores, max_buffer), rel=1e-12)


def test_without_a_buffer_one_range_has_the_average_precision():
    labels = np.zeros(100, bool)
    labels[40:55] = True
    scores = np.round(labels + RANDOM.normal(0, 1, 100), 1)
    expected = average_precision_score(labels, scores)
    assert metrics.vus_pr(labels, scores, 0) == pytest.approx(expected, rel=1e-12)


def test_vus_pr_by_hand():
    """Buffer 2: labels 1, sqrt(1/2), 0, 0 about a range of one step at an end."""
    half = 0.5**0.5
    whole = 1 + half
    positives = (whole + 1) / 2
    first = 1 / positives
    expected = first + (1 - first) * whole / 4
    areas = [1.0, 1.0, expected]  # A buffer of 1 has no step of its own.
    found = metrics.vus_pr([True, False, False, False], [5.0, 1.0, 1.0, 1.0], 2)
    assert found == pytest.approx(np.mean(areas), rel=1e-12)


def test_vus_pr_of_a_constant_and_of_random_scores_is_about_the_share_of_anomalies():
    labels = np.zeros(4000, bool)
    labels[1000:1200] = labels[3000:3200] = True
    assert metrics.vus_pr(labels, np.zeros(4000), 0) == pytest.approx(0.1)
    assert metrics.vus_pr(labels, RANDOM.random(4000), 40) == pytest.approx(0.11, abs=0.02)
    assert metrics.vus_pr(labels, labels, 0) == 1.0


def test_a_detection_beside_the_range_counts_with_a_buffer_only():
    labels, late = np.zeros(200, bool), np.zeros(200)
    labels[100:110] = True
    late[110:120] = 1
    assert metrics.vus_pr(labels, late, 20) > 4 * metrics.vus_pr(labels, late, 0)


def test_infinite_scores_are_the_highest_and_the_lowest():
    labels, scores = series()
    other = scores.copy()
    other[scores == scores.max()], other[scores == scores.min()] = np.inf, -np.inf
    assert metrics.vus_pr(labels, other, 5) == metrics.vus_pr(labels, scores, 5)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16"])
def test_scores_of_whole_numbers_are_ranked_as_floats(dtype):
    labels, scores = series(digits=0)
    scores = np.clip(scores, 0, None).astype(dtype)
    expected = metrics.vus_pr(labels, scores.astype("float64"), 3)
    assert metrics.vus_pr(labels, scores, 3) == expected


def adjusted(labels, flagged, k):
    """Flags after point adjustment, one range at a time."""
    flags = np.array(flagged, bool)
    for run in runs(labels):
        if 100 * flags[run].sum() > k * len(run):
            flags[run] = True
    return flags


@pytest.mark.parametrize("k", [0, 20, 33.3, 50, 99, 100])
def test_point_adjusted_f1_is_that_of_adjusted_flags(k):
    for _ in range(5):
        labels, scores = series()
        flagged = scores > 0.8
        expected = f1_score(labels, adjusted(labels, flagged, k))
        assert metrics.point_adjusted_f1_at_k(labels, flagged, k) == pytest.approx(expected)


@pytest.mark.slow
def test_the_area_over_k_is_the_mean_over_a_fine_grid():
    labels, scores = series(steps=90)
    grid = np.arange(0.05, 100, 0.1)
    values = [f1_score(labels, adjusted(labels, scores > 0.5, k)) for k in grid]
    found = metrics.point_adjusted_f1_at_k(labels, scores > 0.5)
    assert found == pytest.approx(np.mean(values), abs=1e-3)


def test_plain_point_adjustment_praises_random_flags_and_others_do_not():
    labels = np.zeros(10_000, bool)
    labels[2000:2500] = labels[7000:7500] = True
    flagged = RANDOM.random(10_000) < 0.02
    assert metrics.point_adjusted_f1_at_k(labels, flagged, 0) > 0.8
    assert metrics.point_adjusted_f1_at_k(labels, flagged) < 0.1
    assert metrics.range_f1(labels, flagged) < 0.1


def test_range_scores_by_hand():
    labels = [0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1]
    flagged = [1, 1, 0, 1, 0, 0, 0, 0, 0, 1, 1]
    precision = (1 / 2 + 1 + 1 / 2) / 3
    recall = (2 / 4 + 0 + 1) / 3
    assert metrics.range_precision(labels, flagged) == pytest.approx(precision)
    assert metrics.range_recall(labels, flagged) == pytest.approx(recall)
    assert metrics.range_recall(labels, flagged, 1.0) == pytest.approx(2 / 3)
    assert metrics.range_recall(labels, flagged, 0.25) == pytest.approx(
        0.75 * recall + 0.25 * 2 / 3
    )
    f1 = 2 * precision * recall / (precision + recall)
    assert metrics.range_f1(labels, flagged) == pytest.approx(f1)


def test_scores_of_no_and_of_all_flags():
    labels = [0, 1, 1, 0]
    for function in (metrics.range_precision, metrics.range_recall, metrics.range_f1):
        assert function(labels, [0] * 4) == 0.0
    assert metrics.range_precision(labels, [1] * 4) == 0.5
    assert metrics.range_recall(labels, [1] * 4) == 1.0
    assert metrics.point_adjusted_f1_at_k(labels, [0] * 4) == 0.0
    assert metrics.point_adjusted_f1_at_k(labels, labels) == 1.0


LABELS = [0, 1, 1, 0]
FLAGS = {
    "PA%K": metrics.point_adjusted_f1_at_k,
    "precision": metrics.range_precision,
    "recall": metrics.range_recall,
    "F1": metrics.range_f1,
}
BAD_LABELS = {
    "one class": ([0] * 4, "normal and of anomalous steps. Received: 4 labels, all 0"),
    "other class": ([True] * 4, "Received: 4 labels, all 1"),
    "other numbers": ([0, 1, 2, -1], r"labels of 0 and 1.*Received: \[-1, 2\]"),
    "fractions": ([0.0, 0.5, 1.0, 0.0], r"labels of 0 and 1.*Received: \[0.5\]"),
    "NaN": ([0, np.nan, 1, 0], "finite values in labels"),
    "a column": ([[0], [1]], r"labels of shape \(time,\).*\(2, 1\)"),
    "none": ([], r"labels of shape \(time,\).*\(0,\)"),
    "text": (list("0110"), "real numbers in labels"),
    "masked": (np.ma.masked_equal(LABELS, 1), "masked"),
}


@pytest.mark.parametrize("name", BAD_LABELS)
@pytest.mark.parametrize("metric", [lambda a, b: metrics.vus_pr(a, b, 2), *FLAGS.values()])
def test_bad_labels_are_refused(metric, name):
    labels, message = BAD_LABELS[name]
    with pytest.raises(KerasVAEError, match=f"^Expected .*{message}"):
        metric(labels, LABELS)


@pytest.mark.parametrize("metric", FLAGS.values(), ids=FLAGS)
def test_bad_flags_are_refused(metric):
    for flagged, message in (
        ([0, 1], r"flagged of shape \(4,\), as labels. Received: shape \(2,\)"),
        ([0.1, 0.9, 0.2, 0.3], "flagged of 0 and 1.*scores > threshold"),
        ([0, np.nan, 0, 0], "finite values in flagged"),
    ):
        with pytest.raises(KerasVAEError, match=f"^Expected .*{message}"):
            metric(LABELS, flagged)


BAD_VALUES = {
    "NaN scores": (lambda: metrics.vus_pr(LABELS, [0, np.nan, 1, 2], 2), "without NaN.*1 NaN"),
    "few scores": (lambda: metrics.vus_pr(LABELS, [0, 1], 2), r"scores of shape \(4,\), as labels"),
    "text scores": (lambda: metrics.vus_pr(LABELS, list("abcd"), 2), "real numbers in scores"),
    "half a step": (lambda: metrics.vus_pr(LABELS, LABELS, 2.5), "max_buffer of at least 0, an in"),
    "minus a step": (lambda: metrics.vus_pr(LABELS, LABELS, -1), "max_buffer of at least 0"),
    "k of 101": (lambda: FLAGS["PA%K"](LABELS, LABELS, 101), "k of at most 100.*k=101"),
    "k of -1": (lambda: FLAGS["PA%K"](LABELS, LABELS, -1), "k of at least 0"),
    "k of NaN": (lambda: FLAGS["PA%K"](LABELS, LABELS, np.nan), "k to be a finite number"),
    "existence of 2": (lambda: FLAGS["recall"](LABELS, LABELS, 2), "existence between 0 and 1"),
    "existence of F1": (lambda: FLAGS["F1"](LABELS, LABELS, -1), "existence between 0 and 1"),
}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_bad_values_are_refused_by_name(name):
    call, message = BAD_VALUES[name]
    with pytest.raises(KerasVAEError, match=f"^Expected .*{message}"):
        call()
