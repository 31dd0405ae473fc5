"""Named features of images, and distances between sets of images in them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.metrics.distances import density_and_coverage, frechet_distance, kernel_distance
from keras_vae.validation import arguments
from keras_vae.validation.containers import refuse_batches

ORIENTATIONS, CELL, BLOCK = 9, 7, 2
# Limits of the L2-Hys normalization of Dalal & Triggs.
LARGEST, SMALLEST_NORM = 0.2, 1e-5
PICTURES_AT_ONCE = 2000


@dataclasses.dataclass(frozen=True)
class Extractor:
    """A named function from images to feature vectors; its name is part of each metric's name.

    Example:
        >>> means = keras_vae.metrics.Extractor("means", lambda x: x.mean(axis=(1, 2)))
        >>> scores = keras_vae.metrics.compare_pictures(test, model.sample(64, seed=0), means)
        >>> sorted(scores)[:2]
        ['coverage_means', 'density_means']

    Attributes:
        name: Name of the features; numbers of equal names are comparable.
        function: From images `(count, height, width, channels)`, pixels in [0, 1], to
            `(count, features)`.

    Raises:
        TypeError: If there is no name or no function.
        ValueError: If the function returns another number of rows; when it is called.
    """

    name: str
    function: Callable[[np.ndarray], Any]

    def __post_init__(self) -> None:
        """Raise TypeError unless there are a name and a function."""
        if not (isinstance(self.name, str) and self.name and callable(self.function)):
            raise UsageTypeError(
                "Expected an Extractor of a name and a function from images to features. "
                f"Received: {self.name!r} and {self.function!r}."
            )

    def __call__(self, images: Any) -> np.ndarray:
        """Return the features of images, float64 `(count, features)`."""
        images = arguments.array("pictures", images)
        features = arguments.array("features", self.function(images)).astype("float64")
        if features.ndim != 2 or len(features) != len(images):
            raise UsageError(
                f"Expected features ({len(images)}, size) of as many pictures. Received: shape "
                f"{features.shape}."
            )
        return features


def hog(pictures: Any) -> np.ndarray:
    """Return histograms of oriented gradients (Dalal & Triggs 2005, CVPR).

    There are nine unsigned orientations, cells of 7x7 pixels, and overlapping blocks of 2x2 cells
    with L2-Hys normalization: 324 numbers for 28x28 pixels. At each pixel the channel with the
    steepest gradient counts. The numbers equal those of scikit-image's `hog` with these settings.

    Example:
        >>> keras_vae.metrics.hog(test).shape
        (32, 324)

    Args:
        pictures: `(count, height, width, channels)`, at least 14 pixels high and wide.

    Returns:
        float64 `(count, features)`.

    Raises:
        ValueError: If the images have another rank or are too small.
    """
    pictures = arguments.array("pictures", pictures)
    if pictures.ndim != 4 or min(pictures.shape[1:3]) < BLOCK * CELL or 0 in pictures.shape:
        raise UsageError(
            "Expected pictures (count, height, width, channels) of at least 14x14 pixels, a block. "
            f"Received: shape {pictures.shape}."
        )
    parts = range(0, len(pictures), PICTURES_AT_ONCE)
    return np.concatenate([_hog(pictures[start : start + PICTURES_AT_ONCE]) for start in parts])


HOG = Extractor("hog", hog)


def compare_pictures(
    real: Any, generated: Any, extractor: Extractor = HOG, neighbors: int = 5, seed: int = 0
) -> dict[str, float]:
    """Measure the distances of generated images from real images, in named features.

    None of these is the FID, which is defined by features of one Inception network.

    Example:
        >>> scores = keras_vae.metrics.compare_pictures(test, model.sample(len(test), seed=0))
        >>> sorted(scores)[:2]
        ['coverage_hog', 'density_hog']

    Args:
        real: Images that were not used in training, `(count, height, width, channels)`.
        generated: Images of the same shape. Use equal counts, because distances depend on the
            count.
        extractor: The features.
        neighbors: k of density and coverage.
        seed: Seed of the blocks of the kernel distance.

    Returns:
        `frechet_distance_NAME`, `kernel_distance_NAME`, `kernel_distance_NAME_standard_error`,
        `density_NAME` and `coverage_NAME`.

    Raises:
        ValueError: If the images have other shapes, or the features do not fit or are too few.
        TypeError: If `extractor` is no `Extractor`.
    """
    if not isinstance(extractor, Extractor):
        raise UsageTypeError(
            f"Expected extractor to be an Extractor, such as HOG. Received: {extractor!r}."
        )
    refuse_batches("real", real)
    refuse_batches("generated", generated)
    if np.shape(real)[1:] != np.shape(generated)[1:]:
        raise UsageError(
            "Expected real and generated pictures of one shape. Received: "
            f"{np.shape(real)} and {np.shape(generated)}."
        )
    x, y = extractor(real), extractor(generated)
    name = extractor.name
    distance, error = kernel_distance(x, y, seed=seed)
    density, coverage = density_and_coverage(x, y, neighbors)
    return {
        f"frechet_distance_{name}": frechet_distance(x, y),
        f"kernel_distance_{name}": distance,
        f"kernel_distance_{name}_standard_error": error,
        f"density_{name}": density,
        f"coverage_{name}": coverage,
    }


def _hog(pictures: np.ndarray) -> np.ndarray:
    magnitude, orientation = _gradients(pictures.astype("float64"))
    count, rows, columns = (len(pictures), *(size // CELL for size in pictures.shape[1:3]))
    cells = np.empty((count, rows, columns, ORIENTATIONS))
    for index in range(ORIENTATIONS):
        part = np.where(orientation == index, magnitude, 0.0)[:, : rows * CELL, : columns * CELL]
        cells[..., index] = part.reshape(count, rows, CELL, columns, CELL).mean(axis=(2, 4))
    blocks = [
        _normalize(cells[:, r : r + BLOCK, c : c + BLOCK].reshape(count, -1))
        for r in range(rows - BLOCK + 1)
        for c in range(columns - BLOCK + 1)
    ]
    return np.concatenate(blocks, axis=1)


def _gradients(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return length and orientation, 0 to 8, of the steepest channel's gradient at each pixel."""
    down, right = np.zeros_like(pictures), np.zeros_like(pictures)
    down[:, 1:-1] = pictures[:, 2:] - pictures[:, :-2]
    right[:, :, 1:-1] = pictures[:, :, 2:] - pictures[:, :, :-2]
    steepest = np.argmax(np.hypot(down, right), axis=-1)[..., None]
    down, right = (np.take_along_axis(part, steepest, axis=-1)[..., 0] for part in (down, right))
    degrees = np.rad2deg(np.arctan2(down, right)) % 180.0
    return np.hypot(down, right), np.floor(degrees * (ORIENTATIONS / 180.0))


def _normalize(blocks: np.ndarray) -> np.ndarray:
    """Normalize by L2-Hys: to unit length, clip, and to unit length again."""

    def unit(vectors: np.ndarray) -> np.ndarray:
        squared = np.sum(np.square(vectors), axis=1, keepdims=True)
        return vectors / np.sqrt(squared + SMALLEST_NORM**2)

    return unit(np.minimum(unit(blocks), LARGEST))
