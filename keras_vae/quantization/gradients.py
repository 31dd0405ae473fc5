"""Gradients of the decoder past a choice of codes, which has none itself."""

from collections.abc import Callable

from keras import ops

from keras_vae.typing import Tensor

# Below this length, a vector has no direction.
SHORTEST = 1e-6


def pass_through(z: Tensor, e: Tensor) -> Tensor:
    """Return the constant `e` with the gradient of `z` (straight through)."""
    return z + ops.stop_gradient(e - z)


def rotate(z: Tensor, e: Tensor) -> Tensor:
    """Return the constant `e` as a rotation and scaling of `z`, which are constants for gradients.

    The gradient then keeps its angle to the vector: it is turned back from `e` to `z`. Where one
    of them has no direction, it passes unchanged.

    Source: Fifty et al. 2024 (arXiv:2410.06424).
    """
    fixed, e = ops.stop_gradient(z), ops.stop_gradient(e)
    z_length, e_length, start, end = _length(fixed), _length(e), _unit(fixed), _unit(e)
    middle = _unit(start + end)
    turned = z - 2.0 * middle * _dot(middle, z) + 2.0 * end * _dot(start, z)
    turned = turned * (e_length / ops.maximum(z_length, SHORTEST))
    turned = ops.where(ops.minimum(z_length, e_length) > SHORTEST, turned, z)
    return pass_through(turned, e)


GRADIENTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "straight_through": pass_through,
    "rotation": rotate,
}


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return ops.sum(one * other, axis=-1, keepdims=True)


def _length(x: Tensor) -> Tensor:
    return ops.sqrt(_dot(x, x))


def _unit(x: Tensor) -> Tensor:
    return x / ops.maximum(_length(x), SHORTEST)
