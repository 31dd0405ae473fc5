"""A client of TF Serving for the models of this package, over REST or gRPC, without TensorFlow.

    from keras_vae.export.serving.client import Client

    with Client("http://localhost:8501", "vae") as client:
        images = client.reconstruct(images)            # any number of rows; sent in batches
        scores = client.score(images)["score"]         # nats, higher is more unusual

The client reads the signatures from the server and checks inputs before it sends them. All calls
are pure functions of their inputs, so the client may repeat a failed one. It does so with growing
pauses until the deadline of the call.
"""

import functools
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeVar

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.export.serving.address import split_url
from keras_vae.export.serving.grpc_api import Grpc
from keras_vae.export.serving.rest import Rest
from keras_vae.export.serving.signatures import DEFAULT, Signature, check_inputs, refuse_8_bit
from keras_vae.export.serving.transport import (
    Arrays,
    DeadlineExceeded,
    ServingError,
    Transport,
    Unavailable,
    check_answer,
)
from keras_vae.export.serving.wire import NUMPY_TYPES, STRING, to_array

__all__ = ["Client", "DeadlineExceeded", "ServingError", "Unavailable"]

TRANSPORTS: dict[str, Callable[..., Transport]] = {
    **dict.fromkeys(("http", "https"), Rest),
    **dict.fromkeys(("grpc", "grpcs"), Grpc),
}
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
T = TypeVar("T")


class Client:
    """A client of one model on a server.

    Example:
        >>> client = Client("grpc://localhost:8500", "vae", label="stable", timeout=2.0)
        >>> images = client.decode(np.zeros((4, 16)))

    Args:
        url: http://HOST:8501 or https://... for REST, grpc://HOST:8500 or grpcs://... for gRPC.
            gRPC sends fewer bytes and needs the package grpcio. No user and no password.
        model: Name of the model on the server.
        version: A version; the latest by default.
        label: A label, such as "stable", instead of a version.
        timeout: Seconds for a whole call with all its batches and attempts. Only looking up the
            host's name is left to the system's own limit.
        attempts: Number of times to try each batch.
        batch_size: Rows to send at once.

    Raises:
        ValueError: If an argument is none of the above.
    """

    def __init__(
        self,
        url: str,
        model: str,
        version: int | None = None,
        label: str | None = None,
        timeout: float = 10.0,
        attempts: int = 4,
        batch_size: int = 64,
    ) -> None:
        parts = split_url(url)
        known = _is_name(model) and (label is None or _is_name(label))
        if not known or (version is not None and not _is_version(version)):
            raise UsageError(
                "Expected a name, and a whole number from 1 as a version or a label. Received: "
                f"{model!r}, {version!r} and {label!r}."
            )
        if version is not None and label is not None:
            raise UsageError(
                f"Expected a version or a label. Received: both, {version} and {label!r}."
            )
        _check_counts(timeout, {"attempts": attempts, "batch_size": batch_size})
        self.timeout, self.attempts, self.batch_size = timeout, attempts, batch_size
        self._transport: Transport = TRANSPORTS[parts.scheme](parts, model, version, label)
        self._signatures: dict[str, Signature] = {}
        self._label = label

    def reconstruct(self, x: Any) -> np.ndarray:
        """Return the reconstructions of examples, `(n, *event_shape)`."""
        return self.predict("reconstruct", x=x)["reconstruction"]

    def encode(self, x: Any) -> Arrays:
        """Return the codes: `z_mean` and `z_log_var`, or `z`, each `(n, *latent_shape)`."""
        return self.predict("encode", x=x)

    def decode(self, z: Any) -> np.ndarray:
        """Return the decoded codes, `(n, *event_shape)`."""
        return self.predict("decode", z=z)["reconstruction"]

    def score(self, x: Any) -> Arrays:
        """Score how unusual examples are, in nats.

        Returns:
            `score` and its terms, each `(n,)`.
        """
        return self.predict("score", x=x)

    def sample(self, seeds: Any, labels: Any = None) -> np.ndarray:
        """Sample new examples, `(n, *event_shape)`, one for each whole number in `seeds`.

        `keras_vae.random.row_seeds(count, seed)` gives the seeds of `model.sample(count, seed)`.

        Args:
            seeds: Whole numbers, `(n,)`.
            labels: Class of each example, for a model whose prior knows classes.
        """
        inputs = {"seed": seeds} if labels is None else {"seed": seeds, "label": labels}
        return self.predict("sample", **inputs)["reconstruction"]

    def reconstruct_png(self, pictures: Sequence[bytes]) -> list[bytes]:
        """Return the reconstructions of image files of the model's size, as PNG files."""
        answer = self.predict("reconstruct_png", image_bytes=list(pictures))
        return answer["reconstruction_bytes"].tolist()

    def predict(self, signature: str = DEFAULT, /, **inputs: Any) -> Arrays:
        """Return the outputs of any signature by name, for any number of rows.

        Args:
            signature: Name of the signature; the default one if left out.
            **inputs: Arrays or lists by input name, all of the same length.

        Raises:
            ValueError: If there is no such signature, or the inputs are not those it takes.
            DeadlineExceeded: If the whole call takes longer than `timeout`.
            Unavailable: If the server cannot be reached, or is too busy, at each attempt.
            ServingError: If the server refuses the request.
        """
        deadline = time.monotonic() + self.timeout
        signatures = self._load_signatures(deadline)
        arrays = check_inputs(
            signatures, signature, _cast_inputs(signatures.get(signature), inputs)
        )
        count = _count_rows(arrays)

        def ask(rows: Arrays, left: float) -> Arrays:
            infos = signatures[signature]
            answer = self._transport.predict(signature, rows, infos, left)
            return check_answer(answer, infos, _count_rows(rows))

        parts = [
            self._retry(functools.partial(ask, rows), deadline)
            for rows in _split(arrays, count, self.batch_size)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def signatures(self) -> dict[str, Signature]:
        """Return the inputs and outputs of the model, by signature."""
        return self._load_signatures(time.monotonic() + self.timeout)

    def states(self) -> dict[int, str]:
        """Return the state of each version on the server; those in "AVAILABLE" answer.

        With a version or a label, it is the state of that version only.
        """
        deadline = time.monotonic() + self.timeout
        if self._label is None:
            return self._retry(self._transport.states, deadline)
        # TF Serving answers this question as if there were no label.
        version = self._retry(self._transport.version, deadline)
        states = self._retry(self._transport.states, deadline)
        return {version: states[version]} if version in states else {}

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _load_signatures(self, deadline: float) -> dict[str, Signature]:
        if not self._signatures:
            self._signatures = self._retry(self._transport.signatures, deadline)
        return self._signatures

    def _retry(self, attempt: Callable[[float], T], deadline: float) -> T:
        """Return the result of `attempt`, which is called with the seconds left.

        It is called again if the server is unavailable.
        """
        pause = FIRST_PAUSE
        for number in range(1, self.attempts + 1):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            try:
                return attempt(left)
            except Unavailable:
                # The random part spreads out clients that failed at the same time.
                wait = pause * random.uniform(0.5, 1.0)
                if number == self.attempts or time.monotonic() + wait >= deadline:
                    raise
                time.sleep(wait)
                pause = min(2 * pause, LONGEST_PAUSE)
        raise DeadlineExceeded(
            f"Expected the whole call to take at most {self.timeout:g} s. Received: no answer to "
            "all of it in that time. (Give more time, or send fewer rows.)"
        )


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_version(version: Any) -> bool:
    whole = isinstance(version, (int, np.integer)) and not isinstance(version, bool)
    return whole and 1 <= version < 2**63


def _cast_inputs(signature: Signature | None, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Cast numbers to the types of the signature, unless that changes whole numbers."""
    typed: dict[str, Any] = {}
    for name, value in inputs.items():
        info = signature.inputs.get(name) if signature else None
        if info is None or info.type_number == STRING:
            typed[name] = value
        else:
            array = to_array(value)
            dtype = np.dtype(NUMPY_TYPES[info.type_number])
            refuse_8_bit(name, array, info)
            typed[name] = _cast(name, array, dtype) if _can_cast(array, dtype) else array
    return typed


def _cast(name: str, array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return numbers as `dtype`; raises ValueError for finite ones that would be infinite."""
    with np.errstate(over="ignore"):
        cast = array.astype(dtype)
    if dtype.kind == "f" and (np.isinf(cast) & np.isfinite(array)).any():
        raise UsageError(
            f"Expected {name!r} within the range of {dtype}, up to {np.finfo(dtype).max:g}. "
            f"Received: {array.dtype} beyond it."
        )
    return cast


def _can_cast(array: np.ndarray, dtype: np.dtype) -> bool:
    """Return whether numbers may be cast to `dtype`.

    Any number may become a float. A number may become an integer if its value does not change.
    """
    if array.dtype.kind not in "fiub":
        return False
    if dtype.kind == "f":
        return True
    return array.dtype.kind in "iu" and bool((array.astype(dtype) == array).all())


def _count_rows(arrays: Arrays) -> int:
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) != 1 or 0 in counts.values():
        raise UsageError(f"Expected at least one row, as many in each input. Received: {counts}.")
    return next(iter(counts.values()))


def _split(arrays: Arrays, count: int, size: int) -> list[Arrays]:
    return [
        {name: array[start : start + size] for name, array in arrays.items()}
        for start in range(0, count, size)
    ]


def _check_counts(timeout: Any, counts: dict[str, Any]) -> None:
    """Raise ValueError for a time or a count below 1; `keras_vae.validation` would import Keras."""
    if (
        isinstance(timeout, bool)
        or not isinstance(timeout, int | float)
        or not 0 < timeout < math.inf
    ):
        raise UsageError(
            f"Expected timeout above 0, a finite number of seconds. Received: timeout={timeout!r}."
        )
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
            raise UsageError(
                f"Expected {name} of at least 1, an integer. Received: {name}={count!r}."
            )
