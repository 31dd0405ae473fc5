"""Gaps: NaN among numbers, which a layer fills. Infinity is no gap."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.distributions.base import tensor
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.typing import Tensor
from keras_vae.validation import arguments
from keras_vae.validation.finite_rows import LARGEST, known


def is_number(x: Tensor) -> Tensor:
    """Return which elements of float32 `x` are not NaN, bool of the same shape."""
    # Less, since OpenVINO takes NaN for greater than anything.
    return ops.logical_or(known(x), ops.less(np.float32(LARGEST), ops.abs(x)))


def fill(x: Tensor, value: Any) -> Tensor:
    """Return `x` in float32 with `value` in place of NaN.

    Args:
        x: `(batch, ...)`.
        value: A number, or an array that broadcasts to one row.
    """
    x = tensor(x)
    return ops.where(is_number(x), x, value)


def has_known(x: Tensor) -> Tensor:
    """Return whether each row has a finite number, bool `(batch, 1, ...)` with the axes of `x`."""
    return ops.any(known(x), axis=tuple(range(1, len(x.shape))), keepdims=True)


def without_gaps(x: Tensor) -> Tensor:
    """Return `x` with 0 in place of NaN, except in rows without any number.

    Such a row says nothing, so its answer is NaN as that of a row with infinity.
    """
    return ops.where(has_known(x), fill(x, 0.0), tensor(x))


@keras.saving.register_keras_serializable("keras_vae")
class FillGaps(keras.layers.Layer):
    """Puts a value in place of NaN, the gaps of sensors and tables. Infinity stays.

    In the `preprocess` argument of a model, gaps are then part of the data: they count neither in
    losses nor in scores, and `reconstruct` answers them.

    Example:
        >>> layer = keras_vae.layers.FillGaps([20.0, 1013.0])
        >>> np.array(layer(np.array([[np.nan, 1009.0]], "float32")))
        array([[  20., 1009.]], dtype=float32)

    Args:
        value: A number, or one for each channel.
        **kwargs: Of `keras.layers.Layer`.

    Raises:
        ValueError: If a value is no finite number, or there is none.
    """

    def __init__(self, value: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        try:
            found = arguments.array("value", value)
        except (UsageError, UsageTypeError):
            found = np.zeros(0)
        if found.dtype == bool or not found.size:
            raise UsageError(
                f"Expected finite values to fill gaps with. Received: value={value!r:.80}."
            )
        self.value = found.astype("float32").tolist()

    def call(self, x: Tensor) -> Tensor:
        """Return `x` without NaN, in float32 or the layer's dtype."""
        return ops.cast(fill(x, np.asarray(self.value, "float32")), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "value": self.value}
