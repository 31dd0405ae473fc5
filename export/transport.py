"""What the two protocols of TF Serving have in common: an interface, and what can go wrong."""

from typing import Any, Protocol

import numpy as np

from export.signatures import Signature

Arrays = dict[str, np.ndarray]


class ServingError(RuntimeError):
    """The server refused a request; another attempt would be refused too."""


class Unavailable(ServingError):
    """The server could not be reached or was too busy; another attempt may succeed."""


class DeadlineExceeded(ServingError, TimeoutError):
    """There was no answer in time."""


class Transport(Protocol):
    """What a protocol must offer; `timeout` is in seconds for one attempt."""

    def predict(self, signature: str, inputs: Arrays, infos: Signature, timeout: float) -> Arrays:
        """Outputs by name."""

    def signatures(self, timeout: float) -> dict[str, Signature]:
        """The signatures of the model."""

    def states(self, timeout: float) -> dict[int, str]:
        """The state of each version, such as "AVAILABLE"."""

    def close(self) -> None:
        """Let go of connections."""


def refusal(status: str, details: Any, model: str, missing: bool) -> str:
    """The message where a server answered with an error; `missing` if it knows no such model."""
    hint = (
        " (Is that the name, version or label of a model that is loaded? The log of the server "
        "says which are; a model's folder must hold NUMBER/saved_model.pb.)"
        if missing
        else ""
    )
    return f"Expected the server to run {model}. Received: {status}, {details}{hint}"


def unreachable(url: str, reason: Any) -> str:
    """The message where no server answered."""
    return (
        f"Expected a server at {url}. Received: {reason}. (Does it run, and is the port right? "
        "REST is on 8501 and gRPC on 8500 by default.)"
    )


def too_late(timeout: float) -> str:
    """The message where a server took longer than `timeout` seconds."""
    return (
        f"Expected an answer within {timeout:.2g} s. Received: none. (Give more time, or send "
        "fewer rows at once; the first requests to a model without warm-up take longest.)"
    )
