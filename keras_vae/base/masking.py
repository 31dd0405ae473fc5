"""Sequences of many lengths, padded to one length, with a mask of the real time steps."""

from typing import Any

import keras
import numpy as np

from keras_vae.base.conditioning import Conditioning
from keras_vae.base.endpoint import WholeNumbers
from keras_vae.distributions import Distribution, Masked
from keras_vae.errors import UsageError
from keras_vae.typing import Tensor


class Masking(Conditioning):
    """A mixin for models of padded sequences, whose input is a pair `(x, mask)`.

    The mask, `(batch, time)`, has 1 for real time steps and 0 for padding. Encoder, decoder and
    density use it, so padding has no effect on codes, losses, or gradients. A term is the sum
    over the real time steps. For nats per step, pass `1 / mask.sum(1)` as sample weights.
    """

    condition_name = "mask"

    def observation(self, z: Tensor, training: bool = False) -> Distribution:
        """Return p(x | z) of the real time steps, for codes or a pair `(z, mask)`."""
        p = super().observation(z, training)
        return Masked(p, z[1]) if self.conditional else p

    def condition_spec(self) -> keras.InputSpec:
        """Return shape, dtype and name of the mask of a batch."""
        plain = super().condition_spec()
        about: dict[str, Any] = {"shape": plain.shape, "dtype": plain.dtype, "name": plain.name}
        return WholeNumbers(2, some=True, **about)

    def check_parts(self, x: Any) -> None:
        """Raise ValueError unless the mask has only 0 and 1, and a 1 in each row."""
        if self.conditional:
            _check_mask(keras.ops.convert_to_numpy(x[1]))

    def check_condition(self, condition: Tensor) -> None:
        """Raise ValueError for a mask of the wrong shape, or NumPy values other than 0 and 1."""
        super().check_condition(condition)
        if isinstance(condition, np.ndarray):
            _check_mask(condition)


def _check_mask(mask: np.ndarray) -> None:
    if np.isin(mask, (0, 1)).all() and mask.any(axis=1).all():
        return
    empty = int((~mask.astype(bool).any(axis=1)).sum())
    raise UsageError(
        "Expected a mask of 0 and 1, with a 1 in each row. Received: "
        f"{empty} row(s) without a step, values {np.unique(mask)[:5].tolist()}. "
        "(Give a pair of sequences and mask, in this order, and leave out sequences of no steps.)"
    )
