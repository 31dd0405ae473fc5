"""One function of a model that can be served: its inputs are named, and it keeps no state."""

import dataclasses
from collections.abc import Callable

import keras

from keras_vae.typing import Tensor


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A pure function of named tensors that exporters write and servers answer.

    The function holds no state and no random op.

    Attributes:
        function: Takes the inputs in order and returns a dictionary of named tensors.
        inputs: Shape, dtype and name of each input; the batch axis is None.
    """

    function: Callable[..., dict[str, Tensor]]
    inputs: tuple[keras.InputSpec, ...]
