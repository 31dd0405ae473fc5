"""One function of a model that can be served: its inputs are named, and it keeps no state."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from keras_vae.layers import gaps
from keras_vae.typing import Tensor
from keras_vae.validation.finite_rows import nan_unless_finite


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
    """Spec of the x of a model that preprocesses it, or of counts.

    Args:
        gaps: Whether NaN is a gap, which the model fills.
        white: The value of a white pixel of an image; None if x has other units.
        whole: Whether x are counts, of which float32 must hold all digits.
        **kwargs: Shape, dtype and name, as of `keras.InputSpec`.
    """

    def __init__(self, gaps: bool, white: float | None, whole: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gaps, self.white, self.whole = gaps, white, whole


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
