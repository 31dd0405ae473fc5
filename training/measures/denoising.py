"""How well a denoiser restores what its corruption took away."""

from typing import Any

import numpy as np

from training.data import evaluation_batches
from training.measures.base import Measure
from training.measures.objective import mean, psnr, squared_error

# No pixel has this value, so where it is gone something was covered.
UNCOVERED = 2.0


def denoising(model: Any, images: np.ndarray, batch_size: int) -> dict[str, Measure]:
    """Errors and likelihood of corrupted images; of what was covered also the error there alone."""
    corrupted, denoised, nats, covered = [], [], [], []
    average = images.mean(axis=0) / 255.0
    for x in evaluation_batches(images, batch_size):
        noisy, where = _corrupted(model.corruption, np.asarray(x))
        restored = model.reconstruct(noisy)
        corrupted.append(squared_error(x, noisy))
        denoised.append(squared_error(x, restored))
        nats.append(-np.asarray(model.observation(model.encode(noisy)).log_prob(x)))
        if where is not None:
            errors = (np.square(np.asarray(y, "float64") - x) for y in (restored, average))
            covered.append([*(error[where].sum() for error in errors), where.sum()])
    rows = {
        "psnr_corrupted": Measure(psnr(mean(corrupted)), "dB", "of corrupted images"),
        "psnr_denoised": Measure(psnr(mean(denoised)), "dB", "of the same, denoised"),
        "reconstruction_denoised": Measure(mean(nats), "nats", "-log p of the images given them"),
    }
    if covered:
        error, of_mean, count = np.sum(covered, axis=0)
        rows["mse_covered"] = Measure(float(error / count), "", "squared error a covered pixel")
        rows["mse_covered_mean"] = Measure(float(of_mean / count), "", "of the mean image there")
    return rows


def _corrupted(corruption: Any, x: np.ndarray) -> tuple[Any, np.ndarray | None]:
    """Corrupted images, and where they were covered, if that is what the corruption does."""
    from keras_vae import layers

    covers = (layers.RectangleOcclusion, layers.HalfOcclusion, layers.PatchOcclusion)
    if not isinstance(corruption, covers):
        return corruption(x, training=True), None
    # All channels are covered alike, so that one more tells where.
    probed = np.concatenate([x, np.full_like(x[..., :1], UNCOVERED)], axis=-1)
    found = np.asarray(corruption(probed, training=True))
    return found[..., :-1], np.broadcast_to(found[..., -1:] != UNCOVERED, x.shape)
