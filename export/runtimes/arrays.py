"""Named arrays in .npz files, grouped by signature: each key is "signature/tensor"."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_vae.errors import UsageError

Grouped = dict[str, dict[str, np.ndarray]]


def read(path: str | Path) -> Grouped:
    """Read arrays by signature and tensor.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no .npz file, or holds pickled objects, which are never loaded.
    """
    grouped: Grouped = {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for key in arrays.files:
                signature, _, tensor = key.rpartition("/")
                grouped.setdefault(signature, {})[tensor] = arrays[key]
    except (AttributeError, EOFError, ValueError) as error:
        raise UsageError(
            f"Expected an .npz file of numbers and byte strings. Received: {path} ({error})"
        ) from error
    return grouped


def write(path: str | Path, grouped: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Write arrays by signature and tensor; bytes objects become NumPy byte strings.

    Raises:
        ValueError: If a byte string ends in a zero byte, which NumPy would drop.
    """
    flat = {
        f"{signature}/{tensor}": to_storable(array)
        for signature, tensors in grouped.items()
        for tensor, array in tensors.items()
    }
    with Path(path).open("wb") as file:
        np.savez(file, allow_pickle=False, **flat)


def to_storable(array: np.ndarray) -> np.ndarray:
    """Return an equal array that an .npz file holds without pickle."""
    if array.dtype != object:
        return array
    strings = np.asarray(array.tolist(), "S")
    if strings.tolist() != array.tolist():
        raise UsageError(
            "Expected byte strings that do not end in a zero byte, which NumPy would drop. "
            "Received: one that does."
        )
    return strings
