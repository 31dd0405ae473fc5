"""TensorFlow ops that do at once what Keras composes of many, on processors.

The numbers are those of Keras within rounding. They stand in for a method of a layer or of an
optimizer only while a step or a function runs or is traced: what is saved, exported or called
elsewhere is Keras's own.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

Tensor = Any
Replacement = tuple[Any, str, Callable]

# Filters times elements of a kernel up to which the matrix product pays.
MOST_COLUMNS = 48


def in_training(model: Any) -> contextlib.AbstractContextManager[None]:
    """Use what is faster for the step of `model` that is made within.

    XLA, other devices than processors, and steps that run eagerly or on several replicas keep
    Keras's ops.
    """
    alone = model.jit_compile or model.run_eagerly or _elsewhere()
    return _replaced([] if alone else replacements(model))


def in_calls(model: Any) -> contextlib.AbstractContextManager[None]:
    """The same for a function that calls layers of `model`, compiled without XLA."""
    return _replaced([] if _elsewhere() else _layers(model))


@contextlib.contextmanager
def _replaced(methods: Iterable[Replacement]) -> Iterator[None]:
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


def _elsewhere() -> bool:
    return tf.distribute.has_strategy() or bool(tf.config.list_logical_devices("GPU"))


def replacements(model: Any) -> Iterator[Replacement]:
    """Owner, name and replacement of each method, once for each owner."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if type(optimizer) in (keras.optimizers.Adam, keras.optimizers.AdamW) and not optimizer.amsgrad:
        yield optimizer, "update_step", _adam(optimizer)
    yield from _layers(model)


def _layers(model: Any) -> Iterator[Replacement]:
    if not has_onednn():  # TensorFlow's own kernels are as fast.
        return
    for layer in {id(layer): layer for layer in model._flatten_layers()}.values():
        if type(layer) is keras.layers.Conv2DTranspose and _is_narrow(layer):
            yield layer, "call", _upsampling(layer)


def has_onednn() -> bool:
    """Whether convolutions are oneDNN's; False where TensorFlow does not tell."""
    try:
        from tensorflow.python.util import _pywrap_util_port
    except ImportError:
        return False
    return bool(_pywrap_util_port.IsMklEnabled())


def _adam(optimizer: Any) -> Callable[[Any, Any, Any], None]:
    """`Adam.update_step` as one op, which reads and writes each number once."""

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> None:
        if isinstance(gradient, tf.IndexedSlices) or gradient.dtype != variable.dtype:
            type(optimizer).update_step(optimizer, gradient, variable, learning_rate)
            return
        step = tf.cast(optimizer.iterations + 1, variable.dtype)
        index = optimizer._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=optimizer._momentums[index].value.handle,
            v=optimizer._velocities[index].value.handle,
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
    """Whether a transposed convolution is one that `upsampled` has and does faster."""
    sizes = zip(layer.kernel_size, layer.strides, strict=True)
    return (
        layer.filters * math.prod(layer.kernel_size) <= MOST_COLUMNS
        and layer.padding == "same"
        and layer.output_padding is None
        and layer.data_format == "channels_last"
        and layer.compute_dtype == "float32"
        and set(layer.dilation_rate) == {1}
        and all(kernel >= stride > 1 for kernel, stride in sizes)
    )


def _upsampling(layer: Any) -> Callable[[Tensor], Tensor]:
    """`Conv2DTranspose.call` by `upsampled`."""

    def call(inputs: Tensor) -> Tensor:
        if None in inputs.shape[1:]:
            return type(layer).call(layer, inputs)
        outputs = upsampled(inputs, tf.convert_to_tensor(layer.kernel), layer.strides)
        if layer.use_bias:
            outputs = tf.nn.bias_add(outputs, layer.bias)
        return outputs if layer.activation is None else layer.activation(outputs)

    return call


def upsampled(x: Tensor, kernel: Tensor, strides: tuple[int, int]) -> Tensor:
    """The transposed convolution of `x`, with "same" padding.

    One matrix product, whose maps are added where they overlap: for few filters, several times as
    fast as oneDNN's kernel. The gradients are those of TensorFlow, which are fast.

    Args:
        x: `(batch, height, width, channels)`.
        kernel: `(height, width, filters, channels)`, not smaller than `strides`.
        strides: Of rows and columns.

    Returns:
        `(batch, height * strides[0], width * strides[1], filters)`.
    """

    @tf.custom_gradient
    def function(x: Tensor, kernel: Tensor) -> tuple[Tensor, Callable]:
        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            of_kernel = tf.raw_ops.Conv2DBackpropFilter(
                input=upstream,
                filter_sizes=tf.shape(kernel),
                out_backprop=x,
                strides=(1, *strides, 1),
                padding="SAME",
            )
            return tf.nn.conv2d(upstream, kernel, strides, "SAME"), of_kernel

        return _upsampled(x, kernel, strides), gradient

    return function(x, kernel)


def _upsampled(x: Tensor, kernel: Tensor, strides: tuple[int, int]) -> Tensor:
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
    """Of one axis, what position i * stride + r gets from all taps of the kernel, for each r."""
    before = (len(taps) - stride) // 2
    found: list[list[Tensor]] = [[] for _ in range(stride)]
    for number, tap in enumerate(taps):
        shift, phase = divmod(number - before, stride)
        found[phase].append(_shifted(tap, shift, axis))
    return [tf.add_n(parts) if len(parts) > 1 else parts[0] for parts in found]


def _shifted(x: Tensor, by: int, axis: int) -> Tensor:
    """`x` moved along an axis, with zeros where nothing was."""
    if by == 0:
        return x
    kept = slice(None, -by) if by > 0 else slice(-by, None)
    behind = (slice(None),) * (-1 - axis)
    pads = [(0, 0)] * len(x.shape)
    pads[axis] = (max(by, 0), max(-by, 0))
    return tf.pad(x[(..., kept, *behind)], pads)
