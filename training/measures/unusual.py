"""How unusual an image is to a model of normal ones: scores for one-class tests, by name."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.measures.base import codes, pixels

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


@dataclass(frozen=True)
class Scores:
    """What one model says about images.

    Attributes:
        normal: For each name of `MEANINGS` scores of normal images, higher is more unusual.
        anomalous: The same of images of other classes.
    """

    normal: dict[str, np.ndarray]
    anomalous: dict[str, np.ndarray]


def roots(images: np.ndarray) -> np.ndarray:
    """Square roots of the levels, as bytes: dark levels, where most detail is, spread apart.

    Args:
        images: uint8 of any shape.
    """
    return np.rint(np.sqrt(images / 255.0) * 255.0).astype(np.uint8)


def scores(model: Any, train: np.ndarray, images: np.ndarray, batch_size: int) -> dict[str, Any]:
    """Every score of `MEANINGS` of every image, `(count,)` each.

    Args:
        model: A `keras_vae.VAE` of the `roots` of the training images.
        train: Normal images, uint8 `(count, height, width, channels)`.
        images: Those to score, uint8.
        batch_size: Images at once; changes the speed only.
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
        "manifold": in_spreads(error, error_known)
        + in_spreads(nearest(made_known, made), nearest(made_known)),
    }


def nearest(train: np.ndarray, x: np.ndarray | None = None) -> np.ndarray:
    """Euclidean distance to the fifth nearest row of `train`, `(count,)`.

    Args:
        train: `(count, ...)`.
        x: `(count of its own, ...)`; None for each row of `train` among the others.
    """
    from sklearn.neighbors import NearestNeighbors

    known = NearestNeighbors(n_neighbors=NEIGHBORS, algorithm="brute")
    known.fit(train.reshape(len(train), -1))
    found, _ = known.kneighbors(None if x is None else x.reshape(len(x), -1))
    return found[:, -1]


def in_spreads(values: np.ndarray, of_training: np.ndarray) -> np.ndarray:
    """Logs of distances, in standard deviations of those of the training images."""
    logs, known = (np.log(np.maximum(part, SMALLEST)) for part in (values, of_training))
    return (logs - known.mean()) / known.std()


def reconstructions(model: Any, images: np.ndarray, batch_size: int) -> np.ndarray:
    """`model.reconstruct` of all images, `(count, *event_shape)`."""
    return model.predict(pixels(images), batch_size=batch_size, verbose=0)


def distances(images: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Euclidean distance of each image from its reconstruction."""
    return np.sqrt(np.square(pixels(images) - made).sum(axis=(1, 2, 3)))


def model_scores(model: Any, images: np.ndarray, batch_size: int) -> np.ndarray:
    """`model.score` of all images, nats."""
    from keras_vae import latents

    x = pixels(images)
    starts = range(0, len(x), batch_size)
    parts = (latents.as_numpy(model.score(x[start : start + batch_size])) for start in starts)
    return np.concatenate(list(parts))
