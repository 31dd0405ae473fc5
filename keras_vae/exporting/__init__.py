"""Writers of what `Autoencoder.endpoints` offers: how to serve, where the model says what.

Both writers need the TensorFlow backend, build the artifact beside its target and rename it
there when it is whole, and never overwrite anything.
"""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_vae.exporting.endpoints import chosen_endpoints
from keras_vae.exporting.litert import write_litert
from keras_vae.exporting.saved_model import write_saved_model

__all__ = ["chosen_endpoints", "export", "write_litert", "write_saved_model"]

WRITERS = {"tf_saved_model": write_saved_model, "litert": write_litert}


def export(
    model: Any,
    filepath: str | Path,
    format: str = "tf_saved_model",
    endpoints: Sequence[str] | None = None,
    **options: Any,
) -> Path:
    """Write endpoints of `model` in a format that runs without Keras.

    Args:
        model: A built `keras_vae.Autoencoder`.
        filepath: Where to write; must not exist yet.
        format: "tf_saved_model" (a folder, for TF Serving) or "litert" (a .tflite file).
        endpoints: Names of the endpoints to write, all by default; the first is the default one.
        **options: Of the writer, see `write_saved_model` and `write_litert`.

    Returns:
        The path that was written.

    Raises:
        TypeError: If an option is not of this writer.
        ValueError: If the format or an endpoint is unknown or does not fit the path, or the model
            is not built.
        FileExistsError: If `filepath` exists.
        RuntimeError: If the backend of Keras is not TensorFlow.
    """
    if format not in WRITERS:
        raise ValueError(f"Expected format to be one of {sorted(WRITERS)}. Received: {format!r}.")
    if Path(filepath).suffix == ".tflite" and format != "litert":
        raise ValueError(
            f"Expected format='litert' for a .tflite file. Received: format={format!r} and "
            f"{filepath}. (A SavedModel is a folder, such as served/vae/1.)"
        )
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            "Expected the tensorflow backend for export. Received: "
            f"{keras.backend.backend()!r}. (Save the model with model.save('m.keras') and export "
            "it in a process with KERAS_BACKEND=tensorflow.)"
        )
    path = Path(filepath)
    if path.exists():
        raise FileExistsError(
            f"Expected a path that does not exist yet. Received: {path}. "
            "(Choose another one, or remove it first; nothing was changed.)"
        )
    _check_options(format, options)
    chosen = chosen_endpoints(model, endpoints)
    path.parent.mkdir(parents=True, exist_ok=True)
    return WRITERS[format](model, path, chosen, **options)


def _check_options(format: str, options: Mapping[str, Any]) -> None:
    """Raise TypeError unless the writer of a format has these options."""
    known = {name: list(inspect.signature(w).parameters)[3:] for name, w in WRITERS.items()}
    unknown = sorted(set(options) - set(known[format]))
    if unknown:
        others = [name for name in known if set(unknown) <= set(known[name])]
        advice = f" (That is of format={others[0]!r}.)" if others else ""
        raise TypeError(
            f"Expected options of format={format!r}: {', '.join(known[format]) or 'none'}. "
            f"Received: {', '.join(unknown)}.{advice}"
        )
