"""Sequences of many lengths or with missing values, with a mask of what is present."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.base.conditioning import Conditioning
from keras_vae.base.endpoint import WholeNumbers
from keras_vae.distributions import Distribution, Masked, sum_event
from keras_vae.errors import UsageError
from keras_vae.typing import Tensor
from keras_vae.validation.finite_rows import known


class Masking(Conditioning):
    """A mixin for models of sequences with padding or missing values, which take `(x, mask)`.

    The mask, `(batch, time)`, has 1 for real time steps and 0 for padding. In models with
    `masked="features"`, it is `(batch, time, features)`, with 0 for each missing value. Encoder,
    decoder and density use it, so what is missing has no effect on codes, losses, or gradients. A
    term is the sum over what is present. For nats per step, pass `1 / mask.sum(1)` as sample
    weights.
    """

    condition_name = "mask"
    preprocess: Any
    family: Any
    event_shape: tuple[int, ...]

    def observation(self, z: Tensor, training: bool = False) -> Distribution:
        """Return p(x | z) of what is present, for codes or a pair `(z, mask)`."""
        p = super().observation(z, training)
        return Masked(p, z[1]) if self.conditional else p

    def network_inputs(self, pair: list[Tensor]) -> list[Tensor]:
        """Return x and mask as the encoder takes them; the mask leaves out gaps too."""
        x, mask = pair
        if self.preprocess.fills:
            present = self._present(pair)
            mask = present if len(mask.shape) == 3 else ops.max(present, axis=2)
        return self.prepare([x, mask])

    def _present(self, x: Any) -> Tensor:
        """Return the mask, float32, as one of features without gaps if these are filled."""
        mask = ops.cast(x[1], "float32")
        if not self.preprocess.fills:
            return mask
        steps = mask if len(mask.shape) == 3 else ops.expand_dims(mask, -1)
        return steps * ops.cast(known(x[0]), "float32")

    def condition_spec(self) -> keras.InputSpec:
        """Return shape, dtype and name of the mask of a batch."""
        plain = super().condition_spec()
        about: dict[str, Any] = {"shape": plain.shape, "dtype": plain.dtype, "name": plain.name}
        return WholeNumbers(2, some=True, **about)

    def check_parts(self, x: Any) -> None:
        """Raise ValueError unless the mask has only 0 and 1, and a 1 in each row."""
        if self.conditional:
            _check_mask(keras.ops.convert_to_numpy(x[1]))

    def check_event(self, name: str, values: Any) -> None:
        """Raise ValueError for values that the model does not take, also where the mask is 0."""
        try:
            super().check_event(name, values)  # type: ignore[misc]
        except UsageError as error:
            if not self.conditional or not np.isnan(ops.convert_to_numpy(values)).any():
                raise
            raise UsageError(
                f"Expected finite values in {name}, also where the mask is 0. Received: NaN. "
                f"(keras_vae.with_mask({name}) makes the pair of {name} without NaN and its mask.)"
            ) from error

    def present_steps(self, x: Any) -> Tensor:
        """Return how many steps of each example are present, float32 `(batch,)`.

        With a mask of features, a step counts by the share of its features that are present.
        """
        mask = self._present(x)
        return sum_event(mask if len(mask.shape) == 2 else ops.mean(mask, axis=2))

    def present_shares(self, x: Any) -> Tensor:
        """Return the share of the features of each step that are present, float32 `(batch, time)`.

        It is 1 where all or none are.
        """
        mask = self._present(x)
        shares = ops.ones_like(mask) if len(mask.shape) == 2 else ops.mean(mask, axis=2)
        return ops.where(shares > 0, shares, ops.ones_like(shares))

    def has_values(self, x: Any) -> Tensor:
        """Return whether each step has a present value, bool `(batch, time)`."""
        mask = self._present(x)
        return (mask if len(mask.shape) == 2 else ops.max(mask, axis=2)) > 0

    def present_units(self, x: Any) -> Tensor:
        """Return the nats that the units of the present values take off each step.

        They are the log slopes of `preprocess`, summed over present features, float32
        `(batch, time)`.
        """
        mask = self._present(x)
        slopes = self._log_slopes()
        return mask * np.sum(slopes) if len(mask.shape) == 2 else ops.sum(mask * slopes, axis=2)

    def all_units(self) -> float:
        """Return `present_units` of a step with all of its values."""
        return float(np.sum(self._log_slopes()))

    def _log_slopes(self) -> np.ndarray:
        features = self.event_shape[-1:]
        scaled = self.preprocess and self.family.continuous
        return np.broadcast_to(self.preprocess.log_slope if scaled else np.float32(0), features)

    def check_condition(self, condition: Tensor) -> None:
        """Raise ValueError for a mask of the wrong shape, or NumPy values other than 0 and 1."""
        check_axes(condition.shape, self.condition_shape)
        super().check_condition(condition)
        if isinstance(condition, np.ndarray):
            _check_mask(condition)


def check_axes(shape: Any, wanted: tuple[int, ...]) -> None:
    """Raise ValueError for a mask of steps where one of features is expected, or the reverse.

    Args:
        shape: Shape of the mask, with the batch axis.
        wanted: Shape without the batch axis.
    """
    event = tuple(shape)[1:]
    hints = {
        (1, 2): f"Repeat it: numpy.repeat(mask[..., None], {wanted[-1]}, axis=2)",
        (2, 1): "For a mask of each value, construct the model with masked='features'",
    }
    if event[:1] == wanted[:1] and (hint := hints.get((len(event), len(wanted)))):
        raise UsageError(
            f"Expected mask of shape {('batch', *wanted)}. Received: {tuple(shape)}. ({hint}.)"
        )


def _check_mask(mask: np.ndarray) -> None:
    event = tuple(range(1, mask.ndim))
    if np.isin(mask, (0, 1)).all() and mask.any(axis=event).all():
        return
    empty = int((~mask.astype(bool).any(axis=event)).sum())
    raise UsageError(
        "Expected a mask of 0 and 1, with a 1 in each row. Received: "
        f"{empty} row(s) without a step, values {np.unique(mask)[:5].tolist()}. "
        "(Give a pair of sequences and mask, in this order, and leave out sequences of no steps.)"
    )
