"""The defaults of networks, which change with versions, and those of models in older files.

A class such as `ConvVAE` makes its networks itself. So a file that does not state an activation
must keep the networks that were the default when the model was made.
"""

import contextlib
import contextvars
from collections.abc import Iterator

from keras_vae.validation import objects

# Activation of hidden layers by edition of the defaults; files without an edition have the first.
ACTIVATIONS = {1: "relu", 2: "leaky_relu"}
FIRST, NEWEST = 1, 2

_edition = contextvars.ContextVar("edition", default=NEWEST)


def edition() -> int:
    """Return the edition of the defaults with which networks are made here."""
    return _edition.get()


@contextlib.contextmanager
def use_edition(number: int) -> Iterator[None]:
    """Make networks with the defaults of an edition, in a context."""
    token = _edition.set(number)
    try:
        yield
    finally:
        _edition.reset(token)


def activation_or_default(activation: str | None) -> str:
    """Return the activation of hidden layers; None stands for the default."""
    return ACTIVATIONS[edition()] if activation is None else objects.activation(activation)
