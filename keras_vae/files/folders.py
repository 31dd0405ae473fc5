"""Folders that appear complete or not at all, for readers that poll, such as TF Serving."""

import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

PREFIX = ".partial-"


@contextlib.contextmanager
def partial_folder(parent: Path) -> Iterator[Path]:
    """Yield a new hidden folder in `parent` to fill; it is removed unless `publish` renames it.

    Folders that killed exporters left in `parent` are removed first.
    """
    parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(parent)
    folder = parent / f"{PREFIX}{uuid.uuid4().hex}"
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # The kernel releases it when a process dies.
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def publish(folder: Path, target: Path) -> Path:
    """Flush `folder` to the disk and rename it to `target`, which is complete from the start.

    Raises:
        FileExistsError: If `target` exists; both folders are then unchanged.
    """
    for path in (*folder.rglob("*"), folder):
        _flush(path)
    if target.exists():
        raise _exists_error(target)
    try:
        folder.rename(target)
    except OSError as error:
        if target.exists():  # Another process made it in the meantime.
            raise _exists_error(target) from error
        raise
    _flush(target.parent)
    return target


def _exists_error(target: Path) -> FileExistsError:
    return FileExistsError(
        f"Expected a path that does not exist yet. Received: {target}. "
        "(Choose another one, or remove it first; nothing was changed.)"
    )


def _remove_abandoned(parent: Path) -> None:
    """Remove partial folders that no living process has locked."""
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


def _flush(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    with contextlib.suppress(PermissionError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
