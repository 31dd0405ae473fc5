"""Folders that appear complete or not at all, for readers that poll, such as TF Serving."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from keras_vae.files.atomic import exists_error, flush_to_disk
from keras_vae.files.temporary import remove_abandoned, temporary_folder


@contextlib.contextmanager
def partial_folder(parent: Path) -> Iterator[Path]:
    """Yield a new hidden folder in `parent` to fill; it is removed unless `publish` renames it.

    Folders whose process was killed are removed first, and no other folders.
    """
    parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(parent)
    with temporary_folder(parent) as folder:
        yield folder


def publish(folder: Path, target: Path) -> Path:
    """Flush `folder` to the disk and rename it to `target`, which is complete from the start.

    Raises:
        FileExistsError: If `target` exists; both folders are then unchanged.
    """
    for path in (*folder.rglob("*"), folder):
        _flush(path)
    if target.exists():
        raise exists_error(target)
    try:
        folder.rename(target)
    except OSError as error:
        if target.exists():  # Another process made it in the meantime.
            raise exists_error(target) from error
        raise
    _flush(target.parent)
    return target


def _flush(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    with contextlib.suppress(PermissionError):
        flush_to_disk(path)
