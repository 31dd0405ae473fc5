"""Invertible networks with a known Jacobian determinant, between vectors of one size."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_vae.distributions.base import tensor
from keras_vae.typing import Tensor

# Log scales are bent into (-LIMIT, LIMIT): a single step cannot overflow float32.
LIMIT = 3.0


def bend(log_scale: Tensor) -> Tensor:
    """Return log scales in (-LIMIT, LIMIT)."""
    return LIMIT * ops.tanh(log_scale / LIMIT)


class MaskedDense(keras.layers.Layer):
    """A dense layer without the connections that `mask` excludes, in float32.

    Densities and inverses need more than half precision.

    Args:
        mask: Zeros and ones, `(inputs, outputs)`.
        activation: Activation of the output.
        zero: Start with weights of zero.
        seed: Seed of the initial weights otherwise.
    """

    def __init__(
        self,
        mask: np.ndarray,
        activation: str | None = None,
        zero: bool = False,
        seed: int | None = None,
    ) -> None:
        super().__init__(dtype="float32", autocast=False)
        self.mask = np.asarray(mask, "float32")
        self.activation = keras.activations.get(activation)
        start = "zeros" if zero else keras.initializers.GlorotUniform(seed)
        self.kernel = self.add_weight(name="kernel", shape=mask.shape, initializer=start)
        self.bias = self.add_weight(name="bias", shape=mask.shape[1:], initializer="zeros")
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """Transform `(batch, inputs)` to `(batch, outputs)`."""
        kernel = ops.multiply(self.kernel, tensor(self.mask))
        return self.activation(ops.matmul(tensor(x), kernel) + self.bias)


class Affine(keras.layers.Layer):
    """An affine step z = e * exp(log_scale) + shift, which starts as the identity.

    Log scale and shift are functions of some elements of e. The masks make it a coupling layer or a
    step of an autoregressive flow.

    Args:
        masks: Mask of each dense layer, `(inputs, outputs)`; the last outputs are log scale and
            shift.
        keep: Ones for elements that do not change, `(size,)`.
        seed: Seed of the initial weights.
    """

    def __init__(
        self, masks: Sequence[np.ndarray], keep: np.ndarray | None = None, seed: int | None = None
    ) -> None:
        super().__init__(dtype="float32", autocast=False)
        self.size = masks[-1].shape[1] // 2
        self.change = 1.0 - (np.zeros(self.size) if keep is None else keep).astype("float32")
        self.hidden = [MaskedDense(mask, "tanh", seed=seed) for mask in masks[:-1]]
        self.last = MaskedDense(masks[-1], zero=True)
        self.built = True

    def call(self, e: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return log scale and shift, each `(batch, size)`, for `e` and an optional context."""
        h = tensor(e) if context is None else ops.concatenate([tensor(e), context], axis=1)
        for layer in self.hidden:
            h = layer(h)
        log_scale, shift = ops.split(self.last(h), 2, axis=1)
        change = tensor(self.change)
        return change * bend(log_scale), change * shift

    # Not `forward`, which is the name under which PyTorch calls a layer.
    def transform(self, e: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return z and its log scales, both `(batch, size)`.

        Their sum is log |det dz/de|.
        """
        log_scale, shift = self(e, context)
        return tensor(e) * ops.exp(log_scale) + shift, log_scale

    def invert(
        self, z: Tensor, context: Tensor | None = None, passes: int = 1
    ) -> tuple[Tensor, Tensor]:
        """Return e and its log scales, the inverse of `transform`.

        Each pass corrects the elements that depend only on correct ones.

        Args:
            z: `(batch, size)`.
            context: As in `transform`.
            passes: 1 for a coupling, `size` for an autoregressive step.
        """
        e = z = tensor(z)
        for _ in range(passes):
            log_scale, shift = self(e, context)
            e = (z - shift) * ops.exp(-log_scale)
        return e, log_scale


def coupling(size: int, odd: bool, hidden: Sequence[int], seed: int | None = None) -> Affine:
    """Make an affine coupling with checkerboard masks.

    Source: Dinh et al. 2017, arXiv:1605.08803, section 3.4.

    Args:
        size: Elements of a vector.
        odd: Whether elements 1, 3, 5, ... do not change; the network reads those that do not.
        hidden: Widths of the hidden layers.
        seed: Seed of the initial weights.
    """
    keep = (np.arange(size) % 2 == int(odd)).astype("float32")
    widths = [size, *hidden, 2 * size]
    masks = [np.ones(pair, "float32") for pair in zip(widths, widths[1:], strict=False)]
    masks[0] = masks[0] * keep[:, None]
    return Affine(masks, keep, seed)


def autoregressive(
    size: int, backwards: bool, hidden: Sequence[int], context: int = 0, seed: int | None = None
) -> Affine:
    """Make an autoregressive step, in which each element depends on those before it (MADE).

    Args:
        size: Elements of a vector.
        backwards: Whether the order of the elements is from the last to the first.
        hidden: Widths of the hidden layers.
        context: Elements of a context, on which all elements may depend.
        seed: Seed of the initial weights.
    """
    return Affine(autoregressive_masks(size, backwards, hidden, context), seed=seed)


def autoregressive_masks(
    size: int, backwards: bool, hidden: Sequence[int], context: int = 0
) -> list[np.ndarray]:
    """Return the masks of the dense layers of an autoregressive step, `(inputs, outputs)` each.

    Masks are those of Germain et al. 2015, arXiv:1502.03509, section 4, with evenly distributed
    hidden units. The arguments are those of `autoregressive`.
    """
    order = np.arange(size)[::-1] if backwards else np.arange(size)
    # A unit of degree d sees the elements up to d in the order, one of degree -1 the context alone.
    degrees = [np.concatenate([order, np.full(context, -1)])]
    degrees += [np.arange(width) * size // width - 1 for width in hidden]
    masks = [
        (before[:, None] <= after[None]).astype("float32")
        for before, after in zip(degrees, degrees[1:], strict=False)
    ]
    last = degrees[-1][:, None] < np.tile(order, 2)[None]
    return [*masks, last.astype("float32")]
