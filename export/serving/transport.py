"""The interface and the errors that both protocols of TF Serving share."""

import math
import time
from typing import Any, Protocol

import numpy as np

from keras_vae.errors import KerasVAEError
from keras_vae.export.serving.signatures import Signature, TensorInfo, fits
from keras_vae.export.serving.wire import LARGEST_SIZE, STRING

Arrays = dict[str, np.ndarray]
# Bytes of an answer whose size the signature does not say, such as image files.
LARGEST_ANSWER = 2**28
# A number in JSON with its comma, line break and indentation, and what stands around all numbers.
BYTES_PER_NUMBER, BYTES_AROUND = 128, 2**16
LONGEST_DETAILS = 1000
# What TF Serving says about a good request that it has merged with a bad one, and about a label.
MERGED_WITH_OTHERS = "from different tasks"
UNKNOWN_LABEL = "Unrecognized servable version label"
# What reading an answer of another form than expected raises.
MALFORMED = (KeyError, IndexError, ValueError, TypeError, AttributeError, OverflowError)


class ServingError(KerasVAEError, RuntimeError):
    """A request that the server refused; another attempt would be refused too."""


class Unavailable(ServingError):
    """A server that was not reached or was too busy; another attempt may succeed."""


class DeadlineExceeded(ServingError, TimeoutError):
    """An answer that did not come in time."""


class Transport(Protocol):
    """The methods of a protocol; `timeout` is in seconds for one attempt, with all its steps."""

    def predict(self, signature: str, inputs: Arrays, infos: Signature, timeout: float) -> Arrays:
        """Return the outputs by name."""

    def signatures(self, timeout: float) -> dict[str, Signature]:
        """Return the signatures of the model."""

    def version(self, timeout: float) -> int:
        """Return the version that answers."""

    def states(self, timeout: float) -> dict[int, str]:
        """Return the state of each version, such as "AVAILABLE"."""

    def close(self) -> None:
        """Close the connections."""


def count_rows(inputs: Arrays) -> int:
    """Return the number of rows of a request; 0 without inputs."""
    return len(next(iter(inputs.values()), ()))


def seconds_left(end: float, timeout: float) -> float:
    """Return the seconds until `end`; raises DeadlineExceeded if the request took them all."""
    left = end - time.monotonic()
    if left <= 0:
        raise late(timeout)
    return left


def largest_tensor(info: TensorInfo, rows: int) -> int:
    """Return the largest number of elements that `rows` rows of a tensor may have."""
    sizes = [size for size in info.shape[1:] if size is not None]
    return rows * math.prod(sizes) if len(sizes) == len(info.shape) - 1 else LARGEST_SIZE


def largest_answer(infos: Signature, rows: int) -> int:
    """Return the largest number of bytes that an answer to `rows` rows may have."""
    outputs = infos.outputs.values()
    if any(info.type_number == STRING or None in info.shape[1:] for info in outputs):
        return LARGEST_ANSWER
    return BYTES_AROUND + BYTES_PER_NUMBER * sum(largest_tensor(info, rows) for info in outputs)


def check_answer(answer: Arrays, infos: Signature, rows: int) -> Arrays:
    """Return `answer`; raises ServingError unless it has the outputs of `rows` rows."""
    found = {name: (_type_name(array), array.shape) for name, array in answer.items()}
    good = set(found) == set(infos.outputs) and all(
        found[name][0] == info.dtype
        and fits(found[name][1], info.shape)
        and found[name][1][0] == rows
        for name, info in infos.outputs.items()
    )
    if not good:
        wanted = ", ".join(f"{name}: {info}" for name, info in infos.outputs.items())
        received = ", ".join(
            f"{name}: {kind}{list(shape)}" for name, (kind, shape) in found.items()
        )
        raise ServingError(
            f"Expected {rows} rows of {wanted}. Received: {received or 'no outputs'}. "
            "(If the server has another version by now, make a new client.)"
        )
    return answer


def too_large(limit: int) -> ServingError:
    """Return the error for an answer of more than `limit` bytes."""
    return ServingError(
        f"Expected an answer of at most {limit:,} bytes. Received: a longer one. (Send fewer rows "
        "at once with batch_size, if the answers are image files.)"
    )


def malformed_answer(error: BaseException) -> ServingError:
    """Return the error for an answer that has another form than expected."""
    return ServingError(
        f"Expected an answer of TF Serving. Received: one that cannot be read "
        f"({type(error).__name__}: {printable(error)}). (Is it TF Serving at this address?)"
    )


def refusal(status: str, details: Any, model: str, missing: bool) -> ServingError:
    """Return the error for a refusal of the server.

    Args:
        status: HTTP status or name of the gRPC code.
        details: The message of the server.
        model: The model that was asked for.
        missing: Whether the server does not know the model or its version.
    """
    text = printable(details)
    if MERGED_WITH_OTHERS in text:
        return Unavailable(
            f"Expected an answer. Received: {status}, {text} (The server merged this request with "
            "a wrong one of another client: try again, or serve without batching.)"
        )
    hint = (
        " (Is that the name, version or label of a model that is loaded? The log of the server "
        "says which are; a model's folder must hold NUMBER/saved_model.pb.)"
        if missing or UNKNOWN_LABEL in text
        else ""
    )
    return ServingError(f"Expected the server to run {model}. Received: {status}, {text}{hint}")


def unreachable(url: str, reason: Any) -> Unavailable:
    """Return the error for a server that did not answer."""
    return Unavailable(
        f"Expected a server at {url}. Received: {printable(reason)}. (Does it run, and is the "
        "port right? REST is on 8501 and gRPC on 8500 by default.)"
    )


def busy(status: str, details: Any) -> Unavailable:
    """Return the error for a server that has too much to do."""
    return Unavailable(
        f"Expected an answer. Received: {status}, {printable(details)} (The server is busy: send "
        "fewer requests at once, or give it more threads, for gRPC with --grpc_max_threads.)"
    )


def late(timeout: float) -> DeadlineExceeded:
    """Return the error for a server that took longer than `timeout` seconds."""
    return DeadlineExceeded(
        f"Expected an answer within {timeout:.2g} s. Received: none. (Give more time, or send "
        "fewer rows at once; the first requests to a model without warm-up take longest.)"
    )


def printable(details: Any) -> str:
    """Return text of a server on one line, without control characters, and not too long."""
    text = " ".join(str(details)[: 2 * LONGEST_DETAILS].split())
    return "".join(c if c.isprintable() else "?" for c in text)[:LONGEST_DETAILS]


def _type_name(array: np.ndarray) -> str:
    return "string" if array.dtype == object else array.dtype.name
