"""Images of colored shapes on gradients, which stand for photos of simple scenes."""

from typing import Any

import numpy as np

TEST_PHOTOS = 60


def photos(size: int, count: int = 600, seed: int = 0) -> Any:
    """Return images of one disk, rectangle, or triangle each, `(count, size, size, 3)`.

    Colors, place, and size of the shape are random, and the background is a gradient from top to
    bottom. Values are in [0, 1], float32.
    """
    random = np.random.default_rng(seed)
    return np.stack([_photo(random, size) for _ in range(count)])


def _photo(random: np.random.Generator, size: int) -> Any:
    top, bottom = random.integers(60, 255, (2, 3))
    down = np.linspace(0, 1, size)[:, None, None]
    image = np.repeat(top * (1 - down) + bottom * down, size, axis=1)
    image[_shape(random, size)] = random.integers(0, 255, 3)
    return (np.rint(image) / 255).astype("float32")


def _shape(random: np.random.Generator, size: int) -> Any:
    """Return a mask `(size, size)` that is true inside a random shape."""
    ranges = ((0.3, 0.7), (0.3, 0.7), (0.15, 0.3))
    across, down, radius = (random.uniform(*limits) * size for limits in ranges)
    y, x = np.mgrid[:size, :size]
    x, y = (x - across) / radius, (y - down) / radius
    inside = {
        0: x**2 + y**2 <= 1,
        1: np.maximum(np.abs(x), np.abs(y)) <= 1,
        2: (y <= 1) & (2 * np.abs(x) <= y + 1),
    }
    return inside[int(random.integers(3))]
