"""Files of arrays that are whole or refused: no pickle, nothing that runs, a hash of every byte.

A file is one line with a magic word and the SHA-256 of all that follows, one line of JSON, and the
bytes of the arrays one after the other.
"""

import hashlib
import json
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.files import sweep, write_atomically

MAGIC = b"keras_vae checkpoint 1 "
SUFFIX = ".state"
HEAD = len(MAGIC) + 2 * hashlib.sha256().digest_size + 1

Content = tuple[dict[str, Any], list[np.ndarray]]


def path_of(folder: Path, epoch: int, step: int) -> Path:
    """The file of a position; names sort as positions do."""
    return folder / f"epoch-{epoch:06}-step-{step:09}{SUFFIX}"


def write(path: Path, about: dict[str, Any], arrays: Sequence[np.ndarray]) -> Path:
    """Write a file that `read` reads, atomically.

    Args:
        path: The file to make or to replace; its folder must exist.
        about: What JSON can hold.
        arrays: Of any dtype but objects and strings.

    Raises:
        OSError: If it cannot be written; `path` is then as it was.
    """
    table = [{"dtype": str(array.dtype), "shape": array.shape} for array in arrays]
    text = json.dumps({**about, "arrays": table}).encode() + b"\n"

    def fill(temporary: Path) -> None:
        digest = hashlib.sha256()
        with temporary.open("wb") as file:
            file.write(bytes(HEAD))
            for part in (text, *(array.tobytes() for array in arrays)):
                digest.update(part)
                file.write(part)
            file.seek(0)
            file.write(MAGIC + digest.hexdigest().encode() + b"\n")

    try:
        return write_atomically(path, fill)
    except OSError as error:
        whole = ", ".join(other.name for other in checkpoints(path.parent)) or "none"
        raise OSError(
            f"Expected to be able to write a checkpoint of "
            f"{sum(array.nbytes for array in arrays) / 1e6:,.1f} MB, {path}. Received: "
            f"{error.strerror or error}. (Whole, from before: {whole}.)"
        ) from error


def read(path: Path) -> Content:
    """What `write` was given.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is damaged or something else.
    """
    content = path.read_bytes()
    head, body = content[:HEAD], memoryview(content)[HEAD:]
    if head != MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n":
        raise ValueError(
            f"Expected a checkpoint whose bytes have the SHA-256 in its first line. Received: "
            f"{path} of {len(content):,} bytes, which is damaged or something else."
        )
    text, _, _ = content[HEAD:].partition(b"\n")
    about = json.loads(text)
    return about, _arrays(about.pop("arrays"), body[len(text) + 1 :])


def newest(folder: Path, say: Callable[[str], Any] = print) -> tuple[Path, Content] | None:
    """The newest checkpoint that is whole; None if there is none at all.

    A damaged one is put aside as .damaged, and `say` is told.

    Raises:
        ValueError: If there are only damaged ones.
    """
    damaged = []
    for path in checkpoints(folder)[::-1]:
        try:
            return path, read(path)
        except ValueError as error:
            damaged.append(path.name)
            aside = path.with_suffix(".damaged")
            os.replace(path, aside)
            say(f"{error} It is kept as {aside.name}; the checkpoint before it is taken.")
    if damaged or any(folder.glob("*.damaged")):
        raise ValueError(
            f"Expected a whole checkpoint in {folder}. Received: damaged ones only. (Remove the "
            "folder: training.train then goes on from its last model.keras, any other training "
            "from the start.)"
        )
    return None


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, the oldest first."""
    paths: list[Path] = list(folder.glob(f"epoch-*{SUFFIX}"))
    return sorted(paths)


def prune(folder: Path, keep: int) -> None:
    """Remove all checkpoints but the newest `keep`, and what killed writers have left."""
    for path in checkpoints(folder)[:-keep]:
        path.unlink()
    sweep(folder)


def _arrays(table: list[dict[str, Any]], body: memoryview) -> list[np.ndarray]:
    arrays: list[np.ndarray] = []
    start = 0
    for entry in table:
        dtype, shape = np.dtype(entry["dtype"]), tuple(entry["shape"])
        arrays.append(np.frombuffer(body, dtype, math.prod(shape), start).reshape(shape))
        start += arrays[-1].nbytes
    return arrays
