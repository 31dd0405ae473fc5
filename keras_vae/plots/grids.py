"""Image grids: reconstructions, samples, interpolations and traversals."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_vae import latents
from keras_vae.errors import UsageError
from keras_vae.plots.examples import as_pixels, examples, sample_images
from keras_vae.plots.figures import Figure, image_grid
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments, objects
from keras_vae.validation.data_checks import refuse_condition


def reconstructions(model: LatentModel, x: Any, columns: int = 10) -> Figure:
    """Draw examples above their reconstructions.

    Of a denoiser, the corrupted inputs are between them.

    Example:
        >>> keras_vae.plots.reconstructions(model, test).savefig("reconstructions.png")

    Args:
        model: A built image model of `keras_vae`.
        x: Images, `(batch, height, width, channels)`, as the model takes them; for a conditional
            model a pair of images and conditions.
        columns: Largest number of images to draw.

    Raises:
        ValueError: If there are no images, one is not finite, or `columns` is less than 1.
    """
    columns = arguments.integer("columns", columns)
    if getattr(objects.model(model), "conditional", False):
        return _reconstructions_of_pairs(model, x, columns)
    x = examples("x", x)[:columns]
    rows = {"input": x}
    if hasattr(model, "corruption"):
        rows["corrupted"] = _corrupt(model, x)
    rows["reconstruction"] = latents.as_numpy(model.reconstruct(list(rows.values())[-1]))
    images = as_pixels(model, np.stack(list(rows.values())))
    return image_grid(images, "Reconstructions", list(rows))


def _corrupt(model: Any, x: np.ndarray) -> np.ndarray:
    """Return corrupted raw examples: a corruption has its size in the unit of the networks."""
    steps = getattr(model, "preprocess", None)
    corrupted = model.corruption(steps.forward(x) if steps else x, training=True)
    return latents.as_numpy(steps.inverse(corrupted) if steps else corrupted)


def _reconstructions_of_pairs(model: LatentModel, x: Any, columns: int) -> Figure:
    model.build_for(x)
    pair = [np.asarray(part)[:columns] for part in x]
    rows = [examples("x", pair[0]), latents.as_numpy(model.reconstruct(pair))]
    images = as_pixels(model, np.stack(rows))
    return image_grid(images, "Reconstructions", ["input", "reconstruction"])


def samples(
    model: LatentModel,
    rows: int = 8,
    columns: int = 8,
    seed: int = 0,
    temperature: float = 1.0,
    condition: Any = None,
) -> Figure:
    """Draw new samples.

    Example:
        >>> keras_vae.plots.samples(model, rows=4, columns=8).savefig("samples.png")

    Args:
        model: A built generative image model of `keras_vae`.
        rows: Rows of the grid.
        columns: Columns of the grid.
        seed: As in `model.sample`.
        temperature: As in `model.sample`.
        condition: For a conditional model, or one with a prior of classes: one for all samples,
            or one for each, row by row.

    Raises:
        ValueError: If a number is out of range, or a condition is missing or not used.
    """
    rows = arguments.integer("rows", rows)
    columns = arguments.integer("columns", columns)
    images = sample_images(model, rows * columns, seed, temperature, condition)
    title = "Samples"
    if temperature != 1.0:
        title += f" at temperature {temperature:g}"
    return image_grid(images.reshape(rows, columns, *images.shape[1:]), title)


def interpolation(
    model: LatentModel, start: Any, end: Any, steps: int = 10, method: str = "slerp"
) -> Figure:
    """Draw a row for each pair of examples: from one reconstruction to the other.

    Example:
        >>> figure = keras_vae.plots.interpolation(model, test[:4], test[4:8])

    Args:
        model: A built image model of `keras_vae`.
        start: Images, `(batch, height, width, channels)`, as the model takes them.
        end: Images of the same shape.
        steps: Columns, both ends included.
        method: "slerp" or "lerp", see `keras_vae.latents`.

    Raises:
        ValueError: If the method is unknown, the shapes differ, an image is not finite, or `steps`
            is less than 2.
        TypeError: If codes are integers, or the model takes a pair.
    """
    images = as_pixels(model, latents.interpolate(model, start, end, steps, method))
    path = {"slerp": "spherical", "lerp": "linear"}[method]
    return image_grid(images, f"From one example to another, by {path} interpolation of codes")


def traversal(
    model: LatentModel, x: Any, rows: int = 10, values: Sequence[float] = (-3, -2, -1, 0, 1, 2, 3)
) -> Figure:
    """Decode the first example with one latent unit at a time set to `values`, and draw all.

    Example:
        >>> figure = keras_vae.plots.traversal(model, test)

    Args:
        model: A built image VAE whose codes are vectors.
        x: Images, `(batch, height, width, channels)`; units are ordered by their mean KL over
            all of them, the most informative at the top.
        rows: Largest number of units to draw.
        values: Values of each unit.

    Raises:
        ValueError: If there are no images or values, one is not finite, or `rows` is less than 1.
        TypeError: If the model is no VAE.
    """
    rows = arguments.integer("rows", rows)
    refuse_condition(model)
    x = examples("x", x)
    kl = latents.kl_per_dimension(model, x)
    order = np.argsort(-kl)[:rows].tolist()
    images = as_pixels(model, latents.traverse(model, x[0], order, values))
    labels = [f"z{unit}  KL {kl[unit]:.2f}" for unit in order]
    return image_grid(
        images, "One latent unit at a time", labels, [f"{value:g}" for value in values]
    )


def manifold(model: LatentModel, size: int = 20) -> Figure:
    """Draw a two-dimensional latent space at even quantiles of the prior.

    Example:
        >>> networks = keras_vae.nets.conv((28, 28, 1), latent_dim=2, heads=2)
        >>> small = keras_vae.VAE(*networks)
        >>> figure = keras_vae.plots.manifold(small, size=10)

    Args:
        model: A built image model with two latent units.
        size: Rows and columns.

    Raises:
        ValueError: If the model's codes are not vectors of two numbers.
    """
    if tuple(objects.model(model).latent_shape) != (2,):
        raise UsageError(
            f"Expected a model with two latent units. Received: codes of shape "
            f"{tuple(model.latent_shape)}. (plots.traversal draws larger ones.)"
        )
    images = as_pixels(model, latents.decode(model, latents.normal_grid(size)))
    title = "Latent space at even quantiles of the prior, first unit to the right, second up"
    return image_grid(images, title, gap=2, cell=32)
