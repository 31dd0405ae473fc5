"""The interface and the errors that both protocols of TF Serving share."""

from typing import Any, Protocol

import numpy as np

from keras_vae.errors import KerasVAEError
from keras_vae.export.serving.signatures import Signature

Arrays = dict[str, np.ndarray]


class ServingError(KerasVAEError, RuntimeError):
    """A request that the server refused; another attempt would be refused too."""


class Unavailable(ServingError):
    """A server that was not reached or was too busy; another attempt may succeed."""


class DeadlineExceeded(ServingError, TimeoutError):
    """An answer that did not come in time."""


class Transport(Protocol):
    """The methods of a protocol; `timeout` is in seconds for one attempt."""

    def predict(self, signature: str, inputs: Arrays, infos: Signature, timeout: float) -> Arrays:
        """Return the outputs by name."""

    def signatures(self, timeout: float) -> dict[str, Signature]:
        """Return the signatures of the model."""

    def states(self, timeout: float) -> dict[int, str]:
        """Return the state of each version, such as "AVAILABLE"."""

    def close(self) -> None:
        """Close the connections."""


def refusal_message(status: str, details: Any, model: str, missing: bool) -> str:
    """Return the message for an error of the server; `missing` if it does not know the model."""
    hint = (
        " (Is that the name, version or label of a model that is loaded? The log of the server "
        "says which are; a model's folder must hold NUMBER/saved_model.pb.)"
        if missing
        else ""
    )
    return f"Expected the server to run {model}. Received: {status}, {details}{hint}"


def unreachable_message(url: str, reason: Any) -> str:
    """Return the message for a server that did not answer."""
    return (
        f"Expected a server at {url}. Received: {reason}. (Does it run, and is the port right? "
        "REST is on 8501 and gRPC on 8500 by default.)"
    )


def timeout_message(timeout: float) -> str:
    """Return the message for a server that took longer than `timeout` seconds."""
    return (
        f"Expected an answer within {timeout:.2g} s. Received: none. (Give more time, or send "
        "fewer rows at once; the first requests to a model without warm-up take longest.)"
    )
