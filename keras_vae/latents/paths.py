"""Paths between codes: straight lines, and arcs for codes of a normal prior."""

from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.validation import arguments

# Below this angle, in radians, sin(angle) is too small to divide by; the arc is its chord.
SMALLEST_ANGLE = 1e-6


def lerp(start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """Interpolate linearly between codes; the first and last step equal `start` and `end`.

    Example:
        >>> keras_vae.latents.lerp(np.zeros((1, 1)), np.ones((1, 1)), steps=3).ravel()
        array([0. , 0.5, 1. ], dtype=float32)

    Args:
        start: Codes, `(batch, *latent_shape)`.
        end: Codes of the same shape.
        steps: Points of each line, both ends included; at least 2.

    Returns:
        `(batch, steps, *latent_shape)`, float32.

    Raises:
        ValueError: If the shapes differ, a code is not finite, or `steps` is less than 2.
        TypeError: If codes are not real numbers, or `steps` is no integer.
    """
    start, end, fraction = check_ends(start, end, steps)
    return _combine(start, end, 1.0 - fraction, fraction)


def slerp(start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """Interpolate spherically between codes (Shoemake 1985; White 2016, arXiv:1609.04468).

    Codes of a standard normal in many dimensions lie near a sphere, which a straight line would
    leave. Lengths are interpolated too. Parallel, opposite and zero codes have no unique arc; they
    are interpolated linearly. Arguments, result and errors are those of `lerp`.

    Example:
        >>> start, end = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
        >>> keras_vae.latents.slerp(start, end, steps=3).round(2)
        array([[[1.  , 0.  ],
                [0.71, 0.71],
                [0.  , 1.  ]]], dtype=float32)
    """
    start, end, fraction = check_ends(start, end, steps)
    angle = _angles(start, end)[:, None]
    chord = np.sin(angle) < SMALLEST_ANGLE
    divisor = np.where(chord, 1.0, np.sin(angle))
    near = np.where(chord, 1.0 - fraction, np.sin((1.0 - fraction) * angle) / divisor)
    far = np.where(chord, fraction, np.sin(fraction * angle) / divisor)
    return _combine(start, end, near, far)


METHODS = {"lerp": lerp, "slerp": slerp}


def check_ends(start: Any, end: Any, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return both ends, and 0 to 1 in `steps` points, `(1, steps)`.

    Raises:
        ValueError: If the shapes differ, a number is not finite, or `steps` is less than 2.
        TypeError: If they are not real numbers.
    """
    steps = arguments.integer("steps", steps, 2)
    start, end = arguments.codes("start", start), arguments.codes("end", end)
    if start.shape != end.shape or start.ndim < 2 or not start.size:
        raise UsageError(
            "Expected start and end of one shape (batch, ...), at least one each. Received: shapes "
            f"{start.shape} and {end.shape}."
        )
    return start, end, np.linspace(0.0, 1.0, steps)[None]


def _angles(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return angles between pairs of codes, `(batch,)`, in radians; 0 if one of them is 0."""
    first = np.reshape(start, (len(start), -1)).astype("float64")
    last = np.reshape(end, (len(end), -1)).astype("float64")
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(last, axis=1)
    cosine = np.sum(first * last, axis=1) / np.where(lengths == 0.0, 1.0, lengths)
    return np.where(lengths == 0.0, 0.0, np.arccos(np.clip(cosine, -1.0, 1.0)))


def _combine(start: np.ndarray, end: np.ndarray, near: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Return `near * start + far * end`, `(batch, steps, *latent_shape)`.

    Weights of 0 and 1 are exact.
    """
    extra = (1,) * (np.ndim(start) - 1)
    near, far = (weight.reshape(*weight.shape, *extra) for weight in (near, far))
    return (near * start[:, None] + far * end[:, None]).astype("float32")
