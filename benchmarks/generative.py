"""Generative models next to a plain VAE on Fashion-MNIST: bounds, samples, classes, and clusters.

    python -m benchmarks.generative
    python -m benchmarks.generative --models VAE AAE "RAE-GP" --epochs 20 --images 60000

Trains each model with the same dense networks, codes of 16 elements, batches of 128, and Adam.
Other settings are defaults of the class or those of its paper, and nothing is tuned. A table has:

- `-elbo`: minus the mean evidence lower bound, and `nll`: that of the importance-weighted bound of
  `--samples` codes, both in nats, of the first 1,000 test images. Pixels are gray levels, and both
  are upper bounds on the mean -log p of binary images that are sampled from the gray levels.
- `own` and `mixture`: Fréchet distance in HOG features of 10,000 samples from the test images, with
  codes of the model's own prior, and of 10 Gaussians that `fit_sampler` fits to training codes.
  The latter is of RAE-GP, which has no prior, and of two models to compare it with.
- `MSE`: mean squared error of a pixel of reconstructions of test images.
- `active`: latent units in use, of 16. `covariance`: root mean square of the covariances of
  different units, of the codes of test images.
- `accuracy`: share of test images whose class is right. `M2` and `classifier`, the same network
  without the VAE, have 100 labels of each class. `VaDE` and `k-means` have none: a cluster stands
  for the most common class of its training images.
- `seconds`: processor time of the training.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks import generative_models as models
from benchmarks.generative_models import CLASSES, MODELS, ONE_HOT, WITHOUT_NOISE, Images

WITHOUT_MODEL = ("k-means", "classifier")
WITH_MIXTURE = ("VAE", "AAE", "RAE-GP")
# Columns, and the form of their numbers.
COLUMNS = {
    "-elbo": ".1f",
    "nll": ".1f",
    "own": ".3f",
    "mixture": ".3f",
    "MSE": ".4f",
    "active": ".0f",
    "covariance": ".3f",
    "accuracy": ".3f",
    "seconds": ".0f",
}


def bounds(model: Any, x: np.ndarray, samples: int) -> dict[str, float]:
    """Return `-elbo` and `nll` (nats) of a model with a posterior."""
    from keras_vae import estimators

    if not hasattr(model, "classify"):
        found = estimators.measure_likelihood(model, x, (samples,))
        return {"-elbo": -found.elbo.mean(), "nll": -found.bounds[samples].mean()}
    # log p(x) is that of the mean of p(x | c) over the classes.
    each = [
        estimators.log_likelihood(model, (x, np.repeat(row[None], len(x), axis=0)), samples)
        for row in ONE_HOT
    ]
    model.compile(jit_compile=False)
    free = model.evaluate((x, np.zeros((len(x), CLASSES), "float32")), verbose=0, return_dict=True)
    return {"-elbo": -free["elbo"], "nll": -estimators.log_mean_exp(np.stack(each), axis=0).mean()}


def codes_and_errors(model: Any, x: Any, images: np.ndarray) -> dict[str, float]:
    """Return `MSE`, `active`, and `covariance`."""
    from keras_vae.acceleration.batching import map_batches
    from keras_vae.estimators.codes import count_active

    codes = map_batches(model.encode, x, 500)
    errors = map_batches(model.reconstruct, x, 500) - images
    return {
        "MSE": float(np.square(errors).mean()),
        "active": count_active(codes),
        "covariance": covariance_of_units(codes),
    }


def covariance_of_units(codes: np.ndarray) -> float:
    """Return the root mean square of the covariances of different elements of codes."""
    found = np.cov(codes.reshape(len(codes), -1), rowvar=False)
    return float(np.sqrt(np.square(found[~np.eye(len(found), dtype=bool)]).mean()))


def distances(name: str, model: Any, images: Images) -> dict[str, float]:
    """Return `own` if the model has a prior, and `mixture` of the models named above."""
    from keras_vae import metrics
    from keras_vae.training.evaluation.generation import samples

    count, found = len(images.test), {}
    if hasattr(model, "classify"):
        made = {"own": samples_of_classes(model, count)}
    else:
        made = {"own": samples(model, count, 500)} if model.generative else {}
        if name in WITH_MIXTURE:
            model.fit_sampler(images.train)
            made["mixture"] = samples(model, count, 500)
    for kind, pictures in made.items():
        found[kind] = metrics.frechet_distance(images.features, metrics.HOG(pictures))
    return found


def samples_of_classes(model: Any, count: int) -> np.ndarray:
    """Return samples of a model with a condition, of the classes in turn."""
    from keras_vae.acceleration.batching import map_batches

    codes = np.asarray(model.sample_codes(count, 0, 1.0))
    return map_batches(model.decode, [codes, ONE_HOT[np.arange(count) % CLASSES]], 500)


def classes_of_clusters(clusters: np.ndarray, labels: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return the class of each test image, the most common one of its cluster.

    Args:
        clusters: Cluster of each training image.
        labels: Their classes.
        new: Cluster of each test image.

    Returns:
        Integers `(len(new),)`, and -1 in a cluster without training images.
    """
    counts = np.zeros((max(clusters.max(), new.max()) + 1, labels.max() + 1), int)
    np.add.at(counts, (clusters, labels), 1)
    return np.where(counts.any(axis=1), counts.argmax(axis=1), -1)[new]


def accuracy(model: Any, images: Images) -> dict[str, float]:
    """Return `accuracy` of a model that classifies or clusters, or nothing."""
    from keras_vae.acceleration.batching import map_batches

    def most_probable(function: Callable[..., Any], x: np.ndarray) -> np.ndarray:
        return map_batches(function, x, 500).argmax(axis=1)

    if hasattr(model, "classify"):
        return _accuracy_of(most_probable(model.classify, images.test), images)
    if hasattr(model, "cluster"):
        train, test = (most_probable(model.cluster, x) for x in (images.train, images.test))
        return _accuracy_of(classes_of_clusters(train, images.labels, test), images)
    return {}


def _accuracy_of(found: np.ndarray, images: Images) -> dict[str, float]:
    return {"accuracy": float(np.mean(found == images.test_labels))}


def without_model(name: str, images: Images) -> dict[str, float]:
    """Return `accuracy` of `k-means` or of the `classifier`."""
    if name == "classifier":
        return _accuracy_of(models.classify(images), images)
    train, test = models.k_means(images)
    return _accuracy_of(classes_of_clusters(train, images.labels, test), images)


def row(name: str, images: Images, epochs: int, samples: int) -> dict[str, float]:
    """Train a model and return its numbers by the name of the column."""
    begin = time.process_time()
    if name in WITHOUT_MODEL:
        return {**without_model(name, images), "seconds": time.process_time() - begin}
    model, conditional = models.train_model(name, images, epochs), name == "M2"
    found = {"seconds": time.process_time() - begin}
    x: Any = images.test
    if conditional:
        x = [x, np.zeros((len(x), CLASSES), "float32")]
    found |= codes_and_errors(model, x, images.test) | accuracy(model, images)
    if name not in WITHOUT_NOISE:
        found |= bounds(model, images.test[:1000], samples)
    return found | distances(name, model, images)


def markdown(rows: Iterable[tuple[str, dict[str, float]]]) -> str:
    """Return the table, with an empty cell where a number has no meaning."""
    from keras_vae.training.tables import format_number, table

    header = [("model", "l"), *((name, "r") for name in COLUMNS)]
    cells = [
        [name, *(format_number(found.get(key), form) for key, form in COLUMNS.items())]
        for name, found in rows
    ]
    return table(header, cells)


def main(words: Sequence[str] | None = None) -> None:
    """Train, measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--images", type=int, default=20_000, help="Training images.")
    parser.add_argument("--samples", type=int, default=200, help="Codes of an image for nll.")
    given = parser.parse_args(words)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from keras_vae.training.data.loading import load

    data = load("fashion_mnist")
    train, test = (part.astype("float32") / 255.0 for part in (data.train, data.test))
    labels, of_test = (np.asarray(part, "int32") for part in (data.train_labels, data.test_labels))
    images = Images(train[: given.images], labels[: given.images], test, of_test)
    rows = []
    for name in given.models:
        print(f"\n{name}", flush=True)
        rows.append((name, row(name, images, given.epochs, given.samples)))
        print(markdown(rows[-1:]), flush=True)
    print("", markdown(rows), sep="\n")


if __name__ == "__main__":
    main()
