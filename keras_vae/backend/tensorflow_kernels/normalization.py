"""Batch and layer normalization with fewer passes over the data."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_vae.typing import Tensor


def faster_batch_call(layer: Any) -> Callable[..., Tensor] | None:
    """Return a faster `call` of a `BatchNormalization` over the channels of images, or None."""
    plain = not (layer.renorm or layer.synchronized) and layer.compute_dtype == "float32"
    if not plain or layer.axis not in (-1, 3):
        return None

    def call(inputs: Tensor, training: bool | None = None, mask: Any = None) -> Tensor:
        images = len(inputs.shape) == 4 and inputs.dtype == tf.float32 and mask is None
        if not (images and training and layer.trainable):
            return type(layer).call(layer, inputs, training=training, mask=mask)
        ones = tf.ones((inputs.shape[-1],))
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(layer.gamma) if layer.scale else ones,
            offset=tf.convert_to_tensor(layer.beta) if layer.center else tf.zeros_like(ones),
            mean=ones,  # Read only if the means of batches are averaged in the op.
            variance=ones,
            epsilon=layer.epsilon,
            exponential_avg_factor=1.0,
            is_training=True,
        )
        # The op returns the sum of squares over n - 1; Keras keeps that over n.
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        variance = variance * tf.maximum(count - 1.0, 1.0) / count
        for kept, new in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            kept.assign(kept * layer.momentum + new * (1.0 - layer.momentum))
        return outputs

    return call


def faster_layer_call(layer: Any) -> Callable[[Tensor], Tensor] | None:
    """Return a faster `call` of a `LayerNormalization` over the last axis, or None."""
    rank = len(layer.gamma.shape) if layer.built and layer.scale and layer.center else 0
    if rank != 1 or layer.rms_scaling or layer.compute_dtype != "float32":
        return None

    def call(inputs: Tensor) -> Tensor:
        last = layer.axis in (-1, [-1], (-1,), len(inputs.shape) - 1, [len(inputs.shape) - 1])
        if not last or inputs.dtype != tf.float32:
            return type(layer).call(layer, inputs)
        gamma, beta = tf.convert_to_tensor(layer.gamma), tf.convert_to_tensor(layer.beta)
        return normalize(inputs, gamma, beta, layer.epsilon)

    return call


def normalize(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> Tensor:
    """Return the layer normalization of `x` over its last axis, with its gradient in closed form.

    Args:
        x: `(..., size)`.
        gamma: Scale, `(size,)`.
        beta: Offset, `(size,)`.
        epsilon: Added to the variance.
    """

    @tf.custom_gradient
    def function(x: Tensor, gamma: Tensor, beta: Tensor) -> tuple[Tensor, Callable]:
        centered = x - tf.reduce_mean(x, -1, keepdims=True)
        scale = tf.math.rsqrt(tf.reduce_mean(tf.square(centered), -1, keepdims=True) + epsilon)
        normal = centered * scale

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            rows = tf.reshape(upstream, (-1, x.shape[-1]))
            products = rows * tf.reshape(normal, (-1, x.shape[-1]))
            scaled = upstream * gamma
            mean = tf.reduce_mean(scaled, -1, keepdims=True)
            along = tf.reduce_mean(scaled * normal, -1, keepdims=True)
            return (
                scale * (scaled - mean - normal * along),
                tf.reduce_sum(products, 0),
                tf.reduce_sum(rows, 0),
            )

        return normal * gamma + beta, gradient

    return function(x, gamma, beta)
