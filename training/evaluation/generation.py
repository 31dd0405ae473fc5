"""Distances between generated examples and test examples, in named features."""

from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.kinds import count_of, kind_of
from keras_vae.training.data.loading import Data, evaluation_batches
from keras_vae.training.evaluation.base import Measure, pixels
from keras_vae.typing import LatentModel

MOST = 10_000
SMALLEST_SIDE = 14
FEWEST = 20  # Two of each block of the kernel distance.
MEANINGS = {
    "frechet_distance": "Fréchet distance of samples from test examples",
    "kernel_distance": "kernel distance, 0 for equal laws",
    "density": "balls about test examples that hold a sample, 1 for equal laws",
    "coverage": "test examples near which there is a sample",
}


def check(model: LatentModel, data: Data, features: str, sampler: int | None) -> None:
    """Raise ValueError unless the model generates examples that have the features."""
    kind, images = data.kind, data.test
    if sampler is not None and sampler < 1:
        raise UsageError(f"Expected --sampler of at least 1. Received: {sampler}.")
    if len(images) < FEWEST or (sampler is not None and len(data.train) < sampler):
        raise UsageError(
            f"Expected at least {FEWEST} test {kind} for --distances, and a training example for "
            f"each Gaussian of --sampler. Received: {len(images)} test {kind}, and "
            f"{len(data.train)} to train on."
        )
    if features == "hog" and kind != "images":
        raise UsageError(
            "Expected images for --distances, whose HOG features are of pictures. Received: "
            f"{kind} of shape {images.shape[1:]}. (Give --features FILE.keras, a network from "
            f"{kind} to vectors, or leave --distances out.)"
        )
    if sampler is not None and model.latent_dtype != "float32":
        raise UsageError(
            "Expected a model whose codes are real numbers for --sampler, as Gaussians are. "
            f"Received: {type(model).__name__}, whose codes are {model.latent_dtype}. "
            "(keras-vae fit-prior fits a prior to integers.)"
        )
    if "sample" not in model.endpoints() and sampler is None:
        raise UsageError(
            f"Expected a model that generates {kind}, such as a VAE, for --distances. Received: "
            f"{type(model).__name__}. (--sampler 10 fits a mixture to its codes, to sample from.)"
        )
    if features != "hog" and not (features.endswith(".keras") and Path(features).is_file()):
        raise UsageError(
            f"Expected --features hog, or the .keras file of a network from {kind} to vectors. "
            f"Received: {features!r}."
        )
    if features != "hog":
        _check_network(features, images)
    if features == "hog" and min(images.shape[1:3]) < SMALLEST_SIDE:
        raise UsageError(
            f"Expected images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels for the HOG "
            f"features of --distances. Received: {images.shape[1]}x{images.shape[2]}."
        )


def _check_network(features: str, images: np.ndarray) -> None:
    """Raise ValueError unless a network makes vectors of the examples; two of them are tried."""
    extract = extractor(features)
    try:
        extract(pixels(images, 2))
    except Exception as error:  # Each network has errors of its own for what it does not take.
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(
            f"Expected --features of a network from {kind_of(images.shape[1:])} of shape "
            f"{images.shape[1:]} to vectors. Received: {features}, which gives none ({first:.200})."
        ) from error


def distances(
    model: LatentModel,
    images: np.ndarray,
    batch_size: int,
    features: str = "hog",
    fitted: tuple[np.ndarray, int] | None = None,
) -> dict[str, Measure]:
    """Return distances between test examples and equally many samples, at most 10,000; seed 0.

    Args:
        model: A model with `sample`.
        images: Test images, uint8. They are grey even if the model was trained on binary ones,
            since samples are means of p(x | z).
        batch_size: Samples in a batch.
        features: "hog", or the path of a Keras model whose output is the features.
        fitted: Training images as the model takes them, uint8, and the number of Gaussians to fit
            to their codes. Samples are then from this mixture in place of the prior.
    """
    from keras_vae import metrics

    if fitted is not None:
        training_images, components = fitted
        model.fit_sampler(evaluation_batches(training_images, batch_size), components)

    real = pixels(images, MOST)
    generated = samples(model, len(real), batch_size)
    found = metrics.compare_pictures(real, generated, extractor(features))
    tested = count_of(len(real), kind_of(images.shape[1:]))
    return {name: Measure(value, "", _meaning(name, tested)) for name, value in found.items()}


def samples(model: LatentModel, count: int, batch_size: int) -> np.ndarray:
    """Return means of p(x | z) for z from the prior or the sampler, `(count, *event_shape)`."""
    from keras_vae import random
    from keras_vae.acceleration.batching import map_batches

    def decode(seeds: np.ndarray) -> Any:
        return model.decode(model.sample_codes_from_seeds(seeds))

    return map_batches(decode, random.row_seeds(count, 0), min(batch_size, count))


def extractor(features: str) -> Any:
    """Return the extractor of the features; a network has the name of its file."""
    from keras_vae import metrics

    if features == "hog":
        return metrics.HOG
    from keras_vae.loading import load_any

    network = load_any(features, compile=False)
    return metrics.Extractor(Path(features).stem, lambda x: network.predict(x, verbose=0))


def _meaning(name: str, tested: str) -> str:
    if name.endswith("_standard_error"):
        return f"of {name.removesuffix('_standard_error')}"
    kind = next(kind for kind in MEANINGS if name.startswith(kind))
    return f"{MEANINGS[kind]}, {tested} each; no FID"
