"""Quality of reconstructions: two kinds of PSNR, SSIM, and SSIM at several scales."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.validation import arguments

# The window of Wang et al. 2004: a Gaussian of 1.5 pixels, cut at 5 pixels from its center.
SIGMA, RADIUS = 1.5, 5
# Weights of the scales of Wang et al. 2003, from the finest.
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
PICTURES_AT_ONCE = 500
NUMBERS_AT_ONCE = 4_000_000  # 32 MB in float64, of which about ten arrays are held.
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

    def similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.mean(_similarity(a, b, data_range)[0], axis=1)

    return _mean_of_parts(similarity, x, reconstruction)


def ms_ssim(x: Any, reconstruction: Any, data_range: float = 1.0, scales: int = 5) -> float:
    """Return the mean structural similarity at several scales (MS-SSIM), 1 for equal images.

    The source is Wang et al. 2003, "Multiscale structural similarity for image quality assessment",
    Asilomar, equation 7. Each scale averages 2x2 pixels of the one before, and doubles the last row
    or column of an odd number. Contrast and structure count at all scales, luminance at the
    coarsest. Their means over an image, 0 if negative, are raised to the exponents of the paper and
    multiplied. Fewer scales than five take the first exponents, divided by their sum. Channels are
    averaged.

    Example:
        >>> keras_vae.metrics.ms_ssim(test, test, scales=2)
        1.0

    Args:
        x: Images, `(count, height, width, channels)`. Height and width are at least
            10 * 2^(scales - 1) + 1 pixels: 161 for five scales, 81 for four, 41, 21, and 11.
        reconstruction: Their reconstructions, of the same shape.
        data_range: As in `psnr_of_mean_error`.
        scales: Number of scales, 1 to 5.

    Raises:
        ValueError: If the shapes differ or have another rank, the images are too small, `scales` is
            out of range, or `x` has values further apart than `data_range`. A reconstruction of
            NaN, of a broken model, makes the result NaN.
        TypeError: If there are values that are not numbers, or `scales` is no integer.
    """
    scales = arguments.integer("scales", scales)
    if scales > len(SCALE_WEIGHTS):
        raise UsageError(
            f"Expected scales of at most {len(SCALE_WEIGHTS)}. Received: scales={scales!r}."
        )
    x, reconstruction = _pair(x, reconstruction, data_range)
    least = 2 * RADIUS * 2 ** (scales - 1) + 1
    if x.ndim != 4 or min(x.shape[1:3]) < least:
        raise UsageError(
            f"Expected pictures (count, height, width, channels) of at least {least}x{least} "
            f"pixels for {scales} scale(s). Received: shape {x.shape}. (Take fewer scales.)"
        )
    weights = np.array(SCALE_WEIGHTS[:scales])
    if scales < len(SCALE_WEIGHTS):  # All five are those of the paper, with a sum of 1.0001.
        weights /= weights.sum()

    def similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        found = np.ones((len(a), a.shape[3]))
        for weight in weights[:-1]:
            found = found * np.maximum(_similarity(a, b, data_range)[1], 0.0) ** weight
            a, b = _halve(a), _halve(b)
        last = np.maximum(_similarity(a, b, data_range)[0], 0.0) ** weights[-1]
        return np.mean(found * last, axis=1)

    return _mean_of_parts(similarity, x, reconstruction)


def _mean_of_parts(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray], x: np.ndarray, y: np.ndarray
) -> float:
    """Return the mean of a function of images, `(count,)`, of which few are computed at a time."""
    step = max(min(PICTURES_AT_ONCE, NUMBERS_AT_ONCE // math.prod(x.shape[1:])), 1)
    parts = (slice(start, start + step) for start in range(0, len(x), step))
    sums = [function(x[p].astype("float64"), y[p].astype("float64")).sum() for p in parts]
    return float(sum(sums) / len(x))


def _similarity(x: np.ndarray, y: np.ndarray, data_range: float) -> tuple[np.ndarray, np.ndarray]:
    """Return SSIM, and its part of contrast and structure, of each channel, `(count, channels)`."""
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x = _blur(x * x) - mean_x**2
    variance_y = _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    small_luminance, small_contrast = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    luminance = (2 * mean_x * mean_y + small_luminance) / (mean_x**2 + mean_y**2 + small_luminance)
    contrast = (2 * covariance + small_contrast) / (variance_x + variance_y + small_contrast)
    return np.mean(luminance * contrast, axis=(1, 2)), np.mean(contrast, axis=(1, 2))


def _halve(pictures: np.ndarray) -> np.ndarray:
    """Return means of 2x2 pixels; the last row or column of an odd number counts twice."""
    edges = [(0, 0), *((0, size % 2) for size in pictures.shape[1:3]), (0, 0)]
    even = np.pad(pictures, edges, mode="edge")
    return (even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]) / 4.0


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
