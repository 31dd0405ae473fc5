"""Named arrays in .npz files, grouped by signature: each key is "signature/tensor"."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.sources.arrays import load_arrays

Grouped = dict[str, dict[str, np.ndarray]]


def read(path: str | Path) -> Grouped:
    """Read arrays by signature and tensor.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no .npz file, an array has another name, or it holds pickled objects,
            which are never loaded.
    """
    grouped: Grouped = {}
    for key, array in load_arrays(Path(path)).items():
        signature, slash, tensor = key.rpartition("/")
        if not slash:
            raise UsageError(
                "Expected arrays named signature/tensor. Received: "
                f"{key or 'an array without a name'} in {path}. (Write them with "
                'numpy.savez(path, **{"encode/x": x}).)'
            )
        grouped.setdefault(signature, {})[tensor] = array
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
