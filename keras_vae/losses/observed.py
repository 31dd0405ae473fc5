"""The first answer of the decoder in a step, which extra terms of the loss compare with y."""

import contextlib
import contextvars
import dataclasses
from collections.abc import Iterator
from typing import Any

from keras_vae.typing import Tensor

# Of this thread alone: the replicas of a training run as threads that take turns.
_seen: contextvars.ContextVar["Observed | None"] = contextvars.ContextVar("seen", default=None)


@dataclasses.dataclass
class Observed:
    """A batch, and the first p(x | z) that the loss terms of a model asked the decoder for.

    Attributes:
        y: The target, `(batch, *event_shape)`, raw.
        rows: Sample weights, `(batch,)`, or None for ones.
        inputs: Inputs of the decoder; None if the model calls a part of it.
        density: p(x | z); None before there is one.
    """

    y: Tensor
    rows: Tensor | None
    inputs: Any = None
    density: Any = None


@contextlib.contextmanager
def observe(y: Tensor, rows: Tensor | None) -> Iterator[Observed]:
    """Note the first p(x | z) that is made in the context."""
    seen = Observed(y, rows)
    token = _seen.set(seen)
    try:
        yield seen
    finally:
        _seen.reset(token)


def note_inputs(inputs: Any) -> None:
    """Note the inputs of the decoder, if they are the first."""
    if (seen := _seen.get()) is not None and seen.density is None:
        seen.inputs = inputs


def note_density(density: Any) -> Any:
    """Note p(x | z), if it is the first, and return it."""
    if (seen := _seen.get()) is not None and seen.density is None:
        seen.density = density
    return density
