"""Writing files so that a crash or a full disk never costs what was there before."""

import contextlib
import glob
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_atomically(
    path: str | Path, write: Callable[[Path], Any], machines: bool = False
) -> Path:
    """Let `write` make a file beside `path`, put it on the disk, then rename it to `path`.

    A killed process leaves a hidden file beside `path`, which the next one to write it removes.

    Args:
        path: The file to make or to replace; its folder must exist.
        write: Called with the path of a temporary file that has the suffix of `path`.
        machines: Whether other machines may write the same path at the same time: then the
            temporary file has a name that no process elsewhere can have, and nothing is removed.

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
    """Remove what writers of `name` in `folder` left that were killed; living ones are let be."""
    stem, suffix = (
        ("*", "*") if name == "*" else map(glob.escape, (Path(name).stem, Path(name).suffix))
    )
    for left in folder.glob(f".{stem}.*.tmp{suffix}"):
        owner = left.name.rpartition(".tmp")[0].rpartition(".")[2]
        if owner.isdecimal() and not _is_alive(int(owner)):
            left.unlink(missing_ok=True)


def save_model(model: Any, path: str | Path) -> Path:
    """`model.save(path)`, but a crash leaves either the old file or the new one, never half.

    Raises:
        ValueError: If `path` does not end in .keras.
        OSError: If it cannot be written; `path` is then as it was.
    """
    if Path(path).suffix != ".keras":
        raise ValueError(f"Expected a path that ends in .keras. Received: {path}.")
    return write_atomically(path, model.save)


def _is_alive(process: int) -> bool:
    """Whether another process has this number; files of our own number are from an earlier one."""
    if os.name == "nt":  # There the call below would end the process.
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
