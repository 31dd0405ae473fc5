"""How far a cell of a map reaches through a layer, exactly, from the layer's arguments.

A tile is a part of a map. What a network makes of it is what it makes of the whole map, but near
the edges that are cut: there a layer sees its padding where the whole map goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers


@dataclass(frozen=True)
class Axis:
    """One axis of what a network makes of a tile of n cells: it has `scale * n + extra` pixels.

    Attributes:
        scale: Pixels for each cell.
        extra: Pixels beyond that, or missing.
        before: How many of the first are others than of the whole map, if the tile is cut there.
        after: How many of the last.
    """

    scale: int = 1
    extra: int = 0
    before: int = 0
    after: int = 0

    def pixels(self, cells: int) -> int:
        """How many there are of so many cells."""
        return self.scale * cells + self.extra

    @property
    def overlap(self) -> int:
        """Cells that neighboring tiles must share for each pixel to be exact in one of them."""
        return max(-((self.extra - self.before - self.after) // self.scale), 0)

    def convolved(self, size: int, padding: str) -> Axis:
        """After a convolution of step 1 whose kernel spans `size` pixels."""
        if padding == "valid":
            return Axis(self.scale, self.extra - size + 1, self.before, self.after)
        before = (size - 1) // 2
        return Axis(self.scale, self.extra, self.before + before, self.after + size - 1 - before)

    def transposed(self, size: int, step: int, padding: str) -> Axis:
        """After a transposed convolution: pixel j is of each pixel i with 0 <= j + p - i s < size.

        s is the step; p pixels are cut off at the front, none or half of what is beyond a step.
        """
        beyond = max(size - step, 0)
        front = beyond // 2 if padding == "same" else 0
        back = 0 if padding == "same" else beyond
        return Axis(
            self.scale * step,
            self.extra * step + back,
            max((self.before - 1) * step + size - front, 0),
            self.after * step + front + back,
        )

    def enlarged(self, step: int, smooth: bool) -> Axis:
        """After repetition, or linear interpolation, of each pixel to `step` of them."""
        reach = step // 2 if smooth else 0
        return Axis(
            self.scale * step,
            self.extra * step,
            self.before * step + reach,
            self.after * step + reach,
        )

    def padded(self, front: int, back: int) -> Axis:
        """With zeros put on, or, where these are negative, pixels cut off."""
        return Axis(
            self.scale,
            self.extra + front + back,
            max(self.before + front, 0),
            max(self.after + back, 0),
        )


Axes = tuple[Axis, Axis]

# Each element of what comes out is of the same element, or of all channels of the same pixel.
POINTWISE = (
    layers.Activation,
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.Dense,
    layers.Dropout,
    layers.ELU,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.LeakyReLU,
    layers.ReLU,
    layers.SpatialDropout2D,
)
MERGING = (
    layers.Add,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.Subtract,
)
OF_CHANNELS = (
    layers.BatchNormalization,
    layers.Concatenate,
    layers.LayerNormalization,
    layers.Softmax,
)
CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
OPERATIONS = ("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Negative", "Exp", "Sigmoid")


def after(layer: Any, before: list[Axes], arguments: list[Any]) -> Axes | None:
    """The axes of what a layer gives, or None if that is not known to look the same everywhere.

    Args:
        layer: A layer, or an operation of `keras.ops`.
        before: The axes of each map that it takes.
        arguments: All that it takes.
    """
    if len({(h.scale, h.extra, w.scale, w.extra) for h, w in before}) != 1:
        return None
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return None
    if not _known(getattr(layer, "activation", None)):
        return None
    change = _change(layer, arguments)
    if change is None:
        return None
    height, width = (_worst([axes[i] for axes in before]) for i in (0, 1))
    return change(height, 0), change(width, 1)


def _worst(axes: list[Axis]) -> Axis:
    """Of maps that are merged, of equal sizes."""
    first = axes[0]
    return Axis(
        first.scale,
        first.extra,
        max(axis.before for axis in axes),
        max(axis.after for axis in axes),
    )


def _known(activation: Any) -> bool:
    """Whether an activation is of Keras: others may look at all pixels."""
    return activation is None or activation.__module__.split(".")[0] == "keras"


def _change(layer: Any, arguments: list[Any]) -> Callable[[Axis, int], Axis] | None:
    """What a layer does to axis 0, the height, and axis 1; by exact class, as others may differ."""
    kind = type(layer)
    if kind in POINTWISE + MERGING or (kind in OF_CHANNELS and _is_last(layer.axis)):
        return lambda axis, _: axis
    if kind in CONVOLUTIONS and set(layer.strides) == {1}:
        return lambda axis, i: axis.convolved(
            (layer.kernel_size[i] - 1) * layer.dilation_rate[i] + 1, layer.padding
        )
    if kind is layers.Conv2DTranspose:
        return _transposed(layer)
    if kind is layers.UpSampling2D and layer.interpolation in ("nearest", "bilinear"):
        return lambda axis, i: axis.enlarged(layer.size[i], layer.interpolation == "bilinear")
    if kind is layers.ZeroPadding2D:
        return lambda axis, i: axis.padded(*layer.padding[i])
    if kind is layers.Cropping2D:
        return lambda axis, i: axis.padded(*(-n for n in layer.cropping[i]))
    if isinstance(layer, keras.layers.Layer) or not _is_pointwise_operation(layer, arguments):
        return None
    return lambda axis, _: axis


def _transposed(layer: layers.Conv2DTranspose) -> Callable[[Axis, int], Axis] | None:
    if layer.output_padding is not None or set(layer.dilation_rate) != {1}:
        return None
    return lambda axis, i: axis.transposed(layer.kernel_size[i], layer.strides[i], layer.padding)


def _is_last(axis: Any) -> bool:
    """Whether an axis of a map is that of the channels."""
    return list(axis if isinstance(axis, list | tuple) else [axis]) in ([-1], [3])


def _is_pointwise_operation(operation: Any, arguments: list[Any]) -> bool:
    """Whether an operation of maps, and of numbers, is one that knows of no place."""
    name = type(operation).__name__
    if name == "Split":
        return _is_last(operation.axis)
    numbers = [a for a in arguments if not isinstance(a, keras.KerasTensor)]
    return name in OPERATIONS and all(isinstance(a, int | float) for a in numbers)
