"""Adam as one op of TensorFlow for each variable."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_vae.backend.keras_private import adam_slots


def faster_step(optimizer: Any) -> Callable[[Any, Any, Any], None] | None:
    """Return a faster `update_step` of `optimizer`; None if there is none."""
    if type(optimizer) not in (keras.optimizers.Adam, keras.optimizers.AdamW) or optimizer.amsgrad:
        return None
    return _fused_adam(optimizer)


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
