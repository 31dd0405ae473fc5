"""Checks that networks give numbers of any sign where a density takes logits or logarithms."""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import keras

from keras_vae.backend.keras_private import origin
from keras_vae.errors import UsageError
from keras_vae.typing import LatentModel

POSITIVE = frozenset(
    ("sigmoid", "hard_sigmoid", "softmax", "softplus", "exponential", "exp", "relu", "relu6")
)
BOUNDED = frozenset((*POSITIVE, "tanh", "hard_tanh", "softsign"))
# Layers and ops after which values are those before.
SHAPES = frozenset(
    ("reshape", "flatten", "permute", "transpose", "squeeze", "expanddims", "cast", "identity")
    + ("cropping1d", "cropping2d", "cropping3d", "dropout", "getitem")
)

_trusted = contextvars.ContextVar("trusted", default=False)


@contextlib.contextmanager
def trust_networks() -> Iterator[None]:
    """Skip the checks of this module in a context, so that all files of models load."""
    token = _trusted.set(True)
    try:
        yield
    finally:
        _trusted.reset(token)


def is_trusted() -> bool:
    """Return whether this is within `trust_networks`, where models are made from files."""
    return _trusted.get()


def check_logits(model: LatentModel, outputs: Any, names: Any) -> None:
    """Raise ValueError unless outputs of a decoder can have all values that p(x | z) takes.

    Args:
        model: The model.
        outputs: Symbolic outputs of its decoder.
        names: Names of the parameters of p(x | z), in the order of the outputs.
    """
    for name, output in zip(names, keras.tree.flatten(outputs), strict=False):
        refused = (
            BOUNDED if name.endswith("logits") else POSITIVE if name.startswith("log_") else ()
        )
        found = last_activation(output)
        if found in refused and not _trusted.get():
            raise UsageError(
                f"Expected a decoder whose output {name} may be any real number, for the "
                f"likelihood {model.likelihood!r}. Received: one that ends in {found}. (Remove the "
                "activation: the likelihood applies its own, and decode(z) and predict(x) return "
                "values in the range of the data.)"
            )


def check_log_variance(output: Any) -> None:
    """Raise ValueError if an encoder gives z_log_var that cannot be negative."""
    found = last_activation(output)
    if found in POSITIVE and not _trusted.get():
        raise UsageError(
            "Expected an encoder whose second output, z_log_var, is the logarithm of a variance, "
            f"of any sign. Received: one that ends in {found}. (Remove the activation.)"
        )


def last_activation(output: Any) -> str | None:
    """Return the name of the activation that a symbolic output ends in; None if unknown."""
    while True:
        operation, output = origin(output)
        kind = type(operation).__name__.lower()
        if operation is None or kind not in SHAPES:
            break
    inner = getattr(operation, "layer", None)  # Of a wrapper, such as TimeDistributed.
    function = getattr(inner or operation, "activation", None)
    return getattr(function, "__name__", kind)
