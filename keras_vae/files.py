"""Writing files so that a crash or a full disk never costs what was there before."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_atomically(path: str | Path, write: Callable[[Path], Any]) -> Path:
    """Let `write` make a file beside `path`, put it on the disk, then rename it to `path`.

    Args:
        path: The file to make or to replace; its folder must exist.
        write: Called with the path of a temporary file that has the suffix of `path`.

    Returns:
        `path`.

    Raises:
        OSError: If it cannot be written; `path` is then as it was.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        write(temporary)
        _flush_to_disk(temporary, os.O_RDWR)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # Some file systems cannot sync a folder.
        _flush_to_disk(path.parent, os.O_RDONLY)
    return path


def save_model(model: Any, path: str | Path) -> Path:
    """`model.save(path)`, but a crash leaves either the old file or the new one, never half.

    Raises:
        ValueError: If `path` does not end in .keras.
        OSError: If it cannot be written; `path` is then as it was.
    """
    if Path(path).suffix != ".keras":
        raise ValueError(f"Expected a path that ends in .keras. Received: {path}.")
    return write_atomically(path, model.save)


def _flush_to_disk(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
