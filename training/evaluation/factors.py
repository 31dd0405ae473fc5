"""Disentanglement: the relation of latent units to the factors of regenerated dSprites."""

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data import dsprites
from keras_vae.training.evaluation.base import Measure, pixels
from keras_vae.typing import LatentModel

SHAPE = (dsprites.IMAGE_SIZE, dsprites.IMAGE_SIZE, 1)
# The protocol of Locatello et al. 2019.
MIG_IMAGES = 10_000
VOTES = {"votes": 10_000, "test_votes": 5_000, "variance_examples": 10_000}


def check(model: LatentModel) -> None:
    """Raise ValueError unless the model takes dSprites and has vectors of length 2 or more."""
    if tuple(model.event_shape) != SHAPE:
        raise UsageError(
            f"Expected a model of images of shape {SHAPE}, those of dSprites, for --factors. "
            f"Received: {tuple(model.event_shape)}."
        )
    if len(model.latent_shape) != 1 or model.latent_shape[0] < 2:
        raise UsageError(
            "Expected codes that are vectors of two elements or more for --factors. "
            f"Received: shape {tuple(model.latent_shape)}."
        )


def disentanglement(model: LatentModel, batch_size: int, seed: int = 0) -> dict[str, Measure]:
    """Return the mutual information gap and the FactorVAE score."""
    from keras_vae import metrics

    codes_of = Codes(model, batch_size)
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, dsprites.SIZES, (MIG_IMAGES, len(dsprites.SIZES)))
    score = metrics.factor_vae_score(codes_of, dsprites.SIZES, seed=seed, **VOTES)
    of = "on regenerated dSprites"
    return {
        "mig": Measure(
            metrics.mig(codes_of(drawn), drawn), "", f"mutual information gap {of}, at most 0.90"
        ),
        "factor_vae_score": Measure(score, "", f"accuracy of its majority vote {of}"),
    }


class Codes:
    """A table of the codes of images by their factors.

    Each image is rendered and encoded at most once: the score uses a million images, of which
    737,280 are different.
    """

    def __init__(self, model: LatentModel, batch_size: int) -> None:
        from keras_vae import Compiled

        self.encode = Compiled(model, batch_size).encode
        self.known = np.zeros(dsprites.COUNT, bool)
        self.table = np.zeros((dsprites.COUNT, *model.latent_shape), "float32")

    def __call__(self, factors: np.ndarray) -> np.ndarray:
        """Return codes `(count, latent_dim)` for factors `(count, 5)`."""
        places = dsprites.indices_of(factors)
        missing = np.unique(places[~self.known[places]])
        for start in range(0, len(missing), dsprites.IMAGES_AT_ONCE):
            part = missing[start : start + dsprites.IMAGES_AT_ONCE]
            pictures = dsprites.render(dsprites.factors_of(part))
            self.table[part] = np.asarray(self.encode(pixels(pictures)))
        self.known[missing] = True
        return self.table[places]
