"""Atomic writing of files: after a crash or on a full disk, the old file is still there."""

import contextlib
import glob
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_vae.errors import UsageError


def write_atomically(
    path: str | Path, write: Callable[[Path], Any], machines: bool = False
) -> Path:
    """Write a temporary file next to `path`, flush it to disk, then rename it to `path`.

    A killed process leaves a hidden file next to `path`, which the next writer of `path` removes.

    Args:
        path: The file to write or to replace; its folder must exist.
        write: Called with the path of a temporary file that has the suffix of `path`.
        machines: Whether other machines may write the same path at the same time. If so, the name
            of the temporary file is unique among all machines, and no files are removed.

    Returns:
        `path`.

    Raises:
        OSError: If it cannot be written; `path` is then as it was.
    """
    path = Path(path)
    owner = f"of-{uuid.uuid4().hex}" if machines else str(os.getpid())
    if not machines:
        sweep(path.parent, path.name)
    temporary = path.with_name(f".{path.stem}.{owner}.tmp{path.suffix}")
    try:
        write(temporary)
        _flush_to_disk(temporary, os.O_RDWR)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # Some file systems cannot sync a folder.
        _flush_to_disk(path.parent, os.O_RDONLY)
    return path


def sweep(folder: Path, name: str = "*") -> None:
    """Remove the temporary files of killed writers of `name` in `folder`.

    Files of running processes stay.

    Args:
        folder: The folder.
        name: Name of the file that was written, or "*" for all.
    """
    stem, suffix = (
        ("*", "*") if name == "*" else map(glob.escape, (Path(name).stem, Path(name).suffix))
    )
    for left in folder.glob(f".{stem}.*.tmp{suffix}"):
        owner = left.name.rpartition(".tmp")[0].rpartition(".")[2]
        if owner.isdecimal() and not _is_alive(int(owner)):
            left.unlink(missing_ok=True)


def save_model(model: Any, path: str | Path) -> Path:
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


def _is_alive(process: int) -> bool:
    """Return whether another process has this number; this process's own number is not alive."""
    if os.name == "nt":  # On Windows the call below would end the process.
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()


def _flush_to_disk(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
