"""The importance-weighted estimate of -log p(x), as in published likelihood tables."""

import sys

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.kinds import count_of
from keras_vae.training.evaluation.base import Measure, bits_of, pixels
from keras_vae.typing import LatentModel

CURVE = (1, 10, 100, 1000, 5000)


def check(model: LatentModel, samples: int) -> None:
    """Raise ValueError unless the model gives x a probability and `samples` is at least 1."""
    if samples < 1:
        raise UsageError(f"Expected --samples of at least 1. Received: {samples}.")
    if not all(hasattr(model, noun) for noun in ("posterior", "prior", "observation")):
        raise UsageError(
            "Expected a model that gives x a probability, such as a VAE, for --samples. "
            f"Received: {type(model).__name__}. (Leave --samples out.)"
        )


def importance_weighted(model: LatentModel, images: np.ndarray, samples: int) -> dict[str, Measure]:
    """Return the bound for 1, 10, 100, ... samples, its error, and the gap of the ELBO.

    Args:
        model: A model with a posterior.
        images: Test images, uint8, after the binarization of the protocol.
        samples: The largest number of samples.
    """
    from keras_vae import estimators

    x, counts = pixels(images), [*(count for count in CURVE if count < samples), samples]
    found = estimators.measure_likelihood(model, x, counts, verbose=int(sys.stdout.isatty()))
    rows = {
        f"nll_{count}": Measure(
            -float(found.bounds[count].mean()),
            "nats",
            f"-log p(x), {count_of(count, 'importance samples')}",
        )
        for count in counts
    }
    nll = rows[f"nll_{samples}"].value
    error = float(np.sqrt(np.sum(np.square(found.standard_error))) / len(x))
    gap = -float(found.elbo.mean()) - nll
    if samples > 1:
        rows["nll_standard_error"] = Measure(error, "nats", f"of nll_{samples}, from its samples")
    rows["elbo_gap"] = Measure(gap, "nats", f"-elbo less nll_{samples}, elbo of all samples")
    if of := bits_of(model, images):
        bits = estimators.bits_per_dim(nll, images.shape[1:])
        rows["nll_bits_per_dim"] = Measure(bits, "bits", f"nll_{samples} {of}")
    return rows


def floor(grey: np.ndarray) -> Measure:
    """Return the lower bound of any valid nll of dynamically binarized images."""
    from keras_vae.training.data.binarization import entropy_floor

    return Measure(entropy_floor(grey), "nats", "of any nll: the entropy of the binarization")


def below_floor(rows: dict[str, Measure]) -> list[str]:
    """Return the names of estimates below the floor, which are wrong."""
    if "nll_floor" not in rows:
        return []
    names = [name for name in rows if name.startswith("nll_") and rows[name].unit == "nats"]
    names = [name for name in names if name not in ("nll_floor", "nll_standard_error")]
    return [name for name in names if rows[name].value < rows["nll_floor"].value]
