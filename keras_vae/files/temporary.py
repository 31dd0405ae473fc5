"""Temporary files: their names are unique, and a lock tells which of them are abandoned.

A process number or an age cannot tell whether a writer still lives: two containers have the same
numbers. So a writer holds a lock on its temporary file. The kernel releases it when the writer
dies, and the next writer removes what it can lock.
"""

import contextlib
import glob
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: abandoned files stay.
    fcntl = None  # type: ignore[assignment]

MARK = "keras_vae-"
OWN = re.compile(rf"\..*\.{MARK}[0-9a-f]{{32}}\.tmp(\.[^.]*)?", re.DOTALL)
ATTEMPTS = 100
LONGEST = 50  # Characters of a stem: names of files have 255 bytes.


@contextlib.contextmanager
def temporary_file(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """Yield a new, empty, hidden file next to `path`; at the end it is removed, if still there.

    Its name has the suffix of `path` and cannot be guessed, and no link is followed to make it.

    Args:
        path: The path that the file will replace, or stand for; its folder must exist.
        mode: Permissions, from which those of the umask are taken away.
    """
    found, descriptor = _create(path, mode)
    try:
        yield found
    finally:
        found.unlink(missing_ok=True)
        if descriptor is not None:
            os.close(descriptor)  # This releases the lock.


@contextlib.contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Yield a new, empty, hidden folder in `parent`; at the end it is removed, if still there.

    A locked file next to it shows that this process fills it.
    """
    with temporary_file(parent / "folder") as lock:
        folder = _folder_of(lock)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(folder: Path, name: str = "*") -> None:
    """Remove the temporary files of killed writers of `name` in `folder`.

    Those of living writers stay, and so does every file and folder of another origin.

    Args:
        folder: The folder.
        name: Name of the file that was written, or "*" for all, and for temporary folders.
    """
    if fcntl is None:
        return
    stem, suffix = ("*", "*") if name == "*" else map(glob.escape, _parts(Path(name)))
    for path in folder.glob(f".{stem}.{MARK}*.tmp{suffix}"):
        if OWN.fullmatch(path.name):
            _remove_if_abandoned(path)


def _create(path: Path, mode: int) -> tuple[Path, int | None]:
    """Create and lock a file; return its path, and the descriptor that holds the lock."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    stem, suffix = _parts(path)
    for _ in range(ATTEMPTS):
        found = path.with_name(f".{stem}.{MARK}{uuid.uuid4().hex}.tmp{suffix}")
        descriptor = os.open(found, flags, mode)
        if fcntl is None:  # Windows cannot rename an open file.
            os.close(descriptor)
            return found, None
        if _lock(descriptor) is not False and os.fstat(descriptor).st_nlink:
            return found, descriptor
        os.close(descriptor)  # Another process took it for abandoned before it was locked.
    raise FileExistsError(
        f"Expected to be able to make a temporary file for {path}. Received: another process that "
        f"removed {ATTEMPTS} of them. (Try again.)"
    )


def _folder_of(lock: Path) -> Path:
    """Return the temporary folder that belongs to a locked file."""
    return lock.with_name(f".partial-{lock.stem.rpartition('.')[2]}")


def _parts(path: Path) -> tuple[str, str]:
    return path.stem[:LONGEST], path.suffix[:LONGEST]


def _remove_if_abandoned(path: Path) -> None:
    """Remove a regular file, and the folder that it stands for, unless its writer lives."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode) and _lock(descriptor):
                shutil.rmtree(_folder_of(path), ignore_errors=True)
                path.unlink()
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> bool | None:
    """Return whether a lock was obtained; None if the file system has none."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
