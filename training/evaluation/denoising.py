"""Measures of a denoiser: the errors of the images or volumes that it restores."""

from typing import Any

import numpy as np

from keras_vae.training.data.kinds import PLACES, kind_of, one_of
from keras_vae.training.data.loading import evaluation_batches
from keras_vae.training.evaluation.base import Measure
from keras_vae.training.evaluation.objective import mean, squared_error

# No pixel has this value, so pixels that lose it were covered.
UNCOVERED = 2.0


def denoising(model: Any, images: np.ndarray, batch_size: int) -> dict[str, Measure]:
    """Return errors and likelihood of corrupted images, and the error of covered pixels alone."""
    from keras_vae.metrics.pictures import psnr

    kind, place = kind_of(images.shape[1:]), PLACES[kind_of(images.shape[1:])]
    corrupted, denoised, nats, covered = [], [], [], []
    average = images.mean(axis=0) / 255.0
    for x in evaluation_batches(images, batch_size):
        noisy, where = _corrupt(model.corruption, np.asarray(x))
        restored = model.reconstruct(noisy)
        corrupted.append(squared_error(x, noisy))
        denoised.append(squared_error(x, restored))
        nats.append(-np.asarray(model.observation(model.encode(noisy)).log_prob(x)))
        if where is not None:
            errors = (np.square(np.asarray(y, "float64") - x) for y in (restored, average))
            covered.append([*(error[where].sum() for error in errors), where.sum()])
    rows = {
        "psnr_corrupted": Measure(float(psnr(mean(corrupted))), "dB", f"of corrupted {kind}"),
        "psnr_denoised": Measure(float(psnr(mean(denoised))), "dB", "of the same, denoised"),
        "reconstruction_denoised": Measure(mean(nats), "nats", f"-log p of the {kind} given them"),
    }
    if covered:
        error, of_mean, count = np.sum(covered, axis=0)
        rows["mse_covered"] = Measure(
            float(error / count), "", f"squared error of each covered {place}"
        )
        rows["mse_covered_mean"] = Measure(
            float(of_mean / count), "", f"of the mean {one_of(kind)} there"
        )
    return rows


def _corrupt(corruption: Any, x: np.ndarray) -> tuple[Any, np.ndarray | None]:
    """Return corrupted images, and the mask of covered pixels if the corruption covers any."""
    from keras_vae import layers

    covers = (layers.RectangleOcclusion, layers.HalfOcclusion, layers.PatchOcclusion)
    if not isinstance(corruption, covers):
        return corruption(x, training=True), None
    # All channels are covered at the same pixels, so an additional channel shows the mask.
    probed = np.concatenate([x, np.full_like(x[..., :1], UNCOVERED)], axis=-1)
    found = np.asarray(corruption(probed, training=True))
    return found[..., :-1], np.broadcast_to(found[..., -1:] != UNCOVERED, x.shape)
