"""Functions of single numbers with fewer passes over the data."""

from collections.abc import Callable

import tensorflow as tf

from keras_vae.typing import Tensor


@tf.custom_gradient
def softplus(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Return log(1 + exp(x)), whose gradient is one sigmoid.

    TensorFlow's own softplus takes longer than an exponential and a logarithm. LiteRT has no
    log(1 + x), so exports keep the formula of `keras_vae.backend.formulas`.
    """

    def gradient(upstream: Tensor) -> Tensor:
        return upstream * tf.sigmoid(x)

    return tf.nn.relu(x) + tf.math.log1p(tf.exp(-tf.abs(x))), gradient
