"""Exact reach of a network's layers around each cell of a map, from their arguments.

A tile is a part of a map. The output for a tile equals that for the whole map except near the cut
edges: there a layer sees padding in place of the rest of the map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers


@dataclass(frozen=True)
class Axis:
    """One axis of the output for a tile of n cells, which has `scale * n + extra` pixels.

    Attributes:
        scale: Pixels for each cell.
        extra: Additional pixels, negative for missing ones.
        before: Number of the first pixels that differ from those of the whole map, if the tile is
            cut there.
        after: Number of the last pixels that differ.
    """

    scale: int = 1
    extra: int = 0
    before: int = 0
    after: int = 0

    def pixels(self, cells: int) -> int:
        """Return the number of pixels for this number of cells."""
        return self.scale * cells + self.extra

    @property
    def overlap(self) -> int:
        """Cells that neighboring tiles must share for each pixel to be exact in one of them."""
        return max(-((self.extra - self.before - self.after) // self.scale), 0)

    def convolve(self, size: int, padding: str) -> Axis:
        """Return the axis after a convolution of step 1 whose kernel spans `size` pixels."""
        if padding == "valid":
            return Axis(self.scale, self.extra - size + 1, self.before, self.after)
        before = (size - 1) // 2
        return Axis(self.scale, self.extra, self.before + before, self.after + size - 1 - before)

    def convolve_transposed(self, size: int, step: int, padding: str) -> Axis:
        """Return the axis after a transposed convolution.

        Pixel j depends on each pixel i with 0 <= j + p - i s < size. s is the step. p pixels are
        cut off at the front: none, or half of the kernel's pixels beyond a step.
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

    def enlarge(self, step: int, smooth: bool) -> Axis:
        """Return the axis after repetition or linear interpolation to `step` pixels for each."""
        reach = step // 2 if smooth else 0
        return Axis(
            self.scale * step,
            self.extra * step,
            self.before * step + reach,
            self.after * step + reach,
        )

    def pad(self, front: int, back: int) -> Axis:
        """Return the axis with zeros added or, for negative numbers, pixels cut off."""
        return Axis(
            self.scale,
            self.extra + front + back,
            max(self.before + front, 0),
            max(self.after + back, 0),
        )


Axes = tuple[Axis, Axis]

# Each output element depends on the same input element, or on all channels of the same pixel.
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
    """Return the axes of a layer's output, or None if it may differ between places.

    Args:
        layer: A layer, or an operation of `keras.ops`.
        before: The axes of each map among its arguments.
        arguments: All its arguments.
    """
    if not is_known(layer, {(h.scale, h.extra, w.scale, w.extra) for h, w in before}):
        return None
    change = _axis_change(layer, arguments)
    if change is None:
        return None
    height, width = (_merge_axes([axes[i] for axes in before]) for i in (0, 1))
    return change(height, 0), change(width, 1)


def is_known(layer: Any, sizes: set[Any]) -> bool:
    """Return whether a layer takes maps of one size, channels last, and has a known activation."""
    return (
        len(sizes) == 1
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        and _is_keras_activation(getattr(layer, "activation", None))
    )


def is_pointwise(layer: Any, arguments: list[Any]) -> bool:
    """Return whether each pixel of the output depends on the same pixel of the input alone.

    Layers are matched by exact class, since subclasses may differ.
    """
    kind = type(layer)
    if kind in POINTWISE + MERGING or (kind in OF_CHANNELS and _is_last(layer.axis)):
        return True
    return not isinstance(layer, keras.layers.Layer) and _is_pointwise_operation(layer, arguments)


def describe(layer: Any) -> str:
    """Return a layer with the arguments that decide what it does at each place."""
    arguments = ("strides", "padding", "dilation_rate", "output_padding", "axis", "interpolation")
    said = [f"{name}={getattr(layer, name)}" for name in arguments if hasattr(layer, name)]
    return f"{getattr(layer, 'name', layer)}, {type(layer).__name__}({', '.join(said)})"


def _merge_axes(axes: list[Axis]) -> Axis:
    """Return the axis of merged maps, which have equal sizes."""
    first = axes[0]
    return Axis(
        first.scale,
        first.extra,
        max(axis.before for axis in axes),
        max(axis.after for axis in axes),
    )


def _is_keras_activation(activation: Any) -> bool:
    """Return True for activations of Keras; others may depend on all pixels."""
    return activation is None or activation.__module__.split(".")[0] == "keras"


def _axis_change(layer: Any, arguments: list[Any]) -> Callable[[Axis, int], Axis] | None:
    """Return the change of axis 0, the height, and axis 1 by a layer.

    Layers are matched by exact class, since subclasses may differ.
    """
    kind = type(layer)
    if is_pointwise(layer, arguments):
        return lambda axis, _: axis
    if kind in CONVOLUTIONS and set(layer.strides) == {1}:
        return lambda axis, i: axis.convolve(
            (layer.kernel_size[i] - 1) * layer.dilation_rate[i] + 1, layer.padding
        )
    if kind is layers.Conv2DTranspose:
        return _transposed_change(layer)
    if kind is layers.UpSampling2D and layer.interpolation in ("nearest", "bilinear"):
        return lambda axis, i: axis.enlarge(layer.size[i], layer.interpolation == "bilinear")
    if kind is layers.ZeroPadding2D:
        return lambda axis, i: axis.pad(*layer.padding[i])
    if kind is layers.Cropping2D:
        return lambda axis, i: axis.pad(*(-n for n in layer.cropping[i]))
    return None


def _transposed_change(layer: layers.Conv2DTranspose) -> Callable[[Axis, int], Axis] | None:
    if layer.output_padding is not None or set(layer.dilation_rate) != {1}:
        return None
    return lambda axis, i: axis.convolve_transposed(
        layer.kernel_size[i], layer.strides[i], layer.padding
    )


def _is_last(axis: Any) -> bool:
    """Return True if an axis of a map is that of the channels."""
    return list(axis if isinstance(axis, list | tuple) else [axis]) in ([-1], [3])


def _is_pointwise_operation(operation: Any, arguments: list[Any]) -> bool:
    """Return True for operations of maps and numbers that do not depend on the place."""
    name = type(operation).__name__
    if name == "Split":
        return _is_last(operation.axis)
    numbers = [a for a in arguments if not isinstance(a, keras.KerasTensor)]
    return name in OPERATIONS and all(isinstance(a, int | float) for a in numbers)


def refusal(layer: Any) -> str:
    """Return the message about a layer that is not known to be the same at each place."""
    return (
        "Expected a decoder that does the same at each place of the map: convolutions of step 1, "
        "transposed convolutions, enlargement, padding, cropping, activations of Keras, dense "
        f"layers and norms over channels. Received: the layer {describe(layer)}."
    )
