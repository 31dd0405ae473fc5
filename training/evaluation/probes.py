"""Probes: the test accuracy of simple classifiers of the codes."""

from keras_vae.errors import UsageError
from keras_vae.training.data.kinds import count_of
from keras_vae.training.data.loading import Data
from keras_vae.training.evaluation.base import Measure, codes
from keras_vae.typing import LatentModel

NEIGHBORS = 5


def check(data: Data) -> None:
    """Raise ValueError unless the data have labels."""
    if data.train_labels is None:
        raise UsageError(
            f"Expected data with labels for --probes. Received: {data.name}, which has none."
        )


def accuracies(model: LatentModel, data: Data, batch_size: int) -> dict[str, Measure]:
    """Return the test accuracy of two classifiers of codes, fitted on the training examples."""
    from keras_vae import metrics

    train, test = (codes(model, images, batch_size) for images in (data.train, data.test))
    labeled = (train, data.train_labels, test, data.test_labels)
    of = f"from the codes of {count_of(len(train), f'training {data.kind}')}"
    return {
        "linear_probe": Measure(
            metrics.linear_probe(*labeled), "", f"test accuracy of logistic regression {of}"
        ),
        "knn_probe": Measure(
            metrics.knn_probe(*labeled, neighbors=NEIGHBORS),
            "",
            f"test accuracy of {NEIGHBORS} nearest neighbors {of}",
        ),
    }
