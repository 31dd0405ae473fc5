"""Pictures made of images: what a model rebuilds, invents, and passes through."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_vae import latents
from keras_vae.plots.figures import Figure, image_grid


def reconstructions(model: Any, x: Any, columns: int = 10) -> Figure:
    """Examples over their reconstructions; of a denoiser, with the corrupted input between.

    Args:
        model: A built image model of `keras_vae`.
        x: Images, `(batch, height, width, channels)`, pixels in [0, 1].
        columns: How many of them to draw.
    """
    x = np.asarray(x, "float32")[:columns]
    rows = {"input": x}
    if hasattr(model, "corruption"):
        rows["corrupted"] = latents.as_numpy(model.corruption(x, training=True))
    rows["reconstruction"] = latents.as_numpy(model.reconstruct(list(rows.values())[-1]))
    return image_grid(np.stack(list(rows.values())), "Reconstructions", list(rows))


def samples(
    model: Any, rows: int = 8, columns: int = 8, seed: int = 0, temperature: float = 1.0
) -> Figure:
    """New examples.

    Args:
        model: A built generative image model of `keras_vae`.
        rows: Rows of the grid.
        columns: Columns of the grid.
        seed: As in `model.sample`.
        temperature: As in `model.sample`.
    """
    images = latents.as_numpy(model.sample(rows * columns, seed=seed, temperature=temperature))
    title = "Samples"
    if temperature != 1.0:
        title += f" at temperature {temperature:g}"
    return image_grid(images.reshape(rows, columns, *images.shape[1:]), title)


def interpolation(
    model: Any, start: Any, end: Any, steps: int = 10, method: str = "slerp"
) -> Figure:
    """A row for each pair of examples: from one reconstruction to the other.

    Args:
        model: A built image model of `keras_vae`.
        start: Images, `(batch, height, width, channels)`, pixels in [0, 1].
        end: Images of the same shape.
        steps: Columns, both ends included.
        method: "slerp" or "lerp", see `keras_vae.latents`.
    """
    images = latents.interpolate(model, start, end, steps, method)
    path = {"slerp": "great arcs", "lerp": "straight lines"}[method]
    return image_grid(images, f"From one example to another, along {path} of codes")


def traversal(
    model: Any, x: Any, rows: int = 10, values: Sequence[float] = (-3, -2, -1, 0, 1, 2, 3)
) -> Figure:
    """The first example, decoded with one latent unit at a time set to `values`.

    Args:
        model: A built image VAE whose codes are vectors.
        x: Images, `(batch, height, width, channels)`; units are ordered by their mean KL over
            all of them, the most informative at the top.
        rows: At most how many units to draw.
        values: What to set each unit to.
    """
    kl = latents.kl_per_dimension(model, x)
    order = np.argsort(-kl)[:rows].tolist()
    images = latents.traverse(model, np.asarray(x)[0], order, values)
    labels = [f"z{unit}  KL {kl[unit]:.2f}" for unit in order]
    return image_grid(
        images, "One latent unit at a time", labels, [f"{value:g}" for value in values]
    )


def manifold(model: Any, size: int = 20) -> Figure:
    """All that a two-dimensional latent space holds, at even quantiles of the prior.

    Args:
        model: A built image model with two latent units.
        size: Rows and columns.

    Raises:
        ValueError: If the model's codes are not vectors of two numbers.
    """
    if tuple(model.latent_shape) != (2,):
        raise ValueError(
            f"Expected a model with two latent units. Received: codes of shape "
            f"{tuple(model.latent_shape)}. (plots.traversal draws larger ones.)"
        )
    images = latents.decode(model, latents.normal_grid(size))
    title = "Latent space at even quantiles of the prior, first unit to the right, second up"
    return image_grid(images, title, gap=2, cell=32)
