"""The usual preprocessing of sensors and tables, from training data."""

from typing import Any

import keras
import numpy as np

from keras_vae.errors import UsageError
from keras_vae.layers.gaps import FillGaps
from keras_vae.validation import arguments, precision

# Below, float32 has few digits for a variance, or none.
SMALLEST_VARIANCE = 1e-37


def standardize(x: Any, gaps: bool | None = None) -> list[keras.layers.Layer]:
    """Return the layers that standardize each channel, and fill gaps with its mean.

    Mean and standard deviation are those of the known values. A constant channel is only
    centered.

    Example:
        >>> x = np.random.default_rng(0).normal([20.0, 1013.0], [2.0, 5.0], (256, 2))
        >>> model = keras_vae.VAE(
        ...     *keras_vae.nets.dense((2,), latent_dim=1, heads=2),
        ...     likelihood="normal",
        ...     preprocess=keras_vae.preprocessing.standardize(x),
        ... )
        >>> model.reconstruct(x[:8]).shape
        TensorShape([8, 2])

    Args:
        x: Training data, `(count, ..., channels)`, with NaN for gaps.
        gaps: Whether NaN is a gap when the model is used. None if there is one in `x`.

    Returns:
        A `keras.layers.Normalization`, and if there are gaps a `keras_vae.layers.FillGaps`.

    Raises:
        ValueError: If a channel has no finite number, a value is infinite, or float32 cannot tell
            the numbers of a channel apart, or hold their variance.
    """
    x = arguments.readings("x", x).astype("float64")
    missing = np.isnan(x)
    empty = missing.reshape(-1, x.shape[-1]).all(axis=0)
    if not x.size or empty.any() or np.isinf(x).any():
        raise UsageError(
            "Expected at least one number in each channel, and no infinity. Received: x of shape "
            f"{x.shape} with {int(np.isinf(x).sum())} infinite values, and no number in channel(s) "
            f"{np.flatnonzero(empty).tolist()}. (Leave out empty channels, such as time stamps.)"
        )
    axes = tuple(range(x.ndim - 1))
    mean, variance = np.nanmean(x, axis=axes), np.nanvar(x, axis=axes)
    precision.refuse_coarse(np.nanmax(np.abs(x), axis=axes), np.sqrt(variance))
    tiny = (0.0 < variance) & (variance < SMALLEST_VARIANCE)
    if tiny.any():
        raise UsageError(
            "Expected channels whose variance float32 can hold, of at least "
            f"{SMALLEST_VARIANCE:g}. Received: {variance[tiny][0]:.2g} in channel(s) "
            f"{np.flatnonzero(tiny).tolist()}. (Change its unit, such as from C to aC: multiply "
            "the channel by 1e18.)"
        )
    layer = keras.layers.Normalization(
        mean=mean, variance=np.where(variance > 0.0, variance, 1.0), name="standardization"
    )
    return [layer, FillGaps(0.0)] if (missing.any() if gaps is None else gaps) else [layer]
