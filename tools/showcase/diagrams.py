"""Figures that need no training: the way of an image through a VAE."""

from typing import Any

from keras_vae.plots.figures import FONT_SIZE, TEXT_COLOR, new_figure
from tools.gallery.panels import COLORS, WIDTH

# Left edge, text and color of each box; the networks are in color.
BOXES = (
    *((0.0, "x", "images", None), (1.7, "encoder", "network", COLORS[0])),
    *((3.4, "q(z | x)", "posterior", None), (5.1, "z", "code", None)),
    *((6.8, "decoder", "network", COLORS[1]), (8.5, "p(x | z)", "density", None)),
)
BOX, HEIGHT = 1.25, 0.8
PRIOR = (5.1, -1.5)
# Place of the methods and terms of the loss, next to the boxes that they come from.
NOTES = (
    *((4.02, -0.3, "encode"), (9.12, -0.3, "reconstruct")),
    *((3.3, -1.1, "kl = KL(q(z | x), p(z))"), (7.0, -1.1, "sample:\nz from p(z)")),
    (9.0, -1.1, "reconstruction\n= -log p(x | z)"),
)


def flow() -> Any:
    """Draw the networks and distributions of a VAE, and the methods that return them."""
    figure = new_figure(WIDTH, 2.4)
    axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
    axes.set(xlim=(-0.1, 9.9), ylim=(-1.75, 1.25))
    axes.set_axis_off()
    for number, (left, name, kind, color) in enumerate(BOXES):
        _box(axes, left, 0.0, name, color)
        _text(axes, left + BOX / 2, HEIGHT + 0.18, kind)
        if number:
            _arrow(axes, (left - 0.45, HEIGHT / 2), (left, HEIGHT / 2))
    for x, y, note in NOTES:
        _text(axes, x, y, note, FONT_SIZE - 1)
    _box(axes, *PRIOR, "p(z)", None)
    _arrow(axes, (PRIOR[0] + BOX / 2, PRIOR[1] + HEIGHT), (PRIOR[0] + BOX / 2, 0.0))
    return figure


def _box(axes: Any, left: float, bottom: float, text: str, color: str | None) -> None:
    from matplotlib.patches import FancyBboxPatch

    style: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.12", "linewidth": 1.4}
    edge, face = color or TEXT_COLOR, f"{color}22" if color else "white"
    box = FancyBboxPatch((left, bottom), BOX, HEIGHT, edgecolor=edge, facecolor=face, **style)
    axes.add_patch(box)
    _text(axes, left + BOX / 2, bottom + HEIGHT / 2, text, FONT_SIZE + 1)


def _arrow(axes: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>", "color": TEXT_COLOR, "shrinkA": 0, "shrinkB": 1}
    axes.annotate("", end, start, arrowprops=style)


def _text(axes: Any, x: float, y: float, text: str, size: float = FONT_SIZE) -> None:
    axes.text(x, y, text, ha="center", va="center", fontsize=size, color=TEXT_COLOR)
