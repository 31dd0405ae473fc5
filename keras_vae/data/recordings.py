"""Windows of a recording, and the way back from their scores to its points."""

from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.validation import arguments


def windows(recording: Any, length: int, stride: int | None = None) -> np.ndarray:
    """Cut a recording into windows, as `keras-vae train --window LENGTH --stride STRIDE` does.

    Example:
        >>> recording = np.arange(20.0).reshape(10, 2)  # 10 steps of 2 sensors
        >>> keras_vae.windows(recording, length=4, stride=3).shape
        (3, 4, 2)

    Args:
        recording: `(steps, features)`, or `(steps,)` for one feature. NaN are missing values, see
            `with_mask`.
        length: Steps of a window.
        stride: Steps from the start of a window to that of the next; `length` by default, so that
            windows do not overlap.

    Returns:
        Windows `(count, length, features)` in their order in time: views of the recording that
        cannot be written to. Up to `stride` - 1 steps at the end are in no window.

    Raises:
        ValueError: If there are fewer steps than `length`, a number is less than 1, or the
            recording has other axes.
        TypeError: If the recording has values that are no real numbers.
    """
    steps = arguments.readings("recording", recording)
    steps = steps[:, None] if steps.ndim == 1 else steps
    if steps.ndim != 2:
        raise UsageError(
            f"Expected a recording of shape (steps, features). Received: shape {steps.shape}."
        )
    if arguments.integer("length", length) > len(steps):
        raise UsageError(
            f"Expected a recording of at least length={length} steps. Received: {len(steps)}."
        )
    apart = arguments.integer("stride", length if stride is None else stride)
    views = np.lib.stride_tricks.sliding_window_view(steps, length, axis=0)[::apart]
    return np.swapaxes(views, 1, 2)


def with_mask(x: Any, masked: bool | str = "features") -> tuple[np.ndarray, np.ndarray]:
    """Make the pair `(x, mask)` that a masked model takes, from data with NaN for missing values.

    Example:
        >>> x, mask = keras_vae.with_mask([[[1.0, np.nan], [2.0, 3.0]]])
        >>> mask.tolist()
        [[[1.0, 0.0], [1.0, 1.0]]]
        >>> keras_vae.with_mask([[[1.0, np.nan], [2.0, 3.0]]], masked=True)[1].tolist()
        [[0.0, 1.0]]

    Args:
        x: `(batch, time, features)`.
        masked: As in the model: "features" for a mask of each value; True for one of steps, where
            a step counts as missing if one of its values is.

    Returns:
        x with 0 in place of NaN, and the mask, `(batch, time, features)` or `(batch, time)`, with 1
        for what is present. Both are float32.

    Raises:
        ValueError: If x has other axes or an infinite value, or `masked` is another value.
    """
    x = arguments.readings("x", x).astype("float32")
    if x.ndim != 3 or np.isinf(x).any():
        raise UsageError(
            "Expected x of shape (batch, time, features), finite or NaN. Received: shape "
            f"{x.shape}, {int(np.isinf(x).sum())} values infinite."
        )
    if masked is not True:
        arguments.choice("masked", masked, (True, "features"))
    present = ~np.isnan(x)
    mask = present.all(axis=2) if masked is True else present
    return np.where(present, x, np.float32(0)), mask.astype("float32")


def point_scores(
    scores: Any, steps: int, length: int, stride: int | None = None, reduce: str = "mean"
) -> np.ndarray:
    """Return a score for each step of a recording, from the scores of its windows.

    Example:
        >>> keras_vae.point_scores([1.0, 5.0], steps=7, length=4, stride=2)
        array([ 1.,  1.,  3.,  3.,  5.,  5., nan])

    Args:
        scores: One for each window, `(count,)`, as of `AnomalyDetector.predict`; or one for each
            step of each window, `(count, length)`, as of `AnomalyDetector.score_steps`.
        steps: Steps of the recording.
        length: As in `windows`.
        stride: As in `windows`.
        reduce: "mean" or "max" over the windows that cover a step.

    Returns:
        float64 `(steps,)`: NaN for steps in no window.

    Raises:
        ValueError: If there are not as many scores as windows of such a recording.
    """
    scores = arguments.array("scores", scores, finite=False).astype("float64")
    apart = arguments.integer("stride", length if stride is None else stride)
    length = arguments.integer("length", length)
    count = max(0, (arguments.integer("steps", steps) - length) // apart + 1)
    if scores.shape not in ((count,), (count, length)) or not count:
        raise UsageError(
            f"Expected scores of shape ({count},) or ({count}, {length}), one for each "
            f"window or each of its steps. Received: shape {scores.shape}. (Give the length and "
            "the stride that the recording was cut with.)"
        )
    starts = np.arange(count) * min(apart, steps)
    each = np.broadcast_to(scores.T, (length, count)).T
    places = starts[:, None] + np.arange(length)
    return _REDUCE[arguments.choice("reduce", reduce, tuple(_REDUCE))](places, each, steps)


def _mean(places: np.ndarray, scores: np.ndarray, steps: int) -> np.ndarray:
    counts = np.bincount(places.ravel(), minlength=steps)
    sums = np.bincount(places.ravel(), scores.ravel(), minlength=steps)
    return np.divide(sums, counts, out=np.full(steps, np.nan), where=counts > 0)


def _max(places: np.ndarray, scores: np.ndarray, steps: int) -> np.ndarray:
    found = np.full(steps, -np.inf)
    np.maximum.at(found, places, scores)
    found[np.bincount(places.ravel(), minlength=steps) == 0] = np.nan
    return found


_REDUCE = {"mean": _mean, "max": _max}
