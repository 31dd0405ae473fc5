"""Folders that appear complete or not at all, for readers that poll, such as TF Serving."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from keras_vae.files.atomic import exists_error, flush_to_disk, write_atomically
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
    if os.path.lexists(target):
        raise exists_error(target)
    try:
        folder.rename(target)
    except OSError as error:
        if target.exists():  # Another process made it in the meantime.
            raise exists_error(target) from error
        raise
    _flush(target.parent)
    return target


def put_files(path: Path, contents: Mapping[str, bytes], suffix: str) -> Path:
    """Write one content to a new file `path`, or several to a new folder with a file for each.

    Args:
        path: The new file or folder.
        contents: Bytes by the name of a file, without its suffix.
        suffix: The suffix of the files in a folder.

    Returns:
        `path`.

    Raises:
        FileExistsError: If it exists.
    """
    if len(contents) == 1:
        (content,) = contents.values()
        return write_atomically(path, lambda new: new.write_bytes(content), new=True)
    with partial_folder(path.parent) as folder:
        for name, content in contents.items():
            (folder / f"{name}{suffix}").write_bytes(content)
        return publish(folder, path)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write a new file or folder to, which then replaces the one at `path`.

    Until the new one is whole, the old one stays, and it comes back if it cannot be replaced.

    Raises:
        FileExistsError: If another process has just replaced it; its file or folder stays.
    """
    with partial_folder(path.parent) as folder:
        new = folder / path.name
        yield new
        if path.is_file() and new.is_file():
            os.replace(new, path)
            return
        # A name that no cleaning removes: should this process be killed, the old one is there.
        old = path.with_name(f".{path.name}.replaced-{uuid.uuid4().hex}")
        try:
            with contextlib.suppress(FileNotFoundError):  # Another process is replacing it too.
                path.rename(old)
            publish(new, path)
        finally:
            _restore_or_remove(old, path)


def _restore_or_remove(old: Path, path: Path) -> None:
    """Rename `old` back to `path` unless something is there; remove it if so."""
    if not os.path.lexists(old):
        return
    if not os.path.lexists(path):
        old.rename(path)
    elif old.is_dir():
        shutil.rmtree(old)
    else:
        old.unlink()


def _flush(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    with contextlib.suppress(PermissionError):
        flush_to_disk(path)
