"""The model file of a preset: without the optimizer, and with weights in half precision on demand.

Keras loads float16 numbers into its float32 variables, so that the file needs no reader of its own.
"""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import UsageError

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
DTYPES = ("float32", "float16")
# Of training alone; a group of layers has names of users in it.
OPTIMIZER, COMPILED, LAYERS = "optimizer", "compile_config", "layers"
# A date, so that equal weights give equal files.
DATE = (1980, 1, 1, 0, 0, 0)


def save_weights_only(model: Any, path: Path, dtype: str) -> None:
    """Save a model to a .keras file, without what only training needs.

    Args:
        model: A built model or detector.
        path: The new file.
        dtype: "float32", or "float16" for weights that are rounded.

    Raises:
        ValueError: If float16 does not hold a weight.
    """
    whole = path.with_name(f"whole-{path.name}")
    model.save(whole)
    with zipfile.ZipFile(whole) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    whole.unlink()
    members[CONFIG] = _without_compilation(members[CONFIG])
    members[WEIGHTS] = _convert(members[WEIGHTS], dtype)
    with zipfile.ZipFile(path, "w") as archive:  # Not compressed, as Keras writes it.
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, DATE), content)


def _without_compilation(config: bytes) -> bytes:
    """Return a configuration without optimizers, those of models inside of the model too."""
    objects = [json.loads(config)]
    whole = objects[0]
    for content in objects:  # It grows.
        if isinstance(content, dict):
            if {"class_name", "config"} <= content.keys():
                content.pop(COMPILED, None)
            objects += content.values()
        elif isinstance(content, list):
            objects += content
    return json.dumps(whole).encode()


def _convert(content: bytes, dtype: str) -> bytes:
    """Return an HDF5 file without optimizers, and with the weights as `dtype`."""
    import h5py

    written = io.BytesIO()
    with (
        h5py.File(io.BytesIO(content), "r") as old,
        h5py.File(written, "w", libver="latest") as new,
    ):
        _copy(old, new, dtype)
    return written.getvalue()


def _copy(old: Any, new: Any, dtype: str) -> None:
    """Copy a group of HDF5 with all in it; HDF5's own copy cannot change types."""
    import h5py

    new.attrs.update(old.attrs)
    of_layers = old.name.rpartition("/")[2] == LAYERS
    for name, entry in old.items():
        if isinstance(entry, h5py.Dataset):
            values = _round(name, entry[()], dtype)
            new.create_dataset(name, data=values).attrs.update(entry.attrs)
        elif name != OPTIMIZER or of_layers:
            _copy(entry, new.create_group(name), dtype)


def _round(name: str, values: Any, dtype: str) -> Any:
    """Return weights as `dtype`. Weights have numbers as names; a threshold has a word."""
    if dtype == "float32" or not name.isdigit() or values.dtype != np.float32 or not values.ndim:
        return values
    with np.errstate(over="ignore"):
        rounded = values.astype(dtype)
    if not np.isfinite(rounded).all():
        raise UsageError(
            f"Expected weights that float16 holds, up to {np.finfo(dtype).max}. Received: "
            f"{np.abs(values).max():g}. (Leave out weights_dtype.)"
        )
    return rounded
