"""The measures of `training.evaluate`, over all test images. Each file has one group of them."""

import math

import numpy as np

from keras_vae.training.data.kinds import count_of
from keras_vae.training.evaluation.base import OF_BYTES, Measure, likelihood_name
from keras_vae.training.evaluation.baselines import of_rows
from keras_vae.training.evaluation.denoising import denoising
from keras_vae.training.evaluation.latent import active_units, codebook, information
from keras_vae.training.evaluation.likelihood import below_floor
from keras_vae.training.evaluation.objective import objective, reconstruction_error
from keras_vae.typing import LatentModel

__all__ = ["Measure", "failures", "likelihood_name", "measure", "notes", "of_rows"]


def measure(model: LatentModel, images: np.ndarray, batch_size: int) -> dict[str, Measure]:
    """Return all fast measures that fit the model, by name.

    Args:
        model: A `keras_vae.Autoencoder`.
        images: Test images, uint8, `(count, height, width, channels)`; or other examples, see
            `keras_vae.training.data.sources.base.Data`.
        batch_size: Examples in a batch; it changes the speed only.
    """
    rows = objective(model, images, batch_size)
    rows |= reconstruction_error(model, images, batch_size)
    if hasattr(model, "corruption") and images.dtype == np.uint8:
        rows |= denoising(model, images, batch_size)
    if hasattr(model, "posterior"):
        rows["active_units"] = active_units(model, images, batch_size)
        rows |= information(model, images)
    return rows | codebook(model, images, batch_size)


def notes(model: LatentModel, rows: dict[str, Measure]) -> list[str]:
    """Return sentences for the reader of the table: warnings, and reasons for missing rows."""
    from keras_vae.callbacks import COLLAPSED, STEPS_TO_COLLAPSE

    found = []
    if "active_units" in rows and rows["active_units"].value == 0:
        steps = int(model.steps)
        trained = count_of(steps, "steps")
        early = f"No latent unit is in use after {trained} of training, too few to judge."
        found.append(f"Warning: {COLLAPSED}" if steps >= STEPS_TO_COLLAPSE else early)
    if "elbo" in rows and "bits_per_dim" not in rows and "psnr" in rows:
        found.append(
            f"No bits per dimension: the likelihood {likelihood_name(model)!r} gives no "
            f"probability to the 256 levels of a byte ({', '.join(OF_BYTES)} do)."
        )
    return found + failures(rows)


def failures(rows: dict[str, Measure]) -> list[str]:
    """Return a sentence for each sign that the model or the measurement is broken."""
    found = []
    if low := below_floor(rows):
        found.append(f"Warning: below the floor, so wrong: {', '.join(low)}.")
    if bad := [name for name, row in rows.items() if math.isnan(row.value)]:
        found.append(f"Warning: not a number: {', '.join(bad)}. The model is broken.")
    return found
