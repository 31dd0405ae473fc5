"""Checks of outputs before the work that fills them."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from keras_vae.errors import UsageError

# A scheme has two letters or more: C: is a drive. A path has one slash of the two.
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def is_address(path: str | Path) -> bool:
    """Return whether a path is an address, such as gs://BUCKET/NAME, of which no folder is made."""
    return ADDRESS.match(str(path)) is not None


def refuse_address(name: str, path: str | Path) -> None:
    """Raise ValueError if a path is an address: it would become a folder with the name gs:."""
    if is_address(path):
        raise UsageError(
            f"Expected {name} to be a path on this machine. Received: {path}, an address. (Use a "
            "folder here, and copy it.)"
        )


def check_new_file(path: Path, word: str = "FILE") -> None:
    """Raise unless a new file can be written at `path`, in a folder that exists.

    Raises:
        FileExistsError: If something is there.
        ValueError: If `path` is an address.
        FileNotFoundError: If its folder does not exist.
        NotADirectoryError: If a file is in place of its folder.
        PermissionError: If its folder takes no new files.
    """
    check_new(path, word)
    check_folder(path.parent)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"Expected {word} in a folder that exists. Received: {path}, and no folder "
            f"{path.parent}. (Make the folder first.)"
        )


def check_file(path: Path) -> None:
    """Raise unless a file can be written at `path`, also in place of another one.

    Raises:
        FileNotFoundError: If its folder does not exist, or a folder is in its place.
        PermissionError: If its folder takes no new files.
    """
    if not path.parent.is_dir() or path.is_dir():
        raise FileNotFoundError(f"Expected a file in a folder that exists. Received: {path}.")
    check_folder(path.parent)


def check_new(path: Path, word: str) -> None:
    """Raise FileExistsError if something is at `path`, also a link that leads nowhere.

    Raises:
        ValueError: If `path` is an address.
    """
    refuse_address(word, path)
    if os.path.lexists(path):
        raise FileExistsError(
            f"Expected a new {word}. Received: {path}, which exists. (Nothing was changed.)"
        )


def check_folder(path: Path) -> None:
    """Raise unless `path` is a folder that takes new files, or can be made.

    Raises:
        NotADirectoryError: If a file is in its place or above it.
        PermissionError: If the folder, or the one above it that exists, takes no new files.
        ValueError: If `path` is an address.
    """
    refuse_address("the folder", path)
    found = next(one for one in (path, *path.absolute().parents) if os.path.lexists(one))
    if not found.is_dir():
        raise NotADirectoryError(
            f"Expected a folder as {path}. Received: the file {found}. (Choose another path.)"
        )
    if not os.access(found, os.W_OK | os.X_OK):
        raise PermissionError(
            f"Expected a folder that takes new files. Received: {found}, which this user may not "
            "write to. (Choose another path.)"
        )


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless they exist; errors are those of `check_folder`."""
    check_folder(path)
    path.mkdir(parents=True, exist_ok=True)


def check_apart(outputs: Iterable[Path | None], inputs: Iterable[Path | None] = ()) -> None:
    """Raise UsageError if an output would replace another one, or an input.

    Args:
        outputs: Paths that a program writes; None where one is left out.
        inputs: Paths that it reads.
    """
    taken = {path.resolve() for path in inputs if path is not None}
    for path in outputs:
        if path is None:
            continue
        if path.resolve() in taken:
            raise UsageError(
                f"Expected one path for each of the inputs and outputs. Received: {path} twice. "
                "(Choose another path. Nothing was changed.)"
            )
        taken.add(path.resolve())
