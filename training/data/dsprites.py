"""The dSprites images, regenerated from a description: 737,280 binary images, five factors.

The original archive (Matthey et al. 2017, "dSprites: Disentanglement testing Sprites dataset") is
not read. The shapes were fitted to 320 published frames of it. These images differ from the frames
by 2 pixels on average for hearts, and by fewer for the other shapes. Tables should say "regenerated
dSprites". The sixth factor, color, has one value and is left out. Squares and ellipses are
symmetric, and the first and last orientations coincide, so no model can tell all orientations
apart.
"""

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.sources.base import Data

FACTORS = ("shape", "scale", "orientation", "x", "y")
SIZES = (3, 6, 40, 32, 32)
COUNT = int(np.prod(SIZES))
SHAPES = ("square", "ellipse", "heart")
IMAGE_SIZE = 64

SCALES = np.linspace(0.5, 1.0, SIZES[1])
ANGLES = np.linspace(0.0, 2.0 * np.pi, SIZES[2])
POSITIONS = 16.0 + 32.0 * np.linspace(0.0, 1.0, SIZES[3])

# Half the side of the square, the half axes of the ellipse, in pixels at scale 1.
SQUARE, ELLIPSE = 9.6, (12.8, 7.2)
# The heart's radius in pixels at scale 1, every 3 degrees from straight up to straight down.
HEART = np.array(
    """
    5.32 6.47 6.89 7.78 8.04 9.06 9.39 9.81 10.21 10.35 10.77 10.92 11.05 11.25 11.21 11.22 11.25
    11.25 11.13 11.02 10.81 10.78 10.58 10.29 10.10 9.68 9.41 9.12 8.86 8.47 8.09 7.76 7.54 7.38
    7.08 6.96 6.72 6.53 6.44 6.23 6.16 6.12 6.02 5.97 5.94 5.97 5.81 5.97 5.95 5.87 6.16 6.17 6.34
    6.44 6.67 6.76 7.13 7.58 7.91 8.51 9.50
    """.split(),
    float,
)
# All shapes fit a square of this side around the pixel in which their center lies.
WINDOW = 30
IMAGES_AT_ONCE = 1000


def render(factors: np.ndarray) -> np.ndarray:
    """Draw images: a pixel is on if its center lies within the shape.

    Args:
        factors: Integers `(count, 5)`, in the order of `FACTORS`, each from 0 to below its size.

    Returns:
        uint8 `(count, 64, 64, 1)`, 0 and 255.

    Raises:
        ValueError: If a factor is out of range, or the array has another shape.
    """
    factors = np.asarray(factors)
    in_range = factors.ndim == 2 and factors.shape[1] == len(SIZES)
    if not in_range or factors.dtype.kind not in "ui" or np.any((factors < 0) | (factors >= SIZES)):
        raise UsageError(
            f"Expected integers of shape (count, 5) from 0 to below {SIZES}. Received: "
            f"{factors.dtype} of shape {factors.shape}" + (" out of range" if in_range else "")
        )
    images = np.zeros((len(factors), IMAGE_SIZE, IMAGE_SIZE, 1), np.uint8)
    for start in range(0, len(factors), IMAGES_AT_ONCE):
        part = slice(start, start + IMAGES_AT_ONCE)
        _draw(images[part, :, :, 0], factors[part])
    return images


def factors_of(indices: np.ndarray) -> np.ndarray:
    """Return the factors `(count, 5)` of images by their index in the archive.

    The last factor, y, changes fastest.
    """
    return np.stack(np.unravel_index(indices, SIZES), axis=-1)


def indices_of(factors: np.ndarray) -> np.ndarray:
    """Return the indices in the archive, `(count,)`, of images with factors `(count, 5)`."""
    return np.ravel_multi_index(tuple(np.moveaxis(np.asarray(factors), -1, 0)), SIZES)


def read_dsprites(train: int = 60_000, test: int = 10_000, seed: int = 0) -> Data:
    """Draw a random part of the archive, without repetition; the labels are the shapes.

    Args:
        train: Number of training images; all 737,280 take 3 GB.
        test: Number of test images.
        seed: Seed of the choice.

    Returns:
        Images of 64x64x1.

    Raises:
        ValueError: If a number is out of range.
    """
    if min(train, test) < 1 or train + test > COUNT:
        raise UsageError(
            f"Expected at least one training and one test image, and {COUNT:,} at most in all. "
            f"Received: {train:,} and {test:,}"
        )
    chosen = factors_of(np.random.RandomState(seed).permutation(COUNT)[: train + test])
    images, labels = render(chosen), chosen[:, 0].astype(np.int64)
    return Data("dsprites", images[:train], images[train:], labels[:train], labels[train:], SHAPES)


def _draw(images: np.ndarray, factors: np.ndarray) -> None:
    """Set the pixels of `images`, `(count, 64, 64)`, that lie within the shapes."""
    shape, scale, orientation, x, y = factors.T
    left, top = (np.floor(POSITIONS[p]).astype(int) - WINDOW // 2 for p in (x, y))
    columns, rows = left[:, None] + np.arange(WINDOW), top[:, None] + np.arange(WINDOW)
    right = (columns + 0.5 - POSITIONS[x, None])[:, None, :]
    down = (rows + 0.5 - POSITIONS[y, None])[:, :, None]
    cosine, sine, size = (
        values[:, None, None]
        for values in (np.cos(ANGLES[orientation]), np.sin(ANGLES[orientation]), SCALES[scale])
    )
    u, v = (cosine * right - sine * down) / size, (sine * right + cosine * down) / size
    inside = np.zeros(u.shape, bool)
    for kind, holds in enumerate((_in_square, _in_ellipse, _in_heart)):
        those = shape == kind
        inside[those] = holds(u[those], v[those])
    images[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]] = (
        inside * np.uint8(255)
    )


def _in_square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (np.abs(u) <= SQUARE) & (np.abs(v) <= SQUARE)


def _in_ellipse(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.square(u / ELLIPSE[0]) + np.square(v / ELLIPSE[1]) <= 1.0


def _in_heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    degrees = np.rad2deg(np.arctan2(np.abs(u), -v))
    radius = np.interp(degrees, np.linspace(0.0, 180.0, len(HEART)), HEART)
    return np.hypot(u, v) <= radius
