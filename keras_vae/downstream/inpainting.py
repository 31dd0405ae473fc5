"""Inpainting: fill the masked region of examples."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_vae.acceleration.batching import CompiledFunction, default_batch_size, map_batches
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.models.masked import MaskedAutoencoder
from keras_vae.validation import data_checks


def inpaint(
    model: Autoencoder,
    x: Any,
    mask: Any,
    steps: int = 50,
    start: float | None = None,
    batch_size: int | None = None,
) -> np.ndarray:
    """Fill the masked region of `x`; known elements do not change.

    The masked region starts as the mean of the known elements of the example. Then the example is
    reconstructed `steps` times, and the masked region is taken from each reconstruction. This is a
    deterministic form of the imputation of Rezende et al. 2014 (arXiv:1401.4082, appendix F). It
    draws a VAE towards likely examples. A plain autoencoder with a wide code may change little.

    For a denoiser trained on a corruption that fills with 0, use `start=0.0, steps=1`. A
    `MaskedAutoencoder` always takes one step, and reads the patches that are wholly known.

    Example:
        >>> mask = np.ones((28, 28))
        >>> mask[:, 14:] = 0  # The right half is masked.
        >>> whole = keras_vae.inpaint(model, images, mask)

    Args:
        model: A built autoencoder.
        x: Examples, `(batch, *event_shape)`, with any values, even NaN, in the masked region. For a
            model with several inputs a list of arrays, the examples first.
        mask: 1 or True for known elements, 0 for masked elements: of the shape of `x`, of one
            example, or of images without channels, `(batch, height, width)` or `(height, width)`.
        steps: Number of reconstructions.
        start: Initial value of the masked region; None for the mean of the known elements.
        batch_size: Examples at a time; changes the speed only.

    Returns:
        `(batch, *event_shape)`, float32, in the range of the data.

    Raises:
        ValueError: If the mask has another shape or other values, an example has no known element
            (for a `MaskedAutoencoder` no known patch), or known elements do not fit the model.
        TypeError: If `model` is no autoencoder of `keras_vae`.
    """
    if not isinstance(model, Autoencoder):
        raise UsageTypeError(f"Expected an autoencoder of keras_vae. Received: {model!r}.")
    if steps < 1:
        raise UsageError(f"Expected steps of at least 1. Received: {steps!r}.")
    event, *others = (np.asarray(part) for part in keras.tree.flatten(x))
    known = known_elements(mask, event)
    first = fill_unknown(event, known, start)
    data_checks.check_batch(model, [first, *others] if others else first)
    size = min(batch_size or default_batch_size(model.event_shape), len(event))
    step, inputs, steps = _step(model, known, others, steps)
    return map_batches(lambda batch: _fill(step, batch, steps), [first, known, *inputs], size)


def known_elements(mask: Any, x: np.ndarray) -> np.ndarray:
    """Return `mask` as booleans of the shape of `x`.

    Errors are those of `inpaint`.
    """
    mask = np.asarray(mask)
    shapes = {x.shape: mask, x.shape[1:]: mask[None]}
    if x.ndim == 4:
        channels = mask[..., None]
        shapes |= {(*x.shape[:3], 1): mask, x.shape[:3]: channels, x.shape[1:3]: channels[None]}
    if mask.shape not in shapes:
        raise UsageError(
            f"Expected a mask of the shape of x, {x.shape}, or of one example. "
            f"Received: {mask.shape}."
        )
    if not np.isin(mask, (0, 1)).all():
        raise UsageError(
            "Expected a mask of 1, for known elements, and 0. Received: values "
            f"{np.unique(mask)[:5].tolist()}."
        )
    known = np.broadcast_to(shapes[mask.shape] != 0, x.shape)
    if empty := int((~known.reshape(len(x), -1).any(axis=1)).sum()):
        raise UsageError(
            "Expected a mask with a 1, for known elements, for each example. "
            f"Received: {empty} example(s) without known elements."
        )
    return known


def fill_unknown(x: np.ndarray, known: np.ndarray, start: float | None = None) -> np.ndarray:
    """Return `x`, float32, with `start` or the mean of an example's known elements elsewhere."""
    if start is not None:
        return np.where(known, x, start).astype("float32")
    axes = tuple(range(1, x.ndim))
    mean = np.mean(x, axis=axes, keepdims=True, where=known, dtype="float64")
    return np.where(known, x, mean).astype("float32")


def visible_patches(model: MaskedAutoencoder, known: np.ndarray) -> np.ndarray:
    """Return 1 for patches that are wholly known, float32 `(batch, patches)`.

    Raises:
        ValueError: If an example has none.
    """
    (rows, columns), side = model.grid, model.patch
    whole = known.reshape(len(known), rows, side, columns, side, -1).all(axis=(2, 4, 5))
    visible = whole.reshape(len(known), -1)
    if empty := int((~visible.any(axis=1)).sum()):
        raise UsageError(
            f"Expected at least one patch of {side}x{side} pixels that is wholly known. "
            f"Received: {empty} example(s) without."
        )
    return visible.astype("float32")


def _step(
    model: Autoencoder, known: np.ndarray, others: list[np.ndarray], steps: int
) -> tuple[Any, list[np.ndarray], int]:
    """Return the function that fills an example, its other inputs, and the number of calls."""
    if isinstance(model, MaskedAutoencoder):
        visible = visible_patches(model, known)
        fill = CompiledFunction(model, lambda x, seen: model.decode(model.encode_visible(x, seen)))
        return fill.predict_on_batch, [visible], 1
    rebuild = CompiledFunction(model, lambda *x: model.reconstruct(list(x) if others else x[0]))
    return rebuild.predict_on_batch, others, steps


def _fill(step: Callable[[Any], np.ndarray], batch: list[np.ndarray], steps: int) -> np.ndarray:
    x, known, *inputs = batch
    filled = x
    for _ in range(steps):
        filled = np.where(known, x, step((filled, *inputs)))
    return filled
