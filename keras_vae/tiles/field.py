"""Exact receptive field of a network's layers, from their arguments.

A tile of an image begins and ends at multiples of the network's step. Its codes are those of the
whole image, but for the cells whose field crosses a cut edge: there a layer sees padding in place
of the rest of the image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import layers

from keras_vae.tiles import reach

POOLING = (layers.AveragePooling2D, layers.MaxPooling2D)


@dataclass(frozen=True)
class Field:
    """One axis: cell j depends on pixels from `step * j - left` to `step * j + right`.

    Attributes:
        step: Pixels from a cell to the next.
        left: Pixels in front of the first pixel of a cell.
        right: Pixels behind it.
    """

    step: int = 1
    left: int = 0
    right: int = 0

    def pixels(self, count: int) -> int:
        """Return the number of cells of `count` pixels."""
        return count // self.step

    @property
    def halo(self) -> tuple[int, int]:
        """Cells in front and behind that are not exact if a tile is cut there."""
        return -(-self.left // self.step), max(-(-(self.right + 1 - self.step) // self.step), 0)

    def convolve(self, size: int, step: int, padding: str) -> Field | None:
        """Return the field after a window of `size` pixels, or None if cells do not line up."""
        if padding == "valid" and size != step:
            return None
        before = max(size - step, 0) // 2
        return Field(
            self.step * step,
            self.left + before * self.step,
            self.right + (size - 1 - before) * self.step,
        )


Fields = tuple[Field, Field]


def after(layer: Any, before: list[Fields], arguments: list[Any]) -> Fields | None:
    """Return the fields of a layer's output, or None if it may differ between places.

    Args:
        layer: A layer, or an operation of `keras.ops`.
        before: The fields of each map among its arguments.
        arguments: All its arguments.
    """
    if not reach.is_known(layer, {(h.step, w.step) for h, w in before}):
        return None
    change = _change(layer, arguments)
    height, width = (_merge([fields[i] for fields in before]) for i in (0, 1))
    changed = None if change is None else (change(height, 0), change(width, 1))
    return None if changed is None or None in changed else changed  # type: ignore[return-value]


def _merge(fields: list[Field]) -> Field:
    return Field(fields[0].step, max(f.left for f in fields), max(f.right for f in fields))


def _change(layer: Any, arguments: list[Any]) -> Callable[[Field, int], Field | None] | None:
    """Return the change of axis 0, the height, and axis 1 by a layer, matched by exact class."""
    kind = type(layer)
    if reach.is_pointwise(layer, arguments):
        return lambda field, _: field
    if kind in reach.CONVOLUTIONS:
        return lambda field, i: field.convolve(
            (layer.kernel_size[i] - 1) * layer.dilation_rate[i] + 1, layer.strides[i], layer.padding
        )
    if kind in POOLING:
        return lambda field, i: field.convolve(layer.pool_size[i], layer.strides[i], layer.padding)
    return None


def refusal(layer: Any) -> str:
    """Return the message about a layer that is not known to be the same at each place."""
    return (
        "Expected an encoder that does the same at each place of the image: convolutions with "
        "padding='same', pooling, activations of Keras, dense layers and norms over channels. "
        f"Received: the layer {reach.describe(layer)}."
    )
