"""SHA-256 of files, of JSON content, and of rows. Imports no TensorFlow."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROWS_AT_ONCE = 1000


def of_file(path: Path) -> str:
    """Return the SHA-256 of all bytes of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_bytes(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def of_json(content: Any) -> str:
    """Return the SHA-256 of JSON content, in hexadecimal; the order of names has no effect."""
    return of_bytes(json.dumps(content, sort_keys=True).encode())


def of_file_list(folder: Path, paths: Sequence[Path]) -> str:
    """Return a hash of names, sizes and modification times, without reading the files."""
    digest = hashlib.sha256()
    for path in paths:
        status = (folder / path).stat()
        digest.update(os.fsencode(path.as_posix()) + b"\0")
        digest.update(f"{status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def of_rows(array: Any) -> str:
    """Return the SHA-256 of the rows of an array, which may lie on the disk."""
    import numpy as np  # Programs answer --help without it.

    digest = hashlib.sha256()
    for start in range(0, len(array), ROWS_AT_ONCE):
        digest.update(np.asarray(array[start : start + ROWS_AT_ONCE]).tobytes())
    return digest.hexdigest()
