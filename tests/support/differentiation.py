"""Exact gradients on whichever backend runs, for tests."""

import keras
import numpy as np


def gradient(function, *values):
    """Gradients of the sum of `function(*values)` with respect to each float32 array."""
    values = [np.asarray(value, "float32") for value in values]
    if keras.backend.backend() == "jax":
        import jax

        places = tuple(range(len(values)))
        found = jax.grad(lambda *v: keras.ops.sum(function(*v)), argnums=places)(*values)
    elif keras.backend.backend() == "torch":
        import torch

        with torch.enable_grad():
            values = [torch.tensor(v, requires_grad=True) for v in values]
            found = torch.autograd.grad(keras.ops.sum(function(*values)), values)
    else:
        import tensorflow as tf

        values = [tf.constant(v) for v in values]
        with tf.GradientTape() as tape:
            tape.watch(values)
            total = keras.ops.sum(function(*values))
        found = tape.gradient(total, values)
    return [keras.ops.convert_to_numpy(g) for g in found]


def jacobian(function, point):
    """d out_i / d in_j of a function of one vector, by automatic differentiation."""
    rows = [
        gradient(lambda e, i=i: function(e)[0, i], point[None])[0][0] for i in range(len(point))
    ]
    return np.array(rows)
