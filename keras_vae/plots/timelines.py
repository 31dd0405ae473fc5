"""Figures of scores over time."""

import datetime
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.metrics.ranges import ends
from keras_vae.plots.figures import FONT_SIZE, TEXT_COLOR, Figure, new_figure
from keras_vae.validation import arguments
from keras_vae.validation.containers import refuse_masked, to_array

WIDTH, HEIGHT = 10.0, 2.6  # Inches.
SCORE_COLOR, THRESHOLD_COLOR, FLAGGED_COLOR = "#1f77b4", "#333333", "#e8710a"


def timeline(scores: Any, threshold: Any = None, flagged: Any = None, times: Any = None) -> Figure:
    """Draw scores over time, with the threshold as a line and flagged stretches as bands.

    Example:
        >>> scores = keras_vae.point_scores([1.0, 2.0, 9.0], steps=12, length=4)
        >>> figure = keras_vae.plots.timeline(scores, threshold=5.0)

    Args:
        scores: One for each step, `(steps,)`, as of `keras_vae.point_scores`; NaN leaves a gap.
        threshold: A number, or `detector.threshold`; None for no line.
        flagged: Which steps to mark, bool `(steps,)`; those above the threshold by default.
        times: Place of each step on the axis, `(steps,)`, numbers or dates; 0, 1, ... by default.

    Raises:
        ValueError: If the arrays have other shapes.
    """
    scores = arguments.array("scores", scores, finite=False).astype("float64")
    if scores.ndim != 1 or not len(scores):
        raise UsageError(
            f"Expected scores of shape (steps,). Received: shape {scores.shape}. (For windows: "
            "keras_vae.point_scores(scores, steps, length, stride).)"
        )
    value = None if threshold is None else arguments.real("threshold", _number(threshold))
    if flagged is None:
        flagged = np.zeros(len(scores), bool) if value is None else scores > value
    refuse_masked("times", times)
    places = np.arange(len(scores)) if times is None else to_array("times", times)
    flagged = arguments.array("flagged", flagged)
    dates = all(isinstance(place, datetime.date) for place in places.flat)
    if not (dates or places.dtype.kind in "iufM") or not np.isin(flagged, (0, 1)).all():
        raise UsageError(
            "Expected times of numbers or dates, and flagged of booleans. Received: "
            f"{places.dtype} and {flagged.dtype}. (Of dates as text: times.astype('datetime64').)"
        )
    flagged = flagged.astype(bool)
    for name, array in (("flagged", flagged), ("times", places)):
        if array.shape != scores.shape:
            raise UsageError(
                f"Expected {name} of shape {scores.shape}, as scores. Received: {array.shape}."
            )
    return _draw(scores, value, flagged, places)


def _draw(scores: np.ndarray, value: float | None, flagged: np.ndarray, places: Any) -> Figure:
    figure = new_figure(WIDTH, HEIGHT, layout="constrained")
    axes = figure.subplots()
    for start, stop in stretches(flagged):
        axes.axvspan(
            places[start], places[stop - 1], color=FLAGGED_COLOR, alpha=0.3, label="flagged"
        )
    axes.plot(places, scores, color=SCORE_COLOR, linewidth=1.0, label="score")
    if value is not None:
        axes.axhline(value, color=THRESHOLD_COLOR, linestyle="--", linewidth=1.0, label="threshold")
    named = dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))  # Each name once.
    axes.legend(
        named.values(), named.keys(), fontsize=FONT_SIZE - 2, frameon=False, loc="upper left"
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=FONT_SIZE - 2, colors=TEXT_COLOR)
    axes.margins(x=0)
    return figure


def stretches(flagged: np.ndarray) -> list[tuple[int, int]]:
    """Return the first index and the one after the last of each stretch of True."""
    return [(int(start), int(stop)) for start, stop in zip(*ends(flagged), strict=True)]


def _number(threshold: Any) -> Any:
    """Return the value of a `Threshold`, or a number as it is."""
    return getattr(threshold, "value", threshold)
