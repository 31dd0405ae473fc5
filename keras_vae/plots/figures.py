"""Figures of image grids, drawn at whole multiples of their pixels."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_vae.errors import MissingExtraError, UsageError
from keras_vae.validation import arguments

Figure = Any

DPI = 100
TEXT_COLOR = "#333333"
FONT_SIZE = 10  # Points.
# Screen pixels.
GAP = 4
MARGIN = 10
TITLE_HEIGHT = 30
COLUMN_LABEL_HEIGHT = 22
LETTER_WIDTH = 8
# What draws other data than images, by the axes of rows, columns, and one example.
NO_FIGURE = "These figures are for image models"
OTHER_FIGURES = {
    3: f"{NO_FIGURE}. Of counts and tables, keras_vae.plots.latent_scatter draws codes",
    4: f"{NO_FIGURE}. Of series: series_samples and series_reconstructions of keras_vae.plots",
    6: f"{NO_FIGURE}. Of volumes, draw slices, such as x[:, 4] by matplotlib's imshow",
}


def new_figure(width: float, height: float, **options: Any) -> Figure:
    """Make an empty figure of `width` by `height` inches, without pyplot's global state.

    Jupyter shows it as the value of a cell.

    Raises:
        ImportError: If matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "Expected matplotlib, which draws the figures. Received: no such package. "
            "(pip install keras-vae[plots])"
        ) from error
    from keras_vae.plots.notebook import NotebookFigure

    return NotebookFigure(figsize=(width, height), dpi=DPI, **options)


def image_grid(
    images: np.ndarray,
    title: str,
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    gap: int = GAP,
    cell: int = 64,
) -> Figure:
    """Draw images in rows and columns, each pixel a square, without smoothing.

    Args:
        images: `(rows, columns, height, width, channels)`, pixels in [0, 1].
        title: Title above the grid.
        row_labels: A label for each row, or none.
        column_labels: A label for each column, or none.
        gap: Screen pixels between images.
        cell: Approximate height of an image in screen pixels; small images are enlarged to it.

    Raises:
        ValueError: If `images` has another rank, or a pixel is not finite.
    """
    if images.ndim != 5:
        raise UsageError(
            "Expected images of shape (height, width, channels) in rows and columns. Received: "
            f"an array of shape {images.shape}. ({OTHER_FIGURES.get(images.ndim, NO_FIGURE)}.)"
        )
    picture = mosaic(enlarge(arguments.array("images", images), cell), gap)
    rows, columns = images.shape[:2]
    left = MARGIN + max((len(label) + 1 for label in row_labels), default=0) * LETTER_WIDTH
    top = TITLE_HEIGHT + (COLUMN_LABEL_HEIGHT if column_labels else 0)
    height, width = picture.shape[:2]
    figure_width = max(left + width + MARGIN, MARGIN + len(title) * LETTER_WIDTH)
    figure_height = top + height + MARGIN
    figure = new_figure(figure_width / DPI, figure_height / DPI)
    place = (left / figure_width, MARGIN / figure_height)
    size = (width / figure_width, height / figure_height)
    axes = figure.add_axes((*place, *size))
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    style = {"color": TEXT_COLOR, "fontsize": FONT_SIZE}
    figure.text(
        left / figure_width,
        1 - 0.55 * TITLE_HEIGHT / figure_height,
        title,
        va="center",
        **{**style, "fontsize": FONT_SIZE + 1},
    )
    for row, label in enumerate(row_labels):
        middle = (row + 0.5) * (height + gap) / rows - gap / 2
        axes.text(-LETTER_WIDTH, middle, label, ha="right", va="center", **style)
    for column, label in enumerate(column_labels):
        middle = (column + 0.5) * (width + gap) / columns - gap / 2
        axes.text(middle, -6, label, ha="center", va="bottom", **style)
    return figure


def enlarge(images: np.ndarray, cell: int) -> np.ndarray:
    """Repeat pixels of `images` `(..., height, width, channels)` to a height of about `cell`.

    Images are never shrunk.
    """
    factor = max(1, round(cell / images.shape[-3]))
    return images.repeat(factor, axis=-3).repeat(factor, axis=-2)


def mosaic(images: np.ndarray, gap: int) -> np.ndarray:
    """Join `(rows, columns, height, width, channels)` to one image with white gaps of `gap` pixels.

    Returns:
        `(height, width)` for one channel, `(height, width, 3 or 4)` for color; other numbers of
        channels are averaged to gray.
    """
    images = np.clip(images, 0.0, 1.0)
    if images.shape[-1] not in (1, 3, 4):
        images = images.mean(axis=-1, keepdims=True)
    border = ((0, 0), (0, 0), (0, gap), (0, gap), (0, 0))
    bordered = np.pad(images, border, constant_values=1.0)
    rows, columns, height, width, channels = bordered.shape
    whole = bordered.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)
    whole = whole[: rows * height - gap, : columns * width - gap]
    return whole[..., 0] if channels == 1 else whole
