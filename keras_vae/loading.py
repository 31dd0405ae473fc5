"""Safe loading of model files: damaged files and files with anything but a model are refused."""

import os
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import keras

from keras_vae.errors import UsageError

NEEDED = {"metadata.json", "config.json", "model.weights.h5"}
# Errors of Python for damaged Keras files, which are zip files of JSON and HDF5.
DAMAGED = (
    *(ValueError, TypeError, OSError, KeyError, AttributeError, IndexError, EOFError),
    *(RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error),
)
# Keras stores without compression; a higher ratio is a zip bomb.
LARGEST_RATIO = 20


def load(
    path: str | os.PathLike[str],
    compile: bool = True,
    custom_objects: Mapping[str, Any] | None = None,
) -> Any:
    """Load the model or the detector of a .keras file, unless the file is damaged.

    It uses the safe mode of `keras.saving.load_model`, which runs no code of the file. In addition,
    the archive may contain only the members that Keras writes, with right checksums. The object
    must be of a class of `keras_vae`. It writes no files and fetches none.

    Example:
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
    """
    from keras_vae.anomalies.detector import AnomalyDetector
    from keras_vae.base.autoencoder import Autoencoder

    path = Path(path)
    check_archive(path)
    objects = None if custom_objects is None else dict(custom_objects)
    try:
        model = keras.saving.load_model(path, objects, compile, safe_mode=True)
    except DAMAGED as error:
        raise UsageError(_explain_failure(path, str(error))) from error
    if not isinstance(model, Autoencoder | AnomalyDetector):
        raise UsageError(
            f"Expected a model of keras_vae. Received: a {type(model).__name__} in {path}."
        )
    return model


def _explain_failure(path: Path, error: str) -> str:
    """Return the message for a file that Keras cannot load; Keras's own is long, so it is cut."""
    unknown = re.match("Could not locate (?:class|function) '(\\w+)'", error)
    if unknown:
        return (
            f"Expected a model of known classes. Received: {path}, which has {unknown[1]}. (Import "
            "the module that defines and registers it first; programs take --import MODULE.)"
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
    if not path.is_file():
        raise FileNotFoundError(f"Expected a .keras file. Received: {path}, which is no file.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            problem = _find_problem(members)
            damaged = None if problem else archive.testzip()
    except DAMAGED as error:
        problem, damaged = f"no whole zip archive: {error}", None
    if damaged:
        problem = f"a damaged member, {damaged}"
    if problem:
        raise UsageError(
            f"Expected a model that Keras can load. Received: {path}, which has {problem}. "
            "(It was damaged or changed: copy or fetch it again; training a run on with --resume "
            "writes its model.keras anew.)"
        )


def _find_problem(members: list[zipfile.ZipInfo]) -> str | None:
    """Return the first unexpected or missing member of an archive, or None."""
    names = [member.filename for member in members]
    unexpected = [name for name in names if name not in NEEDED and not _is_asset(name)]
    if unexpected:
        return f"the member {unexpected[0]!r}"
    if len(set(names)) != len(names):
        return "a member twice"
    if missing := sorted(NEEDED - set(names)):
        return f"no {missing[0]}"
    for member in members:
        if member.file_size > LARGEST_RATIO * max(member.compress_size, 1024):
            return (
                f"{member.filename}, {member.compress_size} bytes that say they are "
                f"{member.file_size}"
            )
    return None


def _is_asset(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parts[:1] == ("assets",) and ".." not in path.parts and "\\" not in name
