"""TensorFlow ops that are faster than those of Keras on a CPU, with the same results.

Results agree with those of Keras within rounding. An op replaces a method of a layer or of an
optimizer only while a step or a function runs or is traced. Saved and exported models use Keras's
own methods.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

from keras_vae.backend.keras_private import adam_slots, flatten_layers
from keras_vae.typing import Tensor

Replacement = tuple[Any, str, Callable]

# Up to this many filters times elements of a kernel, the matrix product is faster.
LARGEST_COLUMNS = 48


def use_in_training(model: keras.Model) -> contextlib.AbstractContextManager[None]:
    """Return a context in which the step of `model` uses the faster ops.

    Keras's ops stay with XLA, on a GPU, in eager steps, and with several replicas.
    """
    unchanged = model.jit_compile or model.run_eagerly or _has_gpu_or_strategy()
    return _replace_methods([] if unchanged else replacements(model))


def use_in_calls(model: keras.Model) -> contextlib.AbstractContextManager[None]:
    """Return a context in which calls of the layers of `model` use the faster ops.

    It is for functions that are compiled without XLA.
    """
    return _replace_methods([] if _has_gpu_or_strategy() else _replace_layers(model))


@contextlib.contextmanager
def _replace_methods(methods: Iterable[Replacement]) -> Iterator[None]:
    states: list[tuple[dict[str, Any], str, Callable]] = [
        (owner.__dict__, name, method)
        for owner, name, method in methods
        if name not in owner.__dict__
    ]
    for state, name, method in states:
        state[name] = method
    try:
        yield
    finally:
        for state, name, _ in states:
            state.pop(name, None)


def _has_gpu_or_strategy() -> bool:
    return tf.distribute.has_strategy() or bool(tf.config.list_logical_devices("GPU"))


def replacements(model: keras.Model) -> Iterator[Replacement]:
    """Yield the owner, the name and the replacement of each method, once for each owner."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if type(optimizer) in (keras.optimizers.Adam, keras.optimizers.AdamW) and not optimizer.amsgrad:
        yield optimizer, "update_step", _fused_adam(optimizer)
    yield from _replace_layers(model)


def _replace_layers(model: keras.Model) -> Iterator[Replacement]:
    if not has_onednn():  # TensorFlow's own kernels are as fast.
        return
    for layer in {id(layer): layer for layer in flatten_layers(model)}.values():
        if type(layer) is keras.layers.Conv2DTranspose and _is_narrow(layer):
            yield layer, "call", _upsampling_call(layer)


def has_onednn() -> bool:
    """Return whether convolutions run on oneDNN; False if TensorFlow does not tell."""
    try:
        from tensorflow.python.util import _pywrap_util_port
    except ImportError:
        return False
    return bool(_pywrap_util_port.IsMklEnabled())


def _fused_adam(optimizer: Any) -> Callable[[Any, Any, Any], None]:
    """Return `Adam.update_step` as one op, which reads and writes each number once."""

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> None:
        if isinstance(gradient, tf.IndexedSlices) or gradient.dtype != variable.dtype:
            type(optimizer).update_step(optimizer, gradient, variable, learning_rate)
            return
        step = tf.cast(optimizer.iterations + 1, variable.dtype)
        first, second = adam_slots(optimizer, variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=first.value.handle,
            v=second.value.handle,
            beta1_power=tf.pow(tf.cast(optimizer.beta_1, variable.dtype), step),
            beta2_power=tf.pow(tf.cast(optimizer.beta_2, variable.dtype), step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=tf.cast(optimizer.beta_1, variable.dtype),
            beta2=tf.cast(optimizer.beta_2, variable.dtype),
            epsilon=tf.cast(optimizer.epsilon, variable.dtype),
            grad=gradient,
        )

    return update_step


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
