"""Checkpoint files: JSON and arrays under a SHA-256, without pickle or code.

A file begins with one line that has a magic word and the SHA-256 of the rest. One line of JSON
and the bytes of the arrays follow. A file whose bytes do not match its SHA-256 is refused.
"""

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.files.atomic import write_atomically
from keras_vae.files.temporary import remove_abandoned

MAGIC = b"keras_vae checkpoint 1 "
SUFFIX, DAMAGED = ".state", ".damaged"
HEAD = len(MAGIC) + 2 * hashlib.sha256().digest_size + 1

Content = tuple[dict[str, Any], list[np.ndarray]]
Whole = tuple[Path, Content]


def path_of(folder: Path, epoch: int, step: int) -> Path:
    """Return the path of the checkpoint of a position; paths sort as positions do."""
    return folder / f"epoch-{epoch:06}-step-{step:09}{SUFFIX}"


def write(path: Path, about: dict[str, Any], arrays: Sequence[np.ndarray]) -> Path:
    """Write a checkpoint atomically.

    Args:
        path: The file to write or to replace; its folder must exist.
        about: Values that JSON can hold.
        arrays: Arrays of any dtype except objects and strings.

    Returns:
        `path`.

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
        whole = ", ".join(other.name for other in list_checkpoints(path.parent)) or "none"
        raise OSError(
            f"Expected to be able to write a checkpoint of "
            f"{sum(array.nbytes for array in arrays) / 1e6:,.1f} MB, {path}. Received: "
            f"{error.strerror or error}. (Whole, from before: {whole}.)"
        ) from error


def read(path: Path) -> Content:
    """Return the values and the arrays of a checkpoint.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is damaged or no checkpoint.
    """
    content = path.read_bytes()
    head, body = content[:HEAD], memoryview(content)[HEAD:]
    if head != MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n":
        raise UsageError(
            f"Expected a checkpoint whose bytes have the SHA-256 in its first line. Received: "
            f"{path} of {len(content):,} bytes, which is damaged or something else."
        )
    text, _, _ = content[HEAD:].partition(b"\n")
    try:
        about = json.loads(text)
        return about, _arrays(about.pop("arrays"), body[len(text) + 1 :])
    # Anybody can write a hash, so what it protects may be anything.
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"Expected a checkpoint. Received: {path}, whose content is something else ({error})."
        ) from error


def newest(
    folder: Path, check: Callable[[Content], Any] = lambda content: None
) -> tuple[Whole | None, dict[Path, str]]:
    """Read the newest undamaged checkpoint of a folder, which need not exist.

    Args:
        folder: The folder.
        check: Called with the content; a ValueError says that it is damaged.

    Returns:
        The checkpoint, or None if there is none, and the error of each damaged one that is newer,
        by path.

    Raises:
        OSError: If a checkpoint cannot be read.
        ValueError: If all checkpoints are damaged.
    """
    damaged: dict[Path, str] = {}
    for path in list_checkpoints(folder)[::-1]:
        try:
            found = read(path)
            check(found)
            return (path, found), damaged
        except ValueError as error:
            damaged[path] = str(error)
    if damaged or any(folder.glob(f"*{DAMAGED}")):
        raise UsageError(
            f"Expected a whole checkpoint in {folder}. Received: damaged ones only. (Remove the "
            "folder: training.train then goes on from its last model.keras, any other training "
            "from the start.)"
        )
    return None, damaged


def quarantine(damaged: Mapping[Path, str], log: Callable[[str], Any]) -> None:
    """Rename damaged checkpoints to end in .damaged.

    Args:
        damaged: The error of each checkpoint by path, as `newest` returns it.
        log: Called with a sentence for each.
    """
    for path, error in damaged.items():
        renamed = path.with_suffix(DAMAGED)
        os.replace(path, renamed)
        log(f"{error} It is kept as {renamed.name}; the checkpoint before it is taken.")


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a folder, the oldest first."""
    # Opening a pipe of that name would wait for ever.
    return sorted(path for path in folder.glob(f"epoch-*{SUFFIX}") if path.is_file())


def prune(folder: Path, keep: int) -> None:
    """Remove all checkpoints except the newest `keep`, and temporary files of killed processes."""
    for path in list_checkpoints(folder)[:-keep]:
        path.unlink()
    remove_abandoned(folder)


def _arrays(table: list[dict[str, Any]], body: memoryview) -> list[np.ndarray]:
    arrays: list[np.ndarray] = []
    start = 0
    for entry in table:
        dtype, shape = np.dtype(entry["dtype"]), tuple(entry["shape"])
        if min(shape, default=0) < 0:
            raise UsageError(f"Expected a shape without negative numbers. Received: {shape}.")
        arrays.append(np.frombuffer(body, dtype, math.prod(shape), start).reshape(shape))
        start += arrays[-1].nbytes
    return arrays


def check_training(
    path: Path, about: Mapping[str, Any], params: Mapping[str, Any], classes: list[str]
) -> None:
    """Raise ValueError unless the checkpoint at `path` is of such a training.

    Args:
        path: The checkpoint.
        about: Its description.
        params: What Keras says of the `fit` to continue.
        classes: Class names of its callbacks.
    """
    if params.get("epochs", about["epoch"]) < about["epoch"]:
        raise UsageError(
            f"Expected at least {about['epoch']} epochs, which {path} has behind it. "
            f"Received: {params['epochs']}."
        )
    steps = about.get("steps"), params.get("steps")
    if None not in steps and steps[0] != steps[1]:
        raise UsageError(
            f"Expected data of {steps[0]} steps an epoch, as those of {path}. Received: "
            f"{steps[1]} steps. (Give the same data and batch size, or another folder.)"
        )
    if (before := [name for name, _ in about["callbacks"]]) != classes:
        raise UsageError(f"Expected the callbacks of {path}, {before}. Received: {classes}.")
