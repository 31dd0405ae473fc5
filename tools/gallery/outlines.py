"""Outlines of letters as sequences of points, whole, of many lengths, or with a hidden stretch."""

from typing import Any

import numpy as np


def longest_outline(image: np.ndarray) -> np.ndarray:
    """Return the longest line around the bright pixels of an image, `(points, 2)`, in pixels.

    It is closed, and begins at the point that is nearest to the top left corner.

    Args:
        image: `(height, width, channels)`, not constant.
    """
    from contourpy import contour_generator

    bright = np.pad(image.mean(axis=-1), 1)
    lines: Any = contour_generator(z=bright, name="serial").lines(0.5 * float(bright.max()))
    line = max(lines, key=_length)[:-1]
    line = np.roll(line, -int(line.sum(axis=1).argmin()), axis=0)
    return np.concatenate([line, line[:1]])


def _length(line: np.ndarray) -> float:
    return float(_steps(line).sum())


def _steps(line: np.ndarray) -> np.ndarray:
    return np.hypot(*np.diff(line, axis=0).T)


def spread(line: np.ndarray, count: int) -> np.ndarray:
    """Return `count` points at equal distances along a line, `(count, 2)`."""
    along = np.concatenate([[0.0], np.cumsum(_steps(line))])
    places = np.linspace(0, along[-1], count)
    return np.stack([np.interp(places, along, axis) for axis in line.T], axis=1)


def outlines(images: np.ndarray, count: int) -> np.ndarray:
    """Return the outlines of images as `count` points each.

    Args:
        images: `(batch, height, width, channels)`.
        count: Number of points of an outline.

    Returns:
        `(batch, count, 2)`, x and y in [-1, 1], float32; y grows upwards.
    """
    return np.stack([_centered(spread(longest_outline(x), count), x) for x in images])


def outlines_of_many_lengths(
    images: np.ndarray, most: int, spacing: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return outlines whose points are `spacing` pixels apart, with a mask.

    Args:
        images: `(batch, height, width, channels)`.
        most: Largest number of points; the points of longer outlines are farther apart.
        spacing: Distance of two points, in pixels.

    Returns:
        Outlines `(batch, most, 2)`, 0 in padding, and the mask `(batch, most)`.
    """
    x = np.zeros((len(images), most, 2), "float32")
    mask = np.zeros(x.shape[:2], "float32")
    for row, image in enumerate(images):
        line = longest_outline(image)
        count = int(np.clip(round(_length(line) / spacing), 2, most))
        x[row, :count], mask[row, :count] = _centered(spread(line, count), image), 1
    return x, mask


def _centered(line: np.ndarray, image: np.ndarray) -> np.ndarray:
    half = max(image.shape[:2]) / 2
    return ((line - half - 0.5) / half * (1, -1)).astype("float32")


def hide_stretches(x: np.ndarray, hidden: int) -> tuple[np.ndarray, np.ndarray]:
    """Hide a stretch of `hidden` steps of each sequence, and return sequences and mask."""
    random = np.random.default_rng(0)
    mask = np.ones(x.shape[:2], "float32")
    for one, start in zip(mask, random.integers(0, x.shape[1] - hidden + 1, len(x)), strict=True):
        one[start : start + hidden] = 0
    return x * mask[..., None], mask
