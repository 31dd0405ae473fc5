"""One function of a model that can be served: its inputs are named, and it keeps no state."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_vae.layers import gaps
from keras_vae.typing import Tensor


class WholeNumbers(keras.InputSpec):
    """Spec of an input of whole numbers from 0 to `count` - 1: tokens, codes, or a mask.

    Args:
        count: How many different numbers there are.
        some: Whether each row has a number above 0.
        **kwargs: Shape, dtype and name, as of `keras.InputSpec`.
    """

    def __init__(self, count: int, some: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count, self.some = count, some


class RawNumbers(keras.InputSpec):
    """Spec of the x of a model that preprocesses it.

    Args:
        gaps: Whether NaN is a gap, which the model fills.
        white: The value of a white pixel of an image; None if x has other units.
        **kwargs: Shape, dtype and name, as of `keras.InputSpec`.
    """

    def __init__(self, gaps: bool, white: float | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gaps, self.white = gaps, white


def has_gaps(spec: keras.InputSpec) -> bool:
    """Return whether NaN in an input is a gap, which the model fills."""
    return isinstance(spec, RawNumbers) and spec.gaps


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A pure function of named tensors that exporters write and servers answer.

    The function holds no state and no random op.

    Example:
        >>> sorted(model.endpoints())
        ['decode', 'encode', 'reconstruct', 'sample', 'score']
        >>> model.endpoints()["decode"].inputs[0].shape
        (None, 16)

    Attributes:
        function: Takes the inputs in order and returns a dictionary of named tensors.
        inputs: Shape, dtype and name of each input; the batch axis is None.
        no_number: What integer outputs are for rows with inputs that are not finite, since
            integers have no NaN; None for what the function returns.
        constants: Names of outputs that do not depend on the inputs, and are never NaN.
    """

    function: Callable[..., dict[str, Tensor]]
    inputs: tuple[keras.InputSpec, ...]
    no_number: int | None = 0
    constants: tuple[str, ...] = ()

    def answer(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Return the outputs of `function`, with NaN for rows with inputs that are not finite."""
        checked = [
            gaps.without_gaps(part) if has_gaps(spec) else part
            for part, spec in zip(inputs, self.inputs, strict=True)
        ]
        answer = self.function(*inputs)
        kept = {name: answer[name] for name in self.constants}
        return {**nan_unless_finite(checked, answer, self.no_number), **kept}


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
            row = ops.all(gaps.known(part), axis=tuple(range(1, len(part.shape))))
            finite = row if finite is None else ops.logical_and(finite, row)
    return finite
