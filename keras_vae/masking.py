"""Sequences of many lengths, padded to one, with a mask that says which steps there are."""

from typing import Any

import keras
import numpy as np

from keras_vae.checks import check_values
from keras_vae.conditioned import Conditioned
from keras_vae.distributions import Distribution, Masked

Tensor = Any


class Masking(Conditioned):
    """Sequences of many lengths: a pair `(x, mask)`, padded to one length, where x was.

    The mask, `(batch, time)`, has 1 for steps that there are and 0 for padding. It goes through
    encoder, decoder and density: what stands in padding changes neither codes nor terms nor
    gradients, and a term is the sum over the steps that there are. For nats a step, give
    `1 / mask.sum(1)` as the sample weights.
    """

    condition_name = "mask"

    def observation(self, z: Tensor, training: bool = False) -> Distribution:
        """p(x | z) of the steps that there are, for codes or a pair `(z, mask)`."""
        p = super().observation(z, training)
        return Masked(p, z[1]) if self.conditional else p

    def check_parts(self, x: Any) -> None:
        """Raise ValueError unless a mask is of zeros and ones, and no row of zeros alone."""
        if not self.conditional:
            return
        mask = keras.ops.convert_to_numpy(x[1])
        check_values("the mask", mask, (0.0, 1.0), "a mask")
        if not np.isin(mask, (0, 1)).all() or not mask.any(axis=1).all():
            empty = int((~mask.astype(bool).any(axis=1)).sum())
            raise ValueError(
                "Expected a mask of 0 and 1, with a 1 in each row. Received: "
                f"{empty} row(s) without a step, values {np.unique(mask)[:5].tolist()}. "
                "(Leave out sequences of no steps.)"
            )
