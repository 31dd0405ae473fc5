"""Transposed convolutions to few channels as one matrix product."""

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_vae.typing import Tensor

# Up to this many filters times elements of a kernel, the matrix product is faster.
LARGEST_COLUMNS = 48


def has_onednn() -> bool:
    """Return whether convolutions run on oneDNN; False if TensorFlow does not tell."""
    try:
        from tensorflow.python.util import _pywrap_util_port
    except ImportError:
        return False
    return bool(_pywrap_util_port.IsMklEnabled())


def faster_call(layer: Any) -> Callable[[Tensor], Tensor] | None:
    """Return a faster `call` of a `Conv2DTranspose`; None where TensorFlow's is as fast."""
    return _upsampling_call(layer) if has_onednn() and _is_narrow(layer) else None


def _is_narrow(layer: Any) -> bool:
    """Return whether `upsample` can compute a transposed convolution, and does so faster."""
    sizes = zip(layer.kernel_size, layer.strides, strict=True)
    return (
        layer.filters * math.prod(layer.kernel_size) <= LARGEST_COLUMNS
        and layer.padding == "same"
        and layer.output_padding is None
        and layer.data_format == "channels_last"
        and layer.compute_dtype == "float32"
        and set(layer.dilation_rate) == {1}
        and all(kernel >= stride > 1 for kernel, stride in sizes)
    )


def _upsampling_call(layer: Any) -> Callable[[Tensor], Tensor]:
    """Return `Conv2DTranspose.call` on top of `upsample`."""

    def call(inputs: Tensor) -> Tensor:
        if None in inputs.shape[1:]:
            return type(layer).call(layer, inputs)
        outputs = upsample(inputs, tf.convert_to_tensor(layer.kernel), layer.strides)
        if layer.use_bias:
            outputs = tf.nn.bias_add(outputs, layer.bias)
        return outputs if layer.activation is None else layer.activation(outputs)

    return call


def upsample(x: Tensor, kernel: Tensor, strides: tuple[int, int]) -> Tensor:
    """Return the transposed convolution of `x`, with "same" padding.

    It is one matrix product, whose maps are added where they overlap. For few filters this is
    several times as fast as oneDNN's kernel. The gradients use TensorFlow's own ops, which are
    fast.

    Args:
        x: `(batch, height, width, channels)`.
        kernel: `(height, width, filters, channels)`, not smaller than `strides`.
        strides: Strides of rows and columns.

    Returns:
        `(batch, height * strides[0], width * strides[1], filters)`.
    """

    @tf.custom_gradient
    def function(x: Tensor, kernel: Tensor) -> tuple[Tensor, Callable]:
        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            kernel_gradient = tf.raw_ops.Conv2DBackpropFilter(
                input=upstream,
                filter_sizes=tf.shape(kernel),
                out_backprop=x,
                strides=(1, *strides, 1),
                padding="SAME",
            )
            return tf.nn.conv2d(upstream, kernel, strides, "SAME"), kernel_gradient

        return _add_maps(x, kernel, strides), gradient

    return function(x, kernel)


def _add_maps(x: Tensor, kernel: Tensor, strides: tuple[int, int]) -> Tensor:
    _, height, width, channels = x.shape
    *size, filters, _ = kernel.shape
    flat = tf.reshape(kernel, (-1, channels))
    products = tf.matmul(tf.reshape(x, (-1, channels)), flat, transpose_b=True)
    maps = tf.transpose(
        tf.reshape(products, (-1, height, width, *size, filters)), (3, 4, 5, 0, 1, 2)
    )
    rows = _phases(tf.unstack(maps), strides[0], axis=-2)
    phases = [phase for row in rows for phase in _phases(tf.unstack(row), strides[1], axis=-1)]
    grid = tf.reshape(tf.stack(phases), (*strides, filters, -1, height, width))
    image = tf.transpose(grid, (3, 4, 0, 5, 1, 2))
    return tf.reshape(image, (-1, height * strides[0], width * strides[1], filters))


def _phases(taps: list[Tensor], stride: int, axis: int) -> list[Tensor]:
    """Return for each r the sum of the taps that reach positions i * stride + r of one axis."""
    before = (len(taps) - stride) // 2
    phases: list[list[Tensor]] = [[] for _ in range(stride)]
    for number, tap in enumerate(taps):
        shift, phase = divmod(number - before, stride)
        phases[phase].append(_shift(tap, shift, axis))
    return [tf.add_n(parts) if len(parts) > 1 else parts[0] for parts in phases]


def _shift(x: Tensor, by: int, axis: int) -> Tensor:
    """Move `x` along an axis, and fill up with zeros."""
    if by == 0:
        return x
    rest = slice(None, -by) if by > 0 else slice(-by, None)
    behind = (slice(None),) * (-1 - axis)
    pads = [(0, 0)] * len(x.shape)
    pads[axis] = (max(by, 0), max(-by, 0))
    return tf.pad(x[(..., rest, *behind)], pads)
