"""Rows with numbers that are not finite, which have no answer."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.typing import Tensor

LARGEST = float(np.finfo("float32").max)


def known(x: Tensor) -> Tensor:
    """Return which elements of `x` are finite numbers, bool of the same shape."""
    # Comparisons with NaN are false. Optimizers turn a negated one around, and lose that.
    return ops.abs(ops.cast(x, "float32")) <= LARGEST


def nan_unless_finite(inputs: Any, outputs: Any, no_number: int | None = 0) -> Any:
    """Return `outputs` with NaN in all floats of each row whose inputs have a NaN or infinity.

    The files of pictures are empty there. Compiled graphs lose NaN on the way: a fused ReLU makes
    it 0.

    Args:
        inputs: Tensors or arrays in any structure, with the batch in front; integers are finite.
        outputs: Tensors in any structure, with the same batch in front.
        no_number: What integers are in these rows; None to leave them.
    """
    finite = _finite_rows(inputs)

    def mark(value: Tensor) -> Tensor:
        rows = ops.reshape(finite, (-1, *(1 for _ in value.shape[1:])))
        if keras.backend.standardize_dtype(value.dtype) == "string":  # Files of pictures.
            return ops.where(rows, value, ops.convert_to_tensor("", dtype="string"))
        instead = float("nan") if keras.backend.is_float_dtype(value.dtype) else no_number
        return value if instead is None else ops.where(rows, value, ops.cast(instead, value.dtype))

    return outputs if finite is None else keras.tree.map_structure(mark, outputs)


def _finite_rows(inputs: Any) -> Tensor | None:
    """Return which rows have finite values only, bool `(batch,)`; None if no input has floats."""
    finite = None
    for part in map(ops.convert_to_tensor, keras.tree.flatten(inputs)):
        if keras.backend.is_float_dtype(part.dtype):
            row = ops.all(known(part), axis=tuple(range(1, len(part.shape))))
            finite = row if finite is None else ops.logical_and(finite, row)
    return finite
