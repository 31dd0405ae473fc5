"""Atomic writing of files: after a crash or on a full disk, the old file is still there."""

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_vae.errors import UsageError
from keras_vae.files.temporary import remove_abandoned, temporary_file
from keras_vae.typing import LatentModel

OWNER_WRITES = 0o600


def write_atomically(
    path: str | Path, write: Callable[[Path], Any], machines: bool = False, new: bool = False
) -> Path:
    """Write a temporary file next to `path`, flush it to disk, then rename it to `path`.

    Any number of threads, processes and containers may write the same path: readers see one whole
    file or another. A file that is replaced keeps its permissions. A killed process leaves a
    hidden file next to `path`, which the next writer of `path` removes.

    Args:
        path: The file to write or to replace; its folder must exist.
        write: Called with the path of a temporary file that has the suffix of `path`. It must fill
            that file, not replace it.
        machines: Whether other machines may write the same path at the same time. If so, no files
            are removed, because some file systems keep locks to one machine.
        new: Whether a file that is at `path` in the end stays there, and is an error.

    Returns:
        `path`.

    Raises:
        FileExistsError: If `path` must be new and exists.
        OSError: If it cannot be written; `path` is then as it was.
    """
    path = Path(path)
    if not machines:
        remove_abandoned(path.parent, path.name)
    mode = _mode(path)
    with temporary_file(path, 0o666 if mode is None else mode | OWNER_WRITES) as temporary:
        write(temporary)
        flush_to_disk(temporary, os.O_RDWR)
        if mode is not None:
            os.chmod(temporary, mode)
        (_put_new if new else os.replace)(temporary, path)
    with contextlib.suppress(OSError):  # Some file systems cannot sync a folder.
        flush_to_disk(path.parent)
    return path


def save_model(model: LatentModel, path: str | Path) -> Path:
    """Save a model atomically: a crash leaves either the old file or the new one.

    Args:
        model: A Keras model.
        path: The file; its name ends in .keras and its folder must exist.

    Returns:
        `path`.

    Raises:
        ValueError: If `path` does not end in .keras.
        OSError: If it cannot be written; `path` is then as it was.
    """
    if Path(path).suffix != ".keras":
        raise UsageError(f"Expected a path that ends in .keras. Received: {path}.")
    return write_atomically(path, model.save)


def flush_to_disk(path: Path, flags: int = os.O_RDONLY) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_new(temporary: Path, path: Path) -> None:
    """Give a file the name `path`, unless that is taken: a rename would replace a file."""
    try:
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise
        except OSError:  # Some file systems have no hard links.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL))
            os.replace(temporary, path)
    except FileExistsError:
        raise exists_error(path) from None


def exists_error(path: Path, advice: str = "") -> FileExistsError:
    """Return the error for a file or folder where a new one should be; `advice` is one more way."""
    return FileExistsError(
        f"Expected a path that does not exist yet. Received: {path}. "
        f"(Choose another one, or remove it first{advice}; nothing was changed.)"
    )


def _mode(path: Path) -> int | None:
    """Return the permissions of a regular file, or None if there is none."""
    try:
        found = path.stat().st_mode
    except OSError:
        return None
    return stat.S_IMODE(found) if stat.S_ISREG(found) else None
