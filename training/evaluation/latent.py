"""Measures of latent codes: active units, mutual information and codebook usage."""

import math

import numpy as np

from keras_vae.training.data.kinds import count_of, kind_of, one_of
from keras_vae.training.evaluation.base import Measure, codes, pixels
from keras_vae.typing import LatentModel

# The time of mutual information grows with the square of the images; 10 s for these.
MOST = 10_000


def active_units(model: LatentModel, images: np.ndarray, batch_size: int) -> Measure:
    """Count the latent units that change with the example."""
    from keras_vae.estimators.codes import count_active

    found = codes(model, images, batch_size)
    total = math.prod(found.shape[1:])
    return Measure(count_active(found), "", f"of {total}: variance of E(z given x) above 0.01")


def information(model: LatentModel, images: np.ndarray) -> dict[str, Measure]:
    """Return the two parts of the mean KL: mutual information, and KL of the aggregate posterior.

    The result is empty unless q(z | x) is one diagonal Gaussian.
    """
    from keras_vae import distributions, estimators

    if type(model.posterior(pixels(images, 1))) is not distributions.Normal:
        return {}
    x = pixels(images, MOST)
    kind = kind_of(images.shape[1:])
    of = f"of {count_of(len(x), kind)}, at most {math.log(len(x)):.2f}"
    shared = estimators.mutual_information(model, x)
    rest = float(estimators.kl_per_dimension(model, x).sum()) - shared
    return {
        "mutual_information": Measure(shared, "nats", f"of {one_of(kind)} and code, {of}"),
        "aggregate_kl": Measure(rest, "nats", "KL of the mean of q(z given x) from N(0, I)"),
    }


def codebook(model: LatentModel, images: np.ndarray, batch_size: int) -> dict[str, Measure]:
    """Return the use of the codebook, or the mean over several, for models that have one."""
    from keras_vae import metrics

    if not hasattr(model, "codebook_size"):
        return {}
    size, books = model.codebook_size, getattr(model, "codebooks", 1)
    found = codes(model, images, batch_size).reshape(-1, books)
    used = [metrics.codebook_usage(found[:, i], size) for i in range(books)]
    of = f"of {count_of(size, 'codes')}" + (f", mean of {books} codebooks" if books > 1 else "")
    perplexity, share = (
        float(np.mean([one[name] for one in used]))
        for name in ("codebook_perplexity", "codebook_used")
    )
    return {
        "codebook_perplexity": Measure(perplexity, "", f"{of}, used evenly"),
        "codebook_used": Measure(share, "", f"share {of} that occurs"),
    }
