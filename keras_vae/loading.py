"""Safe loading of model files: damaged files and files with anything but a model are refused."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from keras_vae.errors import MissingExtraError, UsageError, UsageTypeError
from keras_vae.files import keras_archive
from keras_vae.validation import arguments

# Variables that files leave out, such as those of an optimizer before its first step: at most so
# many times the weights.
LARGEST_SHARE = 8
SMALLEST_LIMIT = 64 << 20
WEIGHTS_SUFFIX = ".weights.h5"  # Of the files that `keras.Model.save_weights` writes.


def load(
    path: str | os.PathLike[str],
    compile: bool = True,
    custom_objects: Mapping[str, Any] | None = None,
) -> Any:
    """Load the model or the detector of a .keras file, unless the file is damaged.

    It uses the safe mode of `keras.saving.load_model`, which runs no code of the file. In addition,
    the archive may contain only the members that Keras writes, with right checksums. The object
    must be of a class of `keras_vae`. Variables are not made if they are much larger than the
    stored weights. It writes no files and fetches none.

    Example:
        >>> model.fit(images, epochs=10)
        >>> model.save("model.keras")
        >>> model = keras_vae.load("model.keras")

    Args:
        path: The file.
        compile: Whether to restore the optimizer too.
        custom_objects: Your own classes in the model, by name.

    Returns:
        The autoencoder or `AnomalyDetector`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or no model of keras_vae.
        TypeError: If `path` is no path, or `custom_objects` no dictionary.
    """
    from keras_vae.anomalies.detector import AnomalyDetector
    from keras_vae.base.autoencoder import Autoencoder

    model = load_any(path, compile, custom_objects)
    if not isinstance(model, Autoencoder | AnomalyDetector):
        raise UsageError(
            f"Expected a model of keras_vae. Received: a {type(model).__name__} in {path}."
        )
    return model


def load_any(
    path: str | os.PathLike[str],
    compile: bool = True,
    custom_objects: Mapping[str, Any] | None = None,
) -> Any:
    """Load any model of a .keras file, as `load` does, which has the same arguments and errors."""
    from keras_vae.backend.keras_private import limit_variables, load_open_file

    path = arguments.path("path", path)
    compile = arguments.flag("compile", compile)
    objects = None if custom_objects is None else _by_name(custom_objects)
    with _open(path) as file:  # Once, so that what is checked is what is loaded.
        _check(file, path)
        limit = max(LARGEST_SHARE * keras_archive.weights_size(file), SMALLEST_LIMIT)
        try:
            with limit_variables(limit):
                model = load_open_file(file, objects, compile)
        except MissingExtraError:
            raise
        except Exception as error:  # The file decides what is called, and so what goes wrong.
            raise UsageError(_explain_failure(path, error)) from error
    return model


def _by_name(custom_objects: Any) -> dict[str, Any]:
    is_mapping = isinstance(custom_objects, Mapping)
    if not is_mapping or not all(
        isinstance(name, str) and callable(one) for name, one in custom_objects.items()
    ):
        raise UsageTypeError(
            "Expected custom_objects to be a dictionary from names to classes. Received: "
            f"{custom_objects!r}. (Give {{'MyModel': MyModel}}.)"
        )
    return dict(custom_objects)


def _explain_failure(path: Path, raised: Exception) -> str:
    """Return the message for a file that Keras cannot load; Keras's own is long, so it is cut."""
    error = str(raised) or type(raised).__name__
    unknown = re.match("Could not locate (?:class|function) '(\\w+)'", error)
    if unknown:
        return (
            f"Expected a model of known classes. Received: {path}, which has {unknown[1]}. (Import "
            "the module that defines and registers it first; programs take --import MODULE.)"
        )
    if "safe_mode" in error:
        return (
            f"Expected a model without Python code. Received: {path}, which holds a function of a "
            "Lambda layer. (Make it a registered subclass of keras.layers.Layer and save the model "
            "again. If you trust the file, keras.saving.load_model loads it with safe_mode off.)"
        )
    return f"Expected a model that Keras can load. Received: {path} ({error[:1000]})"


def check_archive(path: Path) -> None:
    """Raise ValueError unless a .keras file is an undamaged archive with Keras's members only.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is anything else.
    """
    with _open(path) as file:
        _check(file, path)


def _open(path: Path) -> IO[bytes]:
    if not path.is_file():
        from keras_vae.presets.places import is_known

        advice = f" (keras_vae.from_preset({str(path)!r}) loads a preset.)" * is_known(path)
        if (inside := path / "model.keras").is_file() and not advice:
            advice = f" (Of this folder: keras_vae.load({str(inside)!r}).)"
        raise FileNotFoundError(
            f"Expected a .keras file. Received: {path}, which is no file.{advice}"
        )
    if path.suffix != ".keras":
        advice = (
            "Load any other file of Keras with keras.saving.load_model, if you trust it, and save "
            "it as .keras."
        )
        if path.name.endswith(WEIGHTS_SUFFIX):
            advice = (
                "It has weights alone: make the same model anew, and call "
                f"model.load_weights({str(path)!r})."
            )
        raise UsageError(f"Expected a file whose name ends in .keras. Received: {path}. ({advice})")
    return path.open("rb")


def _check(file: IO[bytes], path: Path) -> None:
    try:
        problem = keras_archive.find_problem(file)
    except Exception as error:  # Damaged zip and HDF5 files raise errors of a dozen classes.
        problem = f"no whole zip archive: {error}"
    if problem:
        raise UsageError(
            f"Expected a model that Keras can load. Received: {path}, which has {problem}. "
            "(It was damaged or changed: copy or fetch it again; training a run on with --resume "
            "writes its model.keras anew.)"
        )
    file.seek(0)
