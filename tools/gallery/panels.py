"""The parts of the figures: rows of images, colored maps, planes of codes, and charts."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_vae.plots.figures import FONT_SIZE, TEXT_COLOR, Figure, image_grid, new_figure

# Side of every cell of an image, in pixels.
CELL = 56
# Width of charts in inches: 700 pixels.
WIDTH = 7.0
COLORS = ("#1f77b4", "#e8710a", "#2a9d5c", "#8e5bb5")
GRAY = "#999999"
# Standard deviations of the prior that are drawn as circles.
CIRCLES = (1, 2)
# Of a density: the nats from its peak down.
SHADES = 6


def rows_of_images(
    rows: Mapping[str, np.ndarray], title: str, column_labels: Sequence[str] = ()
) -> Figure:
    """Draw a row for each label: gray or colored images of any size, `(count, h, w, 1 or 3)`."""
    cells = np.stack([to_color(resize(images)) for images in rows.values()])
    labels = [label.strip() for label in rows]  # Two rows of a name differ in a blank.
    return image_grid(cells.clip(0, 1), title, labels, column_labels, cell=CELL)


class Line(NamedTuple):
    """A line to draw: points `(count, 2)` in [-1, 1], a color, and a width in points."""

    points: np.ndarray
    color: str
    width: float = 1.3


def rows_of_lines(
    rows: Mapping[str, Sequence[Sequence[Line]]], title: str, column_labels: Sequence[Any] = ()
) -> Figure:
    """Draw a row for each label, of as many cells; each cell has some lines."""
    columns = len(next(iter(rows.values())))
    side = WIDTH / (columns + 1.2)
    height = side * len(rows) + 0.55
    figure = new_figure(WIDTH, height)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    figure.subplots_adjust(1.2 * side / WIDTH, 0, 1, 1 - 0.55 / height, 0, 0)
    style = {"color": TEXT_COLOR, "fontsize": FONT_SIZE}
    figure.text(0.02, 1 - 0.15 / height, title, va="center", **style)
    for axes, (label, cells) in zip(grid, rows.items(), strict=True):
        axes[0].text(-1.3, 0, label.strip(), ha="right", va="center", **style)
        for axis, lines in zip(axes, cells, strict=True):
            for line in lines:
                axis.plot(*line.points.T, color=line.color, linewidth=line.width)
            axis.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), aspect="equal")
            axis.set_axis_off()
    for axis, name in zip(grid[0], column_labels, strict=False):
        axis.text(0, 1.2, str(name), ha="center", va="bottom", **style)
    return figure


def resize(images: np.ndarray, cell: int = CELL) -> np.ndarray:
    """Return images of any size as `(batch, cell, cell, channels)`, without smoothing."""
    rows, columns = (np.arange(cell) * size // cell for size in images.shape[1:3])
    return images[:, rows][:, :, columns]


def to_color(images: np.ndarray) -> np.ndarray:
    """Return `(..., 1 or 3)` as `(..., 3)`."""
    return np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


def color_map(
    values: np.ndarray, name: str = "viridis", low: float | None = None, high: float | None = None
) -> np.ndarray:
    """Color numbers of any shape from their smallest to their largest, `(..., 3)`.

    Args:
        values: Numbers.
        name: A colormap of matplotlib.
        low: The number of the first color, in place of the smallest.
        high: The number of the last color, in place of the largest.
    """
    from matplotlib import colormaps

    low = float(values.min()) if low is None else low
    high = float(values.max()) if high is None else high
    return colormaps[name]((values - low) / max(high - low, 1e-12))[..., :3]


def panels(count: int, height: float = 3.0, **options: Any) -> tuple[Figure, Any]:
    """Return a figure of the width of a page and its `count` axes in a row."""
    figure = new_figure(WIDTH, height, layout="constrained")
    return figure, figure.subplots(1, count, squeeze=False, **options)[0]


def frame(axes: Any, title: str, x: str = "", y: str = "") -> None:
    """Write title and names of axes; draw no box and a light grid."""
    axes.set_title(title, loc="left", fontsize=FONT_SIZE, color=TEXT_COLOR)
    axes.set_xlabel(x, fontsize=FONT_SIZE - 1, color=TEXT_COLOR)
    axes.set_ylabel(y, fontsize=FONT_SIZE - 1, color=TEXT_COLOR)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=TEXT_COLOR, labelsize=FONT_SIZE - 2)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)


def plane(
    axes: Any, codes: np.ndarray, labels: np.ndarray, title: str, circles: bool = True
) -> None:
    """Draw codes `(count, 2)`, colored by class, over circles of the standard normal prior."""
    axes.scatter(*codes.T, c=labels, cmap="tab10", s=5, linewidths=0)
    if circles:
        draw_prior(axes)
    frame(axes, title, "first unit", "second unit")
    axes.set_aspect("equal", adjustable="datalim")


def draw_prior(axes: Any) -> None:
    """Draw a standard normal as circles at one and two standard deviations."""
    from matplotlib.patches import Circle

    for radius in CIRCLES:
        circle = Circle((0, 0), radius, fill=False, color=TEXT_COLOR, linestyle="--", linewidth=1.2)
        axes.add_patch(circle)


def draw_density(axes: Any, log_prob: Any, limit: float = 3.5, points: int = 120) -> None:
    """Shade a density over the plane, from its log as a function of codes `(count, 2)`.

    A shade is a nat, so that you see the tails too.
    """
    ticks = np.linspace(-limit, limit, points).astype("float32")
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1)
    density = log_prob(grid.reshape(-1, 2)).reshape(points, points)
    levels = float(density.max()) + np.arange(-SHADES, 1.0)
    axes.contourf(ticks, ticks, density, levels=levels, cmap="Greys", alpha=0.6)
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit))
