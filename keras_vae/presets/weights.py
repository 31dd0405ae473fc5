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
# Of members in the archive; Keras's metadata has the time of saving.
DATE = (1980, 1, 1, 0, 0, 0)
# The class that Keras writes for a function in Python code.
CODE = b'"__lambda__"'
# Types that "float16" rounds; others are as small.
WIDE = ("float32", "float64")


def save_weights_only(model: Any, path: Path, dtype: str) -> None:
    """Save a model to a .keras file, without what only training needs.

    Args:
        model: A built model or detector.
        path: The new file.
        dtype: "float32", or "float16" for weights that are rounded.

    Raises:
        ValueError: If float16 does not hold a weight, or the model has code, which nobody loads.
    """
    whole = path.with_name(f"whole-{path.name}")
    model.save(whole)
    with zipfile.ZipFile(whole) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    whole.unlink()
    _check_code(model, members[CONFIG])
    members[CONFIG] = _without_compilation(members[CONFIG])
    members[WEIGHTS] = _convert(members[WEIGHTS], dtype)
    with zipfile.ZipFile(path, "w") as archive:  # Not compressed, as Keras writes it.
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, DATE), content)


def stored_types(model: Any, dtype: str) -> str:
    """Return the types of the weights in the file of a model, such as "float16"."""
    types = {str(weight.dtype) for weight in model.weights if len(weight.shape)}
    found = {dtype if dtype != "float32" and one in WIDE else one for one in types}
    return ", ".join(sorted(one for one in found if "float" in one)) or dtype


def _check_code(model: Any, config: bytes) -> None:
    if CODE in config:
        raise UsageError(
            f"Expected a {type(model).__name__} without Python code. Received: a Lambda layer or "
            "another function, which from_preset refuses. (Make it a registered subclass of "
            "keras.layers.Layer.)"
        )


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
    if dtype == "float32" or not name.isdigit() or values.dtype not in WIDE or not values.ndim:
        return values
    with np.errstate(over="ignore"):
        rounded = values.astype(dtype)
    if not np.isfinite(rounded).all():
        raise UsageError(
            f"Expected weights that float16 holds, up to {np.finfo(dtype).max}. Received: "
            f"{np.abs(values).max():g}. (Leave out weights_dtype.)"
        )
    return rounded
