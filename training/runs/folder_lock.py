"""Locks on folders, and checks of free disk space. Imports no TensorFlow."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from keras_vae.errors import UnavailableError
from keras_vae.files.temporary import remove_abandoned, temporary_file

CHUNK = 1 << 20


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keep other processes out of `folder`. It removes no files: they may be anybody's.

    Raises:
        RuntimeError: If another process is working there.
    """
    try:
        import fcntl
    except ImportError:  # Windows; there a file in use cannot be replaced anyway.
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise UnavailableError(
            f"Expected to be the only process that works in {folder}. Received: another one is "
            "at it. (Wait for it, or choose another --out.)"
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


def check_room(folder: Path, size: int) -> None:
    """Raise OSError unless `size` bytes can be written to the disk now; they are removed again.

    So are the temporary files of killed processes in `folder`, which must be a run directory.

    Raises:
        OSError: If the folder cannot be written or has no room.
    """
    remove_abandoned(folder)
    chunk = os.urandom(CHUNK)
    try:
        with temporary_file(folder / "probe") as probe, probe.open("wb") as file:
            for start in range(0, size, CHUNK):
                file.write(chunk[: size - start])
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        free = ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = f" ({shutil.disk_usage(folder).free / 1e6:,.0f} MB are free.)"
        raise OSError(
            f"Expected to be able to write {size / 1e6:,.1f} MB, for the model, in {folder}. "
            f"Received: {error.strerror}.{free}"
        ) from error
