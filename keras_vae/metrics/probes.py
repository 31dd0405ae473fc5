"""Probes of codes by simple classifiers, and the AUROC of anomaly scores."""

from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.validation import arguments, objects


def linear_probe(train: Any, train_labels: Any, test: Any, test_labels: Any) -> float:
    """Return the test accuracy of logistic regression on standardized codes.

    It is the logistic regression of scikit-learn with L2 regularization and C = 1.

    Example:
        >>> codes, test_codes = model.encode(train), model.encode(test)
        >>> accuracy = keras_vae.metrics.linear_probe(codes, train_labels, test_codes, test_labels)

    Args:
        train: Codes, `(count, ...)`; further axes are flattened.
        train_labels: Classes, `(count,)`.
        test: Codes of the test examples.
        test_labels: Their classes.

    Returns:
        The share of correctly classified test examples.

    Raises:
        ImportError: If scikit-learn is not installed.
        ValueError: If codes and labels do not fit, a code is not finite, or training labels are of
            one class.
        TypeError: If codes are not numbers.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(classes := np.unique(objects.labels("train_labels", train_labels))) < 2:
        raise UsageError(
            "Expected train_labels of at least two classes. Received: "
            f"{', '.join(map(str, classes)) or 'none'}."
        )
    reader = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return _accuracy(reader, train, train_labels, test, test_labels)


def knn_probe(
    train: Any, train_labels: Any, test: Any, test_labels: Any, neighbors: int = 5
) -> float:
    """Return the test accuracy of a vote of the nearest training codes (scikit-learn, Euclidean).

    `neighbors` is the number of voters, at most that of training codes. Other arguments, result and
    errors are those of `linear_probe`; one class will do.

    Example:
        >>> codes, test_codes = model.encode(train), model.encode(test)
        >>> accuracy = keras_vae.metrics.knn_probe(codes, train_labels, test_codes, test_labels)
    """
    from sklearn.neighbors import KNeighborsClassifier

    neighbors = arguments.integer("neighbors", neighbors)
    train = arguments.array("train", train)
    if train.ndim and neighbors > len(train):
        raise UsageError(
            f"Expected neighbors of at most {len(train)}, the number of training codes. "
            f"Received: neighbors={neighbors!r}."
        )
    reader = KNeighborsClassifier(neighbors)
    return _accuracy(reader, train, train_labels, test, test_labels)


def auroc(normal: Any, anomalous: Any) -> float:
    """Return the area under the ROC curve.

    It is the probability that an anomaly scores higher than a normal example, over all pairs, with
    ties counted half; 0.5 is chance.

    Example:
        >>> keras_vae.metrics.auroc([1.0, 2.0, 3.0], [2.5, 4.0])
        0.8333333333333334

    Args:
        normal: Scores of normal examples, `(count,)`, higher for more unusual examples.
        anomalous: Scores of anomalies, `(count of its own,)`.

    Raises:
        ValueError: If there are no scores of one kind, or some are NaN.
    """
    normal = np.sort(arguments.array("normal", normal, finite=False).ravel())
    anomalous = arguments.array("anomalous", anomalous, finite=False).ravel()
    if not len(normal) or not len(anomalous) or np.isnan(normal).any() or np.isnan(anomalous).any():
        raise UsageError(
            "Expected scores of normal and of anomalous examples without NaN. "
            f"Received: {len(normal)} and {len(anomalous)} scores."
        )
    below = np.searchsorted(normal, anomalous, side="left")
    not_above = np.searchsorted(normal, anomalous, side="right")
    return float(np.mean(below + not_above) / (2 * len(normal)))


def _accuracy(reader: Any, train: Any, train_labels: Any, test: Any, test_labels: Any) -> float:
    train_labels = objects.labels("train_labels", train_labels)
    test_labels = objects.labels("test_labels", test_labels)
    train, test = _vectors("train", train, train_labels), _vectors("test", test, test_labels)
    if train.shape[1] != test.shape[1] or _is_text(train_labels) != _is_text(test_labels):
        raise UsageError(
            "Expected test codes and labels of the size and kind of the training ones. Received: "
            f"codes {train.shape} and {test.shape}, labels {train_labels.dtype} and "
            f"{test_labels.dtype}."
        )
    return float(reader.fit(train, train_labels).score(test, test_labels))


def _vectors(name: str, codes: Any, labels: np.ndarray) -> np.ndarray:
    codes = arguments.array(name, codes)
    if codes.ndim < 2 or not len(codes) or labels.shape != (len(codes),):
        raise UsageError(
            "Expected codes (count, ...), at least one, and one label for each. "
            f"Received: shapes {codes.shape} and {labels.shape}."
        )
    return codes.reshape(len(codes), -1)


def _is_text(labels: np.ndarray) -> bool:
    return labels.dtype.kind in "OSU"
