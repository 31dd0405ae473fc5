"""Inpainting: fill the masked region of examples."""

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_vae.acceleration.batching import (
    CompiledFunction,
    default_batch_size,
    map_batches,
    verb_of_batches,
)
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.errors import UsageError
from keras_vae.models.masked import MaskedAutoencoder
from keras_vae.validation import arguments, data_checks, objects
from keras_vae.validation.examples import as_arrays

# Changes of the masked region as fractions of the largest known value of an example: below the
# first one it has settled, above the second one a warning says that it has not.
SETTLED, UNSETTLED = 1e-5, 1e-2
# The largest change that is told: next to known elements near 0, any is large.
MOST_TOLD = 10.0


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
    reconstructed up to `steps` times, and the masked region moves to each reconstruction. It moves
    a part of the way only where it would change more than in the step before, so it cannot run
    away. This is a deterministic form of the imputation of Rezende et al. 2014 (arXiv:1401.4082,
    appendix F). It draws a VAE towards likely examples; for a linear VAE with Gaussian data it ends
    at the conditional mean. A plain autoencoder with a wide code may change little.

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
        steps: Largest number of reconstructions. A warning says if the masked region still changes
            by more than 1 % after that, unless it is a single step.
        start: Initial value of the masked region; None for the mean of the known elements.
        batch_size: Examples at a time; changes the speed only.

    Returns:
        `(batch, *event_shape)`, float32, in the range of the data.

    Raises:
        ValueError: If the mask has another shape or other values, an example has no known element
            (for a `MaskedAutoencoder` no known patch), or known elements do not fit the model.
        TypeError: If `model` is no autoencoder of `keras_vae`, or an argument has another type.
    """
    objects.autoencoder(model, Autoencoder)
    steps = arguments.integer("steps", steps)
    if batch_size is not None:
        batch_size = arguments.integer("batch_size", batch_size)
    if start is not None:
        start = arguments.real("start", start)
    x = as_arrays(x)
    data_checks.require_arrays("x", x)
    event, *others = (arguments.array("x", part, finite=False) for part in keras.tree.flatten(x))
    if not event.size:
        raise UsageError(f"Expected at least one example. Received: shape {event.shape}.")
    known = known_elements(mask, event)
    first = fill_unknown(event, known, start)
    data_checks.check_batch(model, [first, *others] if others else first)
    size = min(batch_size or default_batch_size(model.event_shape), len(event))
    step, inputs, steps = _step(model, known, others, steps)
    filled, change = map_batches(
        lambda batch: _fill(step, batch, steps), [first, known, *inputs], size
    )
    if steps > 1 and (moving := change > UNSETTLED).any():
        most = min(np.nanmax(change), MOST_TOLD)
        warnings.warn(
            f"Expected the masked region to settle within {steps} steps. Received: "
            f"{int(moving.sum())} of {len(moving)} example(s) that still change by up to "
            f"{most:.1%}. (Give more steps, or mask less: too few known elements do not "
            "determine the others.)",
            stacklevel=2,
        )
    return filled


def known_elements(mask: Any, x: np.ndarray) -> np.ndarray:
    """Return `mask` as booleans of the shape of `x`.

    Errors are those of `inpaint`.
    """
    mask = arguments.array("mask", mask, finite=False)
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
            f"{np.unique(mask)[:5].tolist()}. (mask > 0 makes one of an image.)"
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
    rebuild = verb_of_batches(model, lambda *x: model.reconstruct(list(x) if others else x[0]))
    return rebuild, others, steps


def _fill(
    step: Callable[[Any], np.ndarray], batch: list[np.ndarray], steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the filled examples, and by which fraction of its scale each one still changes."""
    x, known, *inputs = batch
    axes = tuple(range(1, x.ndim))

    def rebuild(filled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rebuilt = np.where(known, x, step((filled, *inputs)))
        change = (rebuilt - filled).astype("float64")
        return rebuilt, np.sqrt(np.sum(change**2, axis=axes, keepdims=True))

    scale = np.max(np.abs(x), axis=axes, keepdims=True, where=known, initial=1e-30)
    part = np.ones_like(scale)
    filled = x
    rebuilt, change = rebuild(filled)
    for _ in range(steps - 1):
        if (change <= SETTLED * scale).all():
            break
        tried = filled + part * (rebuilt - filled)
        rebuilt_now, change_now = rebuild(tried)
        closer = change_now < change
        part = np.where(closer, np.minimum(2 * part, 1.0), part / 2).astype("float32")
        filled, rebuilt = np.where(closer, tried, filled), np.where(closer, rebuilt_now, rebuilt)
        change = np.where(closer, change_now, change)
    return rebuilt, np.reshape(change / scale, (len(x),))
