"""Probes of codes by simple classifiers, and the AUROC of anomaly scores."""

from typing import Any

import numpy as np

from keras_vae.errors import UsageError


def linear_probe(train: Any, train_labels: Any, test: Any, test_labels: Any) -> float:
    """Return the test accuracy of logistic regression on standardized codes.

    It is the logistic regression of scikit-learn with L2 regularization and C = 1.

    Args:
        train: Codes, `(count, ...)`; further axes are flattened.
        train_labels: Classes, `(count,)`.
        test: Codes of the test examples.
        test_labels: Their classes.

    Returns:
        The share of correctly classified test examples.

    Raises:
        ImportError: If scikit-learn is not installed.
        ValueError: If codes and labels do not fit.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    reader = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return _accuracy(reader, train, train_labels, test, test_labels)


def knn_probe(
    train: Any, train_labels: Any, test: Any, test_labels: Any, neighbors: int = 5
) -> float:
    """Return the test accuracy of a vote of the nearest training codes (scikit-learn, Euclidean).

    `neighbors` is the number of voters. Other arguments, result and errors are those of
    `linear_probe`.
    """
    from sklearn.neighbors import KNeighborsClassifier

    reader = KNeighborsClassifier(neighbors)
    return _accuracy(reader, train, train_labels, test, test_labels)


def auroc(normal: Any, anomalous: Any) -> float:
    """Return the area under the ROC curve.

    It is the probability that an anomaly scores higher than a normal example, over all pairs, with
    ties counted half; 0.5 is chance.

    Args:
        normal: Scores of normal examples, `(count,)`, higher for more unusual examples.
        anomalous: Scores of anomalies, `(count of its own,)`.

    Raises:
        ValueError: If there are no scores of one kind, or some are NaN.
    """
    normal, anomalous = np.sort(np.ravel(normal)), np.ravel(anomalous)
    if not len(normal) or not len(anomalous) or np.isnan(normal).any() or np.isnan(anomalous).any():
        raise UsageError(
            "Expected scores of normal and of anomalous examples without NaN. "
            f"Received: {len(normal)} and {len(anomalous)} scores."
        )
    below = np.searchsorted(normal, anomalous, side="left")
    not_above = np.searchsorted(normal, anomalous, side="right")
    return float(np.mean(below + not_above) / (2 * len(normal)))


def _accuracy(reader: Any, train: Any, train_labels: Any, test: Any, test_labels: Any) -> float:
    train, test = _vectors(train, train_labels), _vectors(test, test_labels)
    return float(reader.fit(train, train_labels).score(test, test_labels))


def _vectors(codes: Any, labels: Any) -> np.ndarray:
    codes = np.asarray(codes)
    if codes.ndim < 2 or np.shape(labels) != (len(codes),):
        raise UsageError(
            "Expected codes (count, ...) and one label for each. "
            f"Received: shapes {codes.shape} and {np.shape(labels)}."
        )
    return codes.reshape(len(codes), -1)
