"""Writers of SavedModel, LiteRT, ONNX, OpenVINO and PyTorch files.

`Autoencoder.endpoints` says what can be served. The writers here say how. They trace graphs of
TensorFlow, and that of PyTorch's own format traces PyTorch. `other_backends` calls them in another
process for models of other backends. They build a file or folder next to its target, rename it
once it is complete, and overwrite an export only when you ask for it.
"""

import contextlib
import inspect
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import keras

from keras_vae.backend import release
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.export.endpoint_files import ENDPOINTS
from keras_vae.export.formats import SUFFIXES, check_suffix
from keras_vae.files import outputs
from keras_vae.files.atomic import exists_error
from keras_vae.files.folders import replacing
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments
from keras_vae.validation.value_checks import check_weights

__all__ = ["export"]

# The files in a folder of an export: those of a SavedModel and that `keras-vae export saved-model`
# adds, and those of ONNX and OpenVINO. Many programs write .xml files, so these have known names.
EXPORTED = {
    "tf_saved_model": (
        *("saved_model.pb", "fingerprint.pb", "variables/variables.index"),
        *("variables/variables.data-?????-of-?????", "model_card.json"),
        "assets.extra/tf_serving_warmup_requests",
    ),
    "onnx": ("*.onnx",),
    "torch": ("*.pt2",),
    "openvino": tuple(f"{name}.{end}" for end in ("xml", "bin") for name in ENDPOINTS),
}

# Files without which a folder is no export.
MAIN = {
    "tf_saved_model": "saved_model.pb",
    "onnx": "*.onnx",
    "openvino": "*.xml",
    "torch": "*.pt2",
}


def export(
    model: LatentModel,
    filepath: str | Path,
    format: str = "tf_saved_model",
    endpoints: Sequence[str] | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Path:
    """Write endpoints of `model` in a format that runs without Keras.

    Args:
        model: A built `keras_vae.Autoencoder`.
        filepath: The new file or folder; it must not exist yet, unless you overwrite it.
        format: "tf_saved_model" (a folder, for TF Serving), "litert" (a .tflite file), "onnx" (a
            .onnx file for one endpoint, a folder of such files for several), "openvino" (a folder
            with an .xml and a .bin file for each endpoint) or "torch" (.pt2, as for ONNX).
        endpoints: Names of the endpoints to write, all by default. The first one becomes the
            default signature.
        overwrite: Whether to replace an export that is at `filepath`, once the new one is whole.
        **options: Options of the writer, see `write_saved_model`, `write_litert`, `write_onnx`,
            `write_openvino` and `write_torch`.

    Returns:
        The path that was written.

    Raises:
        TypeError: If the writer of this format does not have an option, or an argument is of
            another type.
        ValueError: If the format or an endpoint is unknown or does not fit the path, the model is
            not built, or a weight is not finite.
        FileExistsError: If `filepath` exists, and you do not overwrite it, it is no export, or its
            folder has a file that no export writes.
        NotADirectoryError: If a file is where a folder above `filepath` should be.
        PermissionError: If that folder takes no new files.
        RuntimeError: If TensorFlow is not installed, or PyTorch for "torch".
    """
    from keras_vae.export import other_backends
    from keras_vae.export.endpoints import choose_endpoints, copy_of_half_precision

    writers = _import_writers()
    if not isinstance(format, str) or format not in writers:
        raise UsageError(f"Expected format to be one of {sorted(writers)}. Received: {format!r}.")
    path = arguments.path("filepath", filepath)
    check_suffix(path, format)
    outputs.check_folder(path.parent)
    overwrite = arguments.flag("overwrite", overwrite)
    if os.path.lexists(path):
        _check_replaceable(path, format, overwrite)
    _check_options(writers, format, options)
    _check_one_file(path, format, choose_endpoints(model, endpoints))
    check_weights(model)
    if keras.backend.backend() != other_backends.needed_backend(format):
        return other_backends.export(model, path, format, endpoints, overwrite, options)
    model = copy_of_half_precision(model)
    chosen = choose_endpoints(model, endpoints)
    outputs.make_folder(path.parent)
    place = replacing(path) if path.exists() else contextlib.nullcontext(path)
    try:
        with place as target:
            writers[format](model, target, chosen, **options)
            if target != path:  # It takes minutes, in which someone may have added a file.
                _check_replaceable(path, format, overwrite)
    finally:
        release.release_now()
    return path


def _check_one_file(path: Path, format: str, endpoints: Collection[str]) -> None:
    """Raise ValueError for the file of one endpoint without its suffix, which tells its kind."""
    suffix = SUFFIXES[format]
    if format in ("onnx", "torch") and len(endpoints) == 1 and path.suffix.lower() != suffix:
        raise UsageError(
            f"Expected a path that ends in {suffix}, since one endpoint is one file. Received: "
            f"{path}. (Give {path.name.removeprefix(suffix or '') or 'model'}{suffix})"
        )


def _check_replaceable(path: Path, format: str, overwrite: bool) -> None:
    """Raise FileExistsError unless `path` is an export of this format that may be replaced."""
    if not overwrite:
        raise exists_error(path, ", or give overwrite=True")
    if path.is_symlink() or not _is_export(path, format):
        raise exists_error(path, "; overwrite=True replaces exports of the same format alone")
    if others := _other_files(path, EXPORTED.get(format, ())):
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        raise FileExistsError(
            f"Expected a folder with files of an export alone, which overwrite=True removes. "
            f"Received: {', '.join(others[:3])}{more} in {path}. (Move them away; nothing was "
            "changed.)"
        )


def _is_export(path: Path, format: str) -> bool:
    """Return whether a file or folder looks like an export of this format."""
    if path.is_dir():
        patterns = EXPORTED.get(format, ())
        return bool(patterns) and any(file.is_file() for file in path.glob(MAIN[format]))
    return path.is_file() and SUFFIXES[format] is not None


def _other_files(folder: Path, patterns: Sequence[str]) -> list[str]:
    """Return the files and links in a folder that no export writes; none for a file."""
    names = [
        found.relative_to(folder).as_posix()
        for found in sorted(folder.rglob("*"))
        if found.is_symlink() or not found.is_dir()
    ]
    return [name for name in names if not any(_is_like(name, known) for known in patterns)]


def _is_like(name: str, pattern: str) -> bool:
    """Return whether a path has the parts of a pattern, of which none matches two."""
    return name.count("/") == pattern.count("/") and fnmatch(name, pattern)


def _import_writers() -> dict[str, Callable[..., Path]]:
    """Return the writers by format; imported here, so that they can import from this package."""
    from keras_vae.export.litert.writer import write_litert
    from keras_vae.export.onnx_files.writer import write_onnx
    from keras_vae.export.openvino_files.writer import write_openvino
    from keras_vae.export.saved_model.writer import write_saved_model
    from keras_vae.export.torch_files.writer import write_torch

    return {
        "tf_saved_model": write_saved_model,
        "litert": write_litert,
        "onnx": write_onnx,
        "openvino": write_openvino,
        "torch": write_torch,
    }


def _check_options(
    writers: Mapping[str, Callable[..., Path]], format: str, options: Mapping[str, Any]
) -> None:
    """Raise TypeError unless the writer of a format has these options."""
    known = {name: list(inspect.signature(w).parameters)[3:] for name, w in writers.items()}
    unknown = sorted(set(options) - set(known[format]))
    if unknown:
        others = [name for name in known if set(unknown) <= set(known[name])]
        advice = f" (That is of format={others[0]!r}.)" if others else ""
        raise UsageTypeError(
            f"Expected options of format={format!r}: {', '.join(known[format]) or 'none'}. "
            f"Received: {', '.join(unknown)}.{advice}"
        )
