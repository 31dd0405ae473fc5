"""Generated volumes: one ellipsoid each, as a structure in a scan."""

import functools

import numpy as np

from keras_vae.training.data.sources.base import Data

SIDE = 16
TRAINING_VOLUMES, TEST_VOLUMES = 2_000, 500
SEED = 0
# Ranges of the center and of the semi-axes, in voxels, and of the brightness inside.
CENTER, SEMI_AXES, BRIGHTNESS = (5.5, 9.5), (2.0, 6.0), (128.0, 255.0)
EDGE = 1.0  # Voxels over which the brightness falls to 0.


def read_ellipsoids(training: int = TRAINING_VOLUMES, test: int = TEST_VOLUMES) -> Data:
    """Make volumes of 16x16x16x1: an ellipsoid in any place, size, and orientation.

    Nine numbers and a brightness determine a volume. The same volumes are made at each call.

    Args:
        training: Number of training volumes.
        test: Number of test volumes.

    Returns:
        The volumes as bytes, without labels.
    """
    random = np.random.default_rng(SEED)
    volumes = np.stack([_ellipsoid(random) for _ in range(training + test)])[..., None]
    return Data("ellipsoids", volumes[:training], volumes[training:])


def _ellipsoid(random: np.random.Generator) -> np.ndarray:
    """Return one volume, uint8 `(16, 16, 16)`."""
    center, semi_axes = random.uniform(*CENTER, 3), random.uniform(*SEMI_AXES, 3)
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    radius = np.linalg.norm((_voxels() - center) @ turn / semi_axes, axis=-1)
    # The distance from the surface along the radius, about right in voxels.
    depth = (1.0 - radius) * semi_axes.mean()
    inside = np.clip(depth / EDGE + 0.5, 0.0, 1.0)
    return np.rint(random.uniform(*BRIGHTNESS) * inside).astype(np.uint8)


@functools.cache
def _voxels() -> np.ndarray:
    """Return the places of all voxels, `(16, 16, 16, 3)`."""
    return np.stack(np.meshgrid(*[np.arange(SIDE)] * 3, indexing="ij"), axis=-1)
