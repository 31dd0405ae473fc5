"""Maximum mean discrepancy between two samples, as a loss term and as a measure."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.errors import UsageError
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

KERNELS = ("rbf", "imq")


def mmd(
    x: Any,
    y: Any,
    kernel: str = "rbf",
    scale: float | None = None,
    unbiased: bool = True,
) -> Tensor:
    """Return the squared maximum mean discrepancy (Gretton et al. 2012, JMLR 13, section 2.2).

    Kernels of the squared distance d2: "rbf" exp(-d2 / (2 scale)), "imq" 2 scale / (2 scale + d2)
    (Tolstikhin et al. 2018, arXiv:1711.01558). The result is differentiable, so it can be a loss
    term.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(100, 16))
        >>> distance = keras_vae.estimators.mmd(x, x + 1.0)

    Args:
        x: Vectors, `(count, dimensions)`.
        y: Vectors, `(count of its own, dimensions)`.
        kernel: "rbf" or "imq".
        scale: Squared length of the kernel; the number of dimensions if None, which suits vectors
            of unit variance.
        unbiased: Leave out the pairs of a vector with itself. The result is then zero on average
            for equal distributions, and may be negative. Otherwise it is never negative.

    Returns:
        A scalar tensor.

    Raises:
        ValueError: If the shapes do not fit, a sample is too small, the kernel is unknown, or
            vectors are not finite. Traced tensors are not checked.
    """
    x, y = _as_real("x", x), _as_real("y", y)
    _check(x, y, kernel, scale)
    unbiased = arguments.flag("unbiased", unbiased)
    kind = keras.backend.result_type(x.dtype, y.dtype)
    x, y = ops.cast(x, kind), ops.cast(y, kind)
    width = float(x.shape[1] if scale is None else scale)
    xx, yy, xy = (_kernel(a, b, kernel, width) for a, b in ((x, x), (y, y), (x, y)))
    within = ops.mean(_row_means(xx, unbiased)) + ops.mean(_row_means(yy, unbiased))
    return _finite(within - 2.0 * ops.mean(xy))


def _as_real(name: str, x: Any) -> Tensor:
    """Return numbers as a tensor, integers in float32."""
    if not ops.is_tensor(x):
        x = arguments.array(name, x, finite=False)
        x = x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))
    x = ops.convert_to_tensor(x)
    whole = "int" in keras.backend.standardize_dtype(x.dtype) or x.dtype == "bool"
    return ops.cast(x, "float32") if whole else x


def mmd_of_rows(x: Any, y: Any, kernel: str = "rbf", scale: float | None = None) -> Tensor:
    """Return the summands of the unbiased `mmd`, one for each row of `x`.

    Their mean is `mmd(x, y)`.

    Args:
        x: Vectors, `(count, dimensions)`.
        y: Vectors, `(count, dimensions)`.
        kernel: As in `mmd`.
        scale: As in `mmd`.

    Returns:
        `(count,)`; 0 for a sample of one vector.
    """
    width = float(x.shape[1] if scale is None else scale)
    xx, yy, xy = (_kernel(a, b, kernel, width) for a, b in ((x, x), (y, y), (x, y)))
    rows = _row_means(xx, True) + _row_means(yy, True) - 2.0 * ops.mean(xy, axis=1)
    return rows * ops.cast(ops.shape(x)[0] > 1, rows.dtype)


def _kernel(a: Tensor, b: Tensor, kernel: str, scale: float) -> Tensor:
    squares = ops.sum(ops.square(a), axis=1)[:, None] + ops.sum(ops.square(b), axis=1)[None]
    squared_distance = ops.maximum(squares - 2.0 * a @ ops.transpose(b), 0.0)
    if kernel == "imq":
        return 2.0 * scale / (2.0 * scale + squared_distance)
    return ops.exp(squared_distance * (-0.5 / scale))


def _finite(distance: Tensor) -> Tensor:
    """Return `distance`; raise ValueError if it is not finite, unless it is traced."""
    try:
        value = float(ops.convert_to_numpy(distance))
    except (NotImplementedError, TypeError):  # Of TensorFlow's and JAX's symbolic tensors.
        return distance
    if not math.isfinite(value):
        raise UsageError(
            "Expected finite vectors x and y, whose squares float32 can hold. Received: others. "
            "(If they are codes, the training diverged: lower the learning rate.)"
        )
    return distance


def _row_means(kernel: Tensor, unbiased: bool) -> Tensor:
    """Return the mean over the pairs of each vector.

    With `unbiased` the pair with itself, whose kernel is 1, is left out.
    """
    if not unbiased:
        return ops.mean(kernel, axis=1)
    count = ops.cast(ops.shape(kernel)[0], kernel.dtype)
    return (ops.sum(kernel, axis=1) - 1.0) / ops.maximum(count - 1.0, 1.0)


def check_kernel(kernel: str, scale: float | None) -> None:
    """Raise ValueError unless `mmd` has this kernel and the scale is positive or None."""
    arguments.choice("kernel", kernel, KERNELS)
    if scale is not None and arguments.real("scale", scale) <= 0:
        raise UsageError(f"Expected scale above 0. Received: {scale!r}.")


def _check(x: Tensor, y: Tensor, kernel: str, scale: float | None) -> None:
    check_kernel(kernel, scale)
    if len(x.shape) != 2 or len(y.shape) != 2 or x.shape[1] != y.shape[1]:
        raise UsageError(
            "Expected two samples of vectors of one size, (count, dimensions). "
            f"Received: shapes {tuple(x.shape)} and {tuple(y.shape)}."
        )
    if 1 in (x.shape[0], y.shape[0]):
        raise UsageError("Expected at least two vectors in each sample. Received: one.")
