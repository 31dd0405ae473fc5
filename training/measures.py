"""What `training.evaluate` measures, each over all test images."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.data import evaluation_batches

# Likelihoods that are probabilities of the 256 levels of a byte, so that bits mean something.
OF_BYTES = ("discretized_logistic", "discretized_logistic_mixture", "categorical")
MEANINGS = {
    "loss": "what was minimized: the weighted sum of the terms",
    "elbo": "lower bound on log p(x), one draw of z an image",
    "reconstruction": "-log p(x given z)",
    "kl": "KL of q(z given x) from the prior p(z)",
}


@dataclass(frozen=True)
class Measure:
    """One row of the table.

    Attributes:
        value: The number.
        unit: Its unit.
        meaning: What it is, in a few words.
    """

    value: float
    unit: str
    meaning: str


def measure(model: Any, images: np.ndarray, batch_size: int) -> dict[str, Measure]:
    """All measures that fit the model, by name.

    Args:
        model: A `keras_vae.Autoencoder`.
        images: Test images, uint8, `(count, height, width, channels)`.
        batch_size: Images at once; changes the speed only.
    """
    rows = objective(model, images, batch_size)
    if model.likelihood in OF_BYTES and "elbo" in rows:
        bits = -rows["elbo"].value / (math.prod(images.shape[1:]) * math.log(2.0))
        rows["bits_per_dim"] = Measure(bits, "bits", f"-elbo a channel, {model.likelihood}")
    rows |= reconstruction_error(model, images, batch_size)
    if hasattr(model, "posterior"):
        rows["active_units"] = active_units(model, images, batch_size)
    return rows


def objective(model: Any, images: np.ndarray, batch_size: int) -> dict[str, Measure]:
    """The terms of the objective, unweighted, the mean over the images."""
    model.compile(jit_compile=False)
    batches = evaluation_batches(images, batch_size)
    values = model.evaluate(batches, return_dict=True, verbose=0)
    names = [name for name in ("elbo", *model.terms, "loss") if name in values]
    return {
        name: Measure(float(values[name]), "nats", MEANINGS.get(name, "term of the loss"))
        for name in names
    }


def reconstruction_error(model: Any, images: np.ndarray, batch_size: int) -> dict[str, Measure]:
    """Mean squared error and PSNR; of a denoiser also those of corrupted images."""
    corrupts = hasattr(model, "corruption")
    plain, corrupted, denoised = [], [], []
    for x in evaluation_batches(images, batch_size):
        plain.append(squared_error(x, model.reconstruct(x)))
        if corrupts:
            noisy = model.corruption(x, training=True)
            corrupted.append(squared_error(x, noisy))
            denoised.append(squared_error(x, model.reconstruct(noisy)))
    rows = {
        "mse": Measure(mean(plain), "", "squared error a pixel, pixels in [0, 1]"),
        "psnr": Measure(psnr(mean(plain)), "dB", "of that error"),
    }
    if corrupts:
        rows["psnr_corrupted"] = Measure(psnr(mean(corrupted)), "dB", "of corrupted images")
        rows["psnr_denoised"] = Measure(psnr(mean(denoised)), "dB", "of the same, denoised")
    return rows


def active_units(model: Any, images: np.ndarray, batch_size: int) -> Measure:
    """How many latent units change with the image."""
    from keras_vae import latents

    batches = evaluation_batches(images, batch_size)
    codes = np.concatenate([latents.as_numpy(model.encode(x)) for x in batches])
    total = math.prod(codes.shape[1:])
    return Measure(
        latents.active_units(codes), "", f"of {total}: variance of E(z given x) above 0.01"
    )


def notes(model: Any, rows: dict[str, Measure]) -> list[str]:
    """What a reader of the table should know, in plain words."""
    from keras_vae.callbacks import COLLAPSED

    found = []
    if "active_units" in rows and rows["active_units"].value == 0:
        found.append(f"Warning: {COLLAPSED}")
    if "elbo" in rows and "bits_per_dim" not in rows:
        found.append(
            f"No bits per dimension: the likelihood {likelihood_name(model)!r} gives no "
            f"probability to the 256 levels of a byte ({', '.join(OF_BYTES)} do)."
        )
    bad = [name for name, row in rows.items() if math.isnan(row.value)]
    if bad:
        found.append(f"Warning: not a number: {', '.join(bad)}. The model is broken.")
    return found


def likelihood_name(model: Any) -> str:
    """The name of p(x | z), also where it was given as a class."""
    return model.likelihood if isinstance(model.likelihood, str) else model.likelihood.__name__


def squared_error(x: Any, y: Any) -> np.ndarray:
    """Mean squared error of each image, `(batch,)`."""
    from keras_vae import latents

    difference = latents.as_numpy(x).astype("float64") - latents.as_numpy(y)
    return np.square(difference).mean(axis=tuple(range(1, difference.ndim)))


def mean(parts: list[np.ndarray]) -> float:
    """The mean over all examples of all batches."""
    return float(np.concatenate(parts).mean())


def psnr(error: float) -> float:
    """Peak signal-to-noise ratio in dB, for values in [0, 1]."""
    return -10.0 * math.log10(error) if error > 0 else math.inf
