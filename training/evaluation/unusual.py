"""Anomaly scores of images for one-class tests, from a model of normal images."""

from typing import Any

import numpy as np

from keras_vae.training.evaluation.base import codes, pixels
from keras_vae.typing import LatentModel

NEIGHBORS = 5
SMALLEST = 1e-6
MEANINGS = {
    "pixels": "distance to the fifth nearest training image; uses no model",
    "roots": "the same in square roots of the pixels; uses no model",
    "error": "distance of an image from its reconstruction",
    "score": "-ELBO, the model's own score",
    "codes": "distance to the fifth nearest training code",
    "manifold": "log of `error` plus log of the distance of the reconstruction to the fifth "
    "nearest one of a training image, each in units of its spread over training images",
}


def roots(images: np.ndarray) -> np.ndarray:
    """Return square roots of the levels as bytes, which give dark levels more contrast.

    Args:
        images: Images of any shape, uint8.
    """
    return np.rint(np.sqrt(images / 255.0) * 255.0).astype(np.uint8)


def scores(
    model: LatentModel, train: np.ndarray, images: np.ndarray, batch_size: int
) -> dict[str, Any]:
    """Return every score of `MEANINGS` of every image, `(count,)` each; higher is more unusual.

    Args:
        model: A `keras_vae.VAE` of the `roots` of the training images.
        train: Normal images, uint8 `(count, height, width, channels)`.
        images: The images to score, uint8.
        batch_size: Images in a batch; it changes the speed only.
    """
    known, seen = roots(train), roots(images)
    made_known, made = (reconstructions(model, x, batch_size) for x in (known, seen))
    error_known, error = distances(known, made_known), distances(seen, made)
    return {
        "pixels": nearest(pixels(train), pixels(images)),
        "roots": nearest(pixels(known), pixels(seen)),
        "error": error,
        "score": model_scores(model, seen, batch_size),
        "codes": nearest(codes(model, known, batch_size), codes(model, seen, batch_size)),
        "manifold": standardize_logs(error, error_known)
        + standardize_logs(nearest(made_known, made), nearest(made_known)),
    }


def nearest(train: np.ndarray, x: np.ndarray | None = None) -> np.ndarray:
    """Return the Euclidean distance to the fifth nearest row of `train`, `(count,)`.

    Args:
        train: The known rows, `(train count, ...)`.
        x: The rows to measure, `(count, ...)`; None for each row of `train` among the others.
    """
    from sklearn.neighbors import NearestNeighbors

    known = NearestNeighbors(n_neighbors=NEIGHBORS, algorithm="brute")
    known.fit(train.reshape(len(train), -1))
    found, _ = known.kneighbors(None if x is None else x.reshape(len(x), -1))
    return found[:, -1]


def standardize_logs(values: np.ndarray, of_training: np.ndarray) -> np.ndarray:
    """Return logs of distances, standardized by those of the training images."""
    logs, known = (np.log(np.maximum(part, SMALLEST)) for part in (values, of_training))
    return (logs - known.mean()) / known.std()


def reconstructions(model: LatentModel, images: np.ndarray, batch_size: int) -> np.ndarray:
    """Return the reconstructions of all images, `(count, *event_shape)`."""
    return model.predict(pixels(images), batch_size=batch_size, verbose=0)


def distances(images: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of each image from its reconstruction, `(count,)`."""
    return np.sqrt(np.square(pixels(images) - made).sum(axis=(1, 2, 3)))


def model_scores(model: LatentModel, images: np.ndarray, batch_size: int) -> np.ndarray:
    """Return the scores of the model for all images, `(count,)`, in nats."""
    from keras_vae.acceleration.batching import map_batches

    x = pixels(images)
    return map_batches(model.score, x, min(batch_size, len(x)))
