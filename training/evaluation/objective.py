"""The terms of the objective, and the errors of reconstructions."""

from typing import Any

import numpy as np

from keras_vae.training.data.kinds import PLACES, kind_of, one_of
from keras_vae.training.data.loading import evaluation_batches
from keras_vae.training.evaluation.base import Measure, bits_of
from keras_vae.typing import LatentModel

MEANINGS = {
    "loss": "the training loss: the weighted sum of the terms",
    "elbo": "lower bound on log p(x), one draw of z for each x",
    "reconstruction": "-log p(x given z)",
    "kl": "KL of q(z given x) from the prior p(z)",
}
# Half the side of the window of structural similarity.
SMALLEST_SIDE = 11


def objective(model: LatentModel, images: np.ndarray, batch_size: int) -> dict[str, Measure]:
    """Return the unweighted terms of the objective, as means over the examples."""
    model.compile(jit_compile=False)
    batches = evaluation_batches(images, batch_size)
    values = model.evaluate(batches, return_dict=True, verbose=0)
    names = [name for name in ("elbo", *model.terms, "loss") if name in values]
    rows = {
        name: Measure(float(values[name]), "nats", MEANINGS.get(name, "term of the loss"))
        for name in names
    }
    if "elbo" in rows and (of := bits_of(model, images)):
        from keras_vae.estimators import bits_per_dim

        bits = bits_per_dim(-rows["elbo"].value, images.shape[1:])
        rows["bits_per_dim"] = Measure(bits, "bits", f"-elbo {of}")
    return rows


def reconstruction_error(
    model: LatentModel, images: np.ndarray, batch_size: int
) -> dict[str, Measure]:
    """Return the squared error, of bytes also PSNR, and of images SSIM; nothing for tables."""
    from keras_vae import latents, metrics
    from keras_vae.metrics.pictures import psnr

    if hasattr(model, "schema"):  # One number for columns of all units means nothing.
        return {}
    kind, is_bytes = kind_of(images.shape[1:]), images.dtype == np.uint8
    place = PLACES[kind]
    plain, similar = [], []
    for x in evaluation_batches(images, batch_size):
        y = model.reconstruct(x)
        plain.append(squared_error(x, y))
        if images.ndim == 4 and min(images.shape[1:3]) >= SMALLEST_SIDE:
            of_batch = metrics.ssim(latents.as_numpy(x), latents.as_numpy(y))
            similar.append(np.full(len(plain[-1]), of_batch))
    if not is_bytes:
        return {"mse": Measure(mean(plain), "", f"squared error of each {place}")}
    each = float(psnr(np.concatenate(plain)).mean())
    rows = {
        "mse": Measure(mean(plain), "", f"squared error of each {place}, {place}s in [0, 1]"),
        "psnr": Measure(float(psnr(mean(plain))), "dB", "of that error"),
        "mean_psnr": Measure(each, "dB", f"of each {one_of(kind)}'s error, the mean"),
    }
    if similar:
        rows["ssim"] = Measure(mean(similar), "", "structural similarity, 1 for equal images")
    return rows


def squared_error(x: Any, y: Any) -> np.ndarray:
    """Return the mean squared error of each image, `(batch,)`, over the numbers that are known."""
    from keras_vae import latents

    x = latents.as_numpy(x).astype("float64")
    squares, known = np.square(x - latents.as_numpy(y)), ~np.isnan(x)
    return squares.mean(axis=tuple(range(1, x.ndim)), where=True if known.all() else known)


def mean(parts: list[np.ndarray]) -> float:
    """Return the mean over all examples of all batches."""
    return float(np.concatenate(parts).mean())
