"""The pictures of a run: reconstructions, samples, interpolations, latent codes and losses."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.training.data.loading import Data, as_floats
from keras_vae.typing import LatentModel

COLUMNS = 10
PAIRS = 6
# Enough points to show clusters, few enough for PCA of large codes.
SCATTERED = 3000
SCATTERED_IF_LARGE = 500
LARGE_CODE = 512


def draw(model: LatentModel, data: Data, metrics: Path, folder: Path) -> list[Path]:
    """Draw all pictures that fit the model and its data.

    A picture that cannot be drawn is named on stderr, and the others are drawn: the model is
    trained and saved by now.

    Args:
        model: A trained model.
        data: Its test images are drawn.
        metrics: The run's metrics.jsonl.
        folder: The folder of the PNG files; older ones are replaced.

    Returns:
        The paths of the files.
    """
    paths: list[Path] = []
    try:
        folder.mkdir(exist_ok=True)
        wanted = list(figures(model, data, metrics))
    except Exception as error:  # Of any kind, as below.
        print(f"No pictures: {error}", file=sys.stderr)
        return paths
    for name, figure in wanted:
        path = folder / f"{name}.png"
        try:
            figure().savefig(path)
        except Exception as error:  # Of any kind: a picture decides nothing.
            print(f"No picture {name}: {error}", file=sys.stderr)
        else:
            paths.append(path)
    return paths


def figures(
    model: LatentModel, data: Data, metrics: Path
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the name of each picture that fits the model, and the function that draws it."""
    from keras_vae import plots

    if data.kind == "series":
        yield from figures_of_series(model, data, metrics)
        return
    if data.kind != "images":
        yield "loss_curves", lambda: plots.loss_curves(metrics)
        if not np.isnan(data.test[:SCATTERED]).any():
            yield "latents", lambda: scatter(model, data)
        return
    is_vae = hasattr(model, "posterior")
    chosen = one_of_each(data)
    images = as_floats(data.test[chosen[: max(COLUMNS, 2 * PAIRS)]])
    half = min(PAIRS, len(images) // 2)
    yield "loss_curves", lambda: plots.loss_curves(metrics)
    yield (
        "reconstructions",
        lambda: plots.reconstructions(model, images, COLUMNS),
    )
    yield "latents", lambda: scatter(model, data)
    if half and model.latent_dtype == "float32":  # Nothing lies between integer codes.
        start, end = images[:half], images[half : 2 * half]
        method = "slerp" if is_vae else "lerp"
        yield "interpolation", lambda: plots.interpolation(model, start, end, COLUMNS, method)
    if "sample" in model.endpoints():
        yield "samples", lambda: plots.samples(model, rows=8, columns=12)
    if is_vae and len(model.latent_shape) == 1:
        few = as_floats(data.test[:SCATTERED_IF_LARGE])
        yield "traversal", lambda: plots.traversal(model, few)
    if is_vae and tuple(model.latent_shape) == (2,):
        yield "manifold", lambda: plots.manifold(model)


def figures_of_series(
    model: LatentModel, data: Data, metrics: Path
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield names and functions as `figures` does, for models of series."""
    from keras_vae import plots

    series = data.test[one_of_each(data)[:COLUMNS]]
    yield "loss_curves", lambda: plots.loss_curves(metrics)
    yield "reconstructions", lambda: plots.series_reconstructions(model, series)
    yield "latents", lambda: scatter(model, data)
    if "sample" in model.endpoints():
        yield "samples", lambda: plots.series_samples(model, COLUMNS)


def scatter(model: LatentModel, data: Data) -> Any:
    """Draw the codes of test images, colored by label."""
    from keras_vae import plots

    large = int(np.prod(model.latent_shape)) > LARGE_CODE
    count = SCATTERED_IF_LARGE if large else SCATTERED
    labels = None if data.test_labels is None else data.test_labels[:count]
    names = None if labels is None else data.label_names
    return plots.latent_scatter(model, as_floats(data.test[:count]), labels, names)


def one_of_each(data: Data) -> np.ndarray:
    """Return indices of test images: the first of each class, then the second of each, ..."""
    if data.test_labels is None:
        return np.arange(len(data.test))
    labels = data.test_labels
    rank = np.empty(len(labels), int)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = np.arange(len(members))
    return np.lexsort((labels, rank))
