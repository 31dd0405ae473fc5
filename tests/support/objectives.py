"""Loss and gradients of a model on one batch, on whichever backend runs, for tests."""

import keras
import numpy as np


def as_numpy(x):
    return keras.ops.convert_to_numpy(x)


def terms(model, x, y=None, training=True):
    """The model's loss terms on one batch, as arrays."""
    y = x if y is None else y
    named = model.loss_terms(keras.tree.map_structure(keras.ops.convert_to_tensor, x), y, training)
    return {name: as_numpy(term) for name, term in named.items()}


def loss_and_gradients(model, x):
    """The number that is minimized, and its gradient for each trainable variable."""
    x = keras.tree.map_structure(keras.ops.convert_to_tensor, x)
    variables = model.trainable_variables
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss, _ = model.loss_and_logs((x,), training=True)
        gradients = tape.gradient(loss, [v.value for v in variables])
    elif keras.backend.backend() == "torch":
        model.zero_grad()
        loss, _ = model.loss_and_logs((x,), training=True)
        loss.backward()
        gradients = [v.value.grad for v in variables]
    else:
        loss, gradients = _jax(model, x, variables)
    found = [_dense(g, v) for v, g in zip(variables, gradients, strict=True)]
    return float(as_numpy(loss)), found


def _jax(model, x, variables):
    import jax

    def loss_of(values):
        scope = keras.StatelessScope(list(zip(variables, values, strict=True)))
        with scope:
            return model.loss_and_logs((x,), training=True)[0]

    # One compilation, where an eager gradient would compile each op.
    return jax.jit(jax.value_and_grad(loss_of))([v.value for v in variables])


def _dense(gradient, variable):
    return np.zeros(variable.shape) if gradient is None else as_numpy(gradient)
