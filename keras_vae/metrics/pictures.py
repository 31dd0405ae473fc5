"""Quality of reconstructions: two kinds of PSNR, and SSIM."""

import math
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.validation import arguments

# The window of Wang et al. 2004: a Gaussian of 1.5 pixels, cut at 5 pixels from its center.
SIGMA, RADIUS = 1.5, 5
PICTURES_AT_ONCE = 500
RANGE_TOLERANCE = 1e-3  # Rounding errors of floats.


def psnr_of_mean_error(x: Any, reconstruction: Any, data_range: float = 1.0) -> float:
    """Return the peak signal-to-noise ratio of the mean squared error over all images, in dB.

    By Jensen's inequality it is at most `mean_psnr`. The two differ by 0.3 to 1.2 dB on
    Fashion-MNIST, so state which one you report.

    Example:
        >>> round(keras_vae.metrics.psnr_of_mean_error(test, test + 0.1), 1)  # dB
        20.0

    Args:
        x: Images, `(count, ...)`.
        reconstruction: Their reconstructions, of the same shape.
        data_range: Distance of the lowest and highest possible value, 1 for pixels in [0, 1].

    Raises:
        ValueError: If the shapes differ, there are no images, one is not finite, `data_range` is
            not above 0, or `x` has values further apart than that. A reconstruction of NaN, of a
            broken model, makes the result NaN.
    """
    return float(psnr(_squared_errors(x, reconstruction, data_range).mean(), data_range))


def mean_psnr(x: Any, reconstruction: Any, data_range: float = 1.0) -> float:
    """Return the mean of the peak signal-to-noise ratios of single images, in dB.

    It is infinite if any image is reconstructed without error. Arguments and errors are those of
    `psnr_of_mean_error`.

    Example:
        >>> round(keras_vae.metrics.mean_psnr(test, test + 0.1), 1)  # dB
        20.0
    """
    return float(psnr(_squared_errors(x, reconstruction, data_range), data_range).mean())


def psnr(squared_error: Any, peak: float = 1.0, cap: float = math.inf) -> Any:
    """Convert mean squared errors to peak signal-to-noise ratios, 10 log10(peak^2 / error), in dB.

    Args:
        squared_error: Mean squared errors, a number or an array.
        peak: Distance of the lowest and highest possible value, 1 for pixels in [0, 1].
        cap: Largest result; an error of 0 has an infinite one.

    Returns:
        float64, of the shape of `squared_error`.
    """
    with np.errstate(divide="ignore"):
        return np.minimum(10.0 * np.log10(peak**2 / np.asarray(squared_error, "float64")), cap)


def ssim(x: Any, reconstruction: Any, data_range: float = 1.0) -> float:
    """Return the mean structural similarity (Wang et al. 2004, IEEE TIP 13(4)), 1 for equal images.

    As in the paper, the window is a Gaussian of 1.5 pixels, its covariance has no Bessel
    correction, and only windows within the image count. Channels are averaged.

    Example:
        >>> keras_vae.metrics.ssim(test, test)
        1.0

    Args:
        x: Images, `(count, height, width, channels)`, at least 11 pixels high and wide.
        reconstruction: Their reconstructions, of the same shape.
        data_range: As in `psnr_of_mean_error`.

    Raises:
        ValueError: If the shapes differ or have another rank, the images are too small, or `x` has
            values further apart than `data_range`.
    """
    x, reconstruction = _pair(x, reconstruction, data_range)
    if x.ndim != 4 or min(x.shape[1:3]) < 2 * RADIUS + 1:
        raise UsageError(
            "Expected pictures (count, height, width, channels) of at least 11x11 pixels, the size "
            f"of the window. Received: shape {x.shape}."
        )
    sums = [
        _similarity(
            x[start : start + PICTURES_AT_ONCE],
            reconstruction[start : start + PICTURES_AT_ONCE],
            data_range,
        ).sum()
        for start in range(0, len(x), PICTURES_AT_ONCE)
    ]
    return float(sum(sums) / len(x))


def _similarity(x: np.ndarray, y: np.ndarray, data_range: float) -> np.ndarray:
    """Return the SSIM of each image, `(count,)`."""
    x, y = x.astype("float64"), y.astype("float64")
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x = _blur(x * x) - mean_x**2
    variance_y = _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    luminance, contrast = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    above = (2 * mean_x * mean_y + luminance) * (2 * covariance + contrast)
    below = (mean_x**2 + mean_y**2 + luminance) * (variance_x + variance_y + contrast)
    return np.mean(above / below, axis=(1, 2, 3))


def _blur(pictures: np.ndarray) -> np.ndarray:
    """Return weighted means under the window, where it lies within the image."""
    window = np.exp(-0.5 * np.square(np.arange(-RADIUS, RADIUS + 1) / SIGMA))
    window /= window.sum()
    for axis in (1, 2):
        size = pictures.shape[axis] - 2 * RADIUS
        shifted = (np.take(pictures, range(i, i + size), axis) for i in range(2 * RADIUS + 1))
        pictures = sum(weight * part for weight, part in zip(window, shifted, strict=True))
    return pictures


def _squared_errors(x: Any, reconstruction: Any, data_range: float) -> np.ndarray:
    """Return the mean squared error of each image, `(count,)`."""
    x, reconstruction = _pair(x, reconstruction, data_range)
    axes = tuple(range(1, x.ndim))
    return np.mean(np.square(x - reconstruction, dtype="float64"), axis=axes)


def _check_range(name: str, values: np.ndarray, data_range: float) -> None:
    """Raise ValueError if `values` lie further apart than the range of all possible ones."""
    low, high = float(values.min()), float(values.max())
    if high - low > data_range * (1.0 + RANGE_TOLERANCE):
        raise UsageError(
            f"Expected {name} within a data_range of {data_range:g}. Received: {values.dtype} from "
            f"{low:g} to {high:g}. (Of 8-bit pixels: {name} / 255, or data_range=255.)"
        )


def _pair(x: Any, reconstruction: Any, data_range: float) -> tuple[np.ndarray, np.ndarray]:
    x = arguments.array("x", x)
    reconstruction = arguments.array("reconstruction", reconstruction, finite=False)
    fits = x.shape == reconstruction.shape and x.ndim >= 2 and x.size
    if not fits or arguments.real("data_range", data_range) <= 0:
        raise UsageError(
            "Expected at least one picture, reconstructions of the same shape, and a data_range "
            f"above 0. Received: shapes {x.shape} and {reconstruction.shape}, "
            f"data_range={data_range!r}."
        )
    _check_range("x", x, data_range)
    if reconstruction.dtype.kind in "ui":  # Floats of a bad model may be anything.
        _check_range("reconstruction", reconstruction, data_range)
    kind = np.result_type(x, reconstruction, "float32")  # 8-bit pixels would wrap.
    return x.astype(kind), reconstruction.astype(kind)
