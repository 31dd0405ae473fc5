"""Folders that appear whole or not at all, for readers that poll, such as TF Serving."""

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
    """A hidden new folder in `parent` to fill; removed at the end unless `publish` has named it.

    What exporters that were killed have left in `parent` is removed first.
    """
    parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(parent)
    folder = parent / f"{PREFIX}{uuid.uuid4().hex}"
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # The kernel lets go of it when a process dies.
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def publish(folder: Path, target: Path) -> Path:
    """Put `folder` on the disk, then give it its name; `target` is whole from its first moment.

    Raises:
        FileExistsError: If `target` exists; both are then as they were.
    """
    for path in (*folder.rglob("*"), folder):
        _flush(path)
    if target.exists():
        raise _taken(target)
    try:
        folder.rename(target)
    except OSError as error:
        if target.exists():  # Made by somebody else in this moment.
            raise _taken(target) from error
        raise
    _flush(target.parent)
    return target


def _taken(target: Path) -> FileExistsError:
    return FileExistsError(
        f"Expected a path that does not exist yet. Received: {target}. "
        "(Choose another one, or remove it first; nothing was changed.)"
    )


def _remove_abandoned(parent: Path) -> None:
    """Remove partial folders that no living process holds the lock of."""
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    with contextlib.suppress(PermissionError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
