"""The squared norm of the Jacobian of a network, as a term for each example."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_vae.backend import vjp
from keras_vae.distributions import parameters, sum_event
from keras_vae.typing import Tensor


def stateless(network: keras.layers.Layer, training: bool) -> Callable[[Tensor], list[Tensor]]:
    """Return a network as a function without side effects, as JAX needs for gradients.

    Args:
        network: Layer or model of one input, built.
        training: Whether layers such as dropout are active.

    Returns:
        A function from the input to the outputs, float32.
    """
    values = [
        [ops.convert_to_tensor(v) for v in variables]
        for variables in (network.trainable_variables, network.non_trainable_variables)
    ]
    return lambda x: parameters(network.stateless_call(*values, x, training=training)[0])


def squared_jacobian(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    shape: tuple[int, ...],
    probes: int | None,
    seed: Any,
) -> Tensor:
    """Return the squared Frobenius norm of d function / dx for each example, `(batch,)`.

    It is estimated as the mean of |u^T d function / dx|^2 over `probes` vectors u of random signs,
    without bias (Hutchinson 1990).

    Args:
        function: From `(batch, ...)` to `(batch, *shape)`, each row from its own row.
        x: `(batch, ...)`, float32.
        shape: Shape of a value of the function.
        probes: Number of vectors u for each example; None for the exact norm.
        seed: Seed of the signs.
    """
    each = math.prod(shape) if probes is None else probes
    rows = ops.repeat(x, each, axis=0)
    gradients = vjp(function, rows, _directions(ops.shape(rows)[0], shape, probes, seed))
    squares = ops.reshape(sum_event(ops.square(gradients)), (-1, each))
    return ops.sum(squares, axis=1) if probes is None else ops.mean(squares, axis=1)


def _directions(count: Any, shape: tuple[int, ...], probes: int | None, seed: Any) -> Tensor:
    """Return vectors u, `(count, *shape)`: random signs, or the unit vectors in turn."""
    size = math.prod(shape)
    if probes is None:
        u = ops.tile(ops.eye(size, dtype="float32"), (count // size, 1))
    else:
        u = keras.random.uniform((count, size), dtype="float32", seed=seed)
        u = ops.where(u < 0.5, -1.0, 1.0)
    return ops.reshape(u, (-1, *shape))
