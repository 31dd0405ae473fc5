"""The interface of all runtimes: load an artifact, then run its signatures."""

import abc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Opened:
    """A loaded artifact.

    Attributes:
        version: Version of the runtime.
        batches: Batch size of each signature, None where it takes any.
        run: Takes a signature and its inputs by name, and returns the outputs by name.
        size: Bytes of the artifact in the form that this runtime reads.
        timed: Whether the time of `run` says anything about the runtime.
    """

    version: str
    batches: dict[str, int | None]
    run: Callable[[str, Arrays], dict[str, np.ndarray]]
    size: int
    timed: bool = True


class Runtime(abc.ABC):
    """A program or library that runs artifacts of one kind.

    Attributes:
        name: Name on the command line.
        title: Name in tables.
        reads: Kinds of artifacts: "keras", "saved_model", "tflite", "onnx", "openvino" or
            "torch".
        packages: Python packages that must be installed.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ("saved_model",)
    packages: ClassVar[tuple[str, ...]] = ("tensorflow",)

    @abc.abstractmethod
    def open(self, path: Path) -> Opened:
        """Load the artifact at `path`."""


def run_in_batches(
    opened: Opened, signature: str, inputs: Arrays, size: int
) -> dict[str, np.ndarray]:
    """Return the answers to all rows, run in batches of at most `size` rows.

    Args:
        opened: The loaded artifact.
        signature: Signature to run.
        inputs: Arrays by name, all of the same length.
        size: Rows of a batch, unless the signature has a fixed batch size.
    """
    fixed = opened.batches[signature]
    count = len(next(iter(inputs.values())))
    parts = []
    for rows in _batches(count, size if fixed is None else fixed, whole=fixed is not None):
        parts.append(opened.run(signature, {name: array[rows] for name, array in inputs.items()}))
    return {name: np.concatenate([part[name] for part in parts])[:count] for name in parts[0]}


def _batches(count: int, size: int, whole: bool) -> Iterator[np.ndarray]:
    """Yield the row numbers of each batch; `whole` fills up the last one with the last row."""
    for start in range(0, count, size):
        stop = start + size if whole else min(start + size, count)
        yield np.minimum(np.arange(start, stop), count - 1)
