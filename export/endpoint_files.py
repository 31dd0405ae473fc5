"""Exports of one file for each endpoint: which files belong to one, and to which endpoint."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from keras_vae.errors import UsageError

# Names of endpoints, under which a file of another one would be taken for it.
ENDPOINTS = ("reconstruct", "encode", "decode", "score", "sample", "classify", "cluster")


class EndpointFile(Protocol):
    """A file of an export."""

    @property
    def path(self) -> Path:
        """Its path."""

    @property
    def endpoint(self) -> str:
        """The endpoint in it."""


File = TypeVar("File", bound=EndpointFile)


def paths(path: Path, suffix: str) -> list[Path]:
    """Return the files of an export: a file, or all files of a folder with this suffix.

    Raises:
        ValueError: If a folder has none.
    """
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.glob(f"*{suffix}") if file.is_file())
    if not found:
        raise UsageError(f"Expected a folder with {suffix} files. Received: {path}, without any.")
    return found


def is_folder(path: Path, suffix: str) -> bool:
    """Return whether a path is a folder of files with this suffix."""
    return path.is_dir() and any(file.is_file() for file in path.glob(f"*{suffix}"))


def by_endpoint(path: Path, files: Iterable[File]) -> dict[str, File]:
    """Return the files of an export by endpoint.

    Raises:
        ValueError: If a file has the name of another endpoint, or two are of the same one.
    """
    found: dict[str, File] = {}
    for file in files:
        name, one = file.endpoint, file.path
        if path.is_dir() and one.stem in ENDPOINTS and name != one.stem:
            raise UsageError(
                f"Expected the endpoint {one.stem} in {one.name}. Received: {name}, in {path}. "
                "(Rename the file.)"
            )
        if name in found:
            raise UsageError(
                f"Expected one file for each endpoint. Received: {found[name].path.name} and "
                f"{one.name} in {path}, both of {name}. (Give one of these files.)"
            )
        found[name] = file
    return found


def the_same(what: str, values: Mapping[str, Any]) -> Any:
    """Return what all files of a folder have; raise ValueError if they differ."""
    if len({*values.values()}) > 1:
        raise UsageError(
            f"Expected files of the same {what} in a folder. Received: {dict(values)}. (Give one "
            "file at a time.)"
        )
    return next(iter(values.values()))
