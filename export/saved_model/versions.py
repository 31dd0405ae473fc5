"""The folders that TF Serving polls: MODELS/NAME/NUMBER."""

import re
import shlex
from pathlib import Path

from keras_vae.errors import UsageError

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
ATTEMPTS = 100


def check_name(name: str) -> str:
    """Return `name`; raises ValueError unless it fits a server, a URL and a file system."""
    if not NAME.fullmatch(name):
        raise UsageError(
            "Expected a name of letters, digits, '_', '-' and '.' that starts with a letter. "
            f"Received: {name!r}."
        )
    return name


def check_models_folder(folder: Path) -> Path:
    """Return `folder`; raises ValueError if it is a version or a model itself."""
    if folder.is_file():
        raise UsageError(f"Expected a folder. Received: the file {folder}.")
    inside = [path for path in (folder, *folder.parents) if is_saved_model(path)]
    if folder.name.isdecimal() or inside:
        raise UsageError(
            f"Expected the folder that holds models, such as 'serving'. Received: {folder}, which "
            "is a version of one. (The program makes DIR/NAME/VERSION itself: give DIR, and "
            "--name and --version.)"
        )
    if folder.is_dir() and versions(folder):
        raise UsageError(
            f"Expected the folder that holds models, such as 'serving'. Received: {folder}, which "
            f"is a model with the versions {versions(folder)}. (Give "
            f"{shlex.quote(str(folder.parent))} and --name {shlex.quote(folder.name)}.)"
        )
    return folder


def is_saved_model(folder: Path) -> bool:
    """Return whether `folder` is a version."""
    return (folder / "saved_model.pb").is_file()


def versions(model: Path) -> list[int]:
    """Return the versions in the folder of a model, ascending.

    Raises:
        ValueError: If the name of a SavedModel in it is no version for TF Serving, or another one
            than a person would read.
    """
    found = []
    for path in model.iterdir() if model.is_dir() else ():
        if path.name.startswith(".") or not is_saved_model(path):
            continue
        if not is_version(path.name):
            raise UsageError(
                "Expected version folders named by whole numbers from 1 without leading zeros. "
                f"Received: {path}. (TF Serving would ignore it or take another number: rename it.)"
            )
        found.append(int(path.name))
    return sorted(found)


def is_version(name: str) -> bool:
    """Return whether TF Serving and a person read `name` as the same version number."""
    return name.isascii() and name.isdecimal() and str(int(name)) == name and 1 <= int(name) < 2**63


def check_version(model: Path, version: int | None) -> None:
    """Raise ValueError or FileExistsError unless `version` is a new version of `model`."""
    known = versions(model)
    if version is not None and not is_version(str(version)):
        raise UsageError(f"Expected a version from 1 to 2^63 - 1. Received: {version}.")
    if version is not None and (model / str(version)).exists():
        raise FileExistsError(
            f"Expected a new version of {model.name}. Received: {version}, which exists in "
            f"{model}. (Leave --version out to get {max(known, default=0) + 1}; nothing was "
            "changed.)"
        )


def publish_version(folder: Path, model: Path, version: int | None = None) -> Path:
    """Rename `folder` to `model`/`version`; without a version, to the next one.

    Raises:
        FileExistsError: If the version exists; `folder` is then unchanged.
    """
    from keras_vae.files.folders import publish

    if version is not None:
        return publish(folder, model / str(version))
    for _ in range(ATTEMPTS):  # Another exporter may take a number first.
        number = max((int(p.name) for p in model.iterdir() if is_version(p.name)), default=0) + 1
        try:
            return publish(folder, model / str(number))
        except FileExistsError:
            continue
    raise FileExistsError(f"Expected a free version number in {model}. Received: none.")
