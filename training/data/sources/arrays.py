"""Images, rows, series and volumes from NumPy's own files, .npy and .npz."""

import codecs
import contextlib
import math
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.file_search import tell_unread
from keras_vae.training.data.sources.array_values import as_examples
from keras_vae.training.data.sources.base import Data, hold_out

# The names that test images have, the first one found.
TESTS = ("test", "val", "valid", "validation")
MOST_COMPRESSED = 1032  # Bytes that one byte of a compressed archive can hold.
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(path: Path, kind: str = "images") -> Data:
    """Read `x_train` and `x_test` (or `train` and `test`), and `y_train`, `y_test` if present.

    Args:
        path: An archive as `numpy.savez` writes it. If it holds no test images, `x_val` (or
            `x_valid`, `x_validation`) has them. Otherwise every tenth training image becomes one.
        kind: The kind of examples that is wanted, see `as_examples`.

    Returns:
        The examples, see `as_examples`, and the labels.

    Raises:
        ValueError: If the file is unreadable, or its arrays are others. The message names it.
    """
    names = array_names(path)
    prefix = "x_" if "x_train" in names else ""
    if f"{prefix}train" not in names:
        raise UsageError(f"Expected an array x_train (or train) in {path}. Received: {names}")
    test = next((name for name in TESTS if f"{prefix}{name}" in names), None)
    wanted = [f"{prefix}train", "y_train", *([f"{prefix}{test}", f"y_{test}"] if test else ())]
    arrays = load_arrays(path, wanted)
    tell_unread(path, "arrays", set(names) - set(wanted))
    images = as_examples(arrays[f"{prefix}train"], f"{prefix}train of {path}", kind)
    labels = _as_labels(arrays.get("y_train"), f"y_train of {path}")
    if test is None:
        return _split(path.stem, images, labels)
    return Data(
        path.stem,
        images,
        as_examples(arrays[f"{prefix}{test}"], f"{prefix}{test} of {path}", kind),
        labels,
        _as_labels(arrays.get(f"y_{test}"), f"y_{test} of {path}"),
    )


def read_npy(path: Path, kind: str = "images") -> Data:
    """Read one array of images; every tenth image, from the first, becomes a test image.

    Args:
        path: A file as `numpy.save` writes it.
        kind: The kind of examples that is wanted, see `as_examples`.

    Returns:
        The examples, see `as_examples`, without labels.

    Raises:
        ValueError: If the file is unreadable, or its array is another. The message names it.
    """
    return _split(path.stem, as_examples(load_arrays(path)[""], str(path), kind), None)


def map_array(path: Path) -> np.memmap:
    """Map the array of a .npy file, which stays on disk.

    Raises:
        ValueError: If it is not such a file; the message names it.
    """
    try:
        with path.open("rb") as file:
            _read_header(file, f"the array of {path}")
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except UsageError:
        raise
    except (ValueError, EOFError, OSError) as error:
        raise UsageError(
            f"Expected a file written by numpy.save. Received: {path} ({error})."
        ) from error


def _as_labels(array: np.ndarray | None, where: str) -> np.ndarray | None:
    if array is None:
        return None
    if array.dtype.kind not in "ui" or array.size != len(array):
        raise UsageError(
            f"Expected one integer label per image. Received: {array.dtype} of shape "
            f"{array.shape} in {where}"
        )
    return array.reshape(-1).astype(np.int64)


def _split(name: str, images: np.ndarray, labels: np.ndarray | None) -> Data:
    train, test = hold_out(len(images))
    if labels is None:
        return Data(name, images[train], images[test])
    if len(labels) != len(images):
        raise UsageError(f"Expected {len(images)} labels in {name}. Received: {len(labels)}")
    return Data(name, images[train], images[test], labels[train], labels[test])


def array_names(path: Path) -> list[str]:
    """Return the names of the arrays of a file; the array of a .npy file has the empty name.

    Raises:
        ValueError: If the file is something else, or is damaged.
    """
    with _report_damage(path):
        if _is_npy(path):
            return [""]
        with zipfile.ZipFile(path) as archive:
            return sorted(name.removesuffix(".npy") for name in archive.namelist())


def load_arrays(path: Path, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Read arrays of a file; the array of a .npy file has the empty name.

    Args:
        path: The file.
        names: The arrays to read, if the file has them; None for all. Others take no memory.

    Raises:
        ValueError: If the file holds something else than numbers, or is damaged.
    """
    with _report_damage(path):
        if _is_npy(path):
            with path.open("rb") as file:
                return {"": _read_array(file, path.stat().st_size, f"the array of {path}")}
        found = {}
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                name = entry.filename.removesuffix(".npy")
                if names is None or name in names:
                    _check_entry(entry, path)
                    with archive.open(entry) as member:
                        where = f"the array {name} of {path}"
                        found[name] = _read_array(member, entry.file_size, where)
        return found


def _is_npy(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX


def _check_entry(entry: zipfile.ZipInfo, path: Path) -> None:
    """Raise ValueError for an entry that claims more than its compressed bytes can hold."""
    known = entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    held = min(entry.compress_size, path.stat().st_size) * MOST_COMPRESSED
    if not known or entry.file_size > held:
        raise ValueError(f"{entry.filename} is compressed in a way that numpy does not use")


def _read_array(file: IO[bytes], size: int, where: str) -> np.ndarray:
    """Read an array after a check that its header fits the `size` of the file."""
    shape, dtype = _read_header(file, where)
    if math.prod(shape) * dtype.itemsize > size - file.tell():
        raise ValueError(f"{where} is cut off")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def _read_header(file: IO[bytes], where: str) -> tuple[tuple[int, ...], np.dtype]:
    """Return the shape and the type of an array; raises UsageError for Python objects."""
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"the format {version} is unknown")
    shape, _, dtype = HEADERS[version](file)
    if dtype.hasobject:
        raise UsageError(
            f"Expected numbers. Received: Python objects in {where}, which numpy makes of rows of "
            "different lengths, or of mixed types. (Make one array of numbers of them, for "
            "example with numpy.stack, and save that.)"
        )
    return shape, dtype


@contextlib.contextmanager
def _report_damage(path: Path) -> Iterator[None]:
    """Turn the errors of damaged files into a UsageError that names the file."""
    try:
        yield
    except UsageError:
        raise
    except FileNotFoundError:
        raise
    # Of zlib, bad headers, and entries that are encrypted, too.
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise UsageError(
            "Expected a file written by numpy.save or numpy.savez, of numbers. Received: "
            f"{path}, which {content_of(path) or f'is damaged ({error})'}."
        ) from error


def content_of(path: Path) -> str | None:
    """Return words for the content of a file that is neither .npy nor .npz; None if it may be.

    Example:
        >>> content_of(Path("README.md"))
        "holds text, which begins with '# keras_vae'"
    """
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError:
        return None
    if start.startswith((np.lib.format.MAGIC_PREFIX, b"PK")):
        return None
    if not start:
        return "is empty"
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start)  # The last may be cut.
    except UnicodeDecodeError:
        text = "\0"
    first, *_ = text.splitlines() or [""]
    if text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
        return f"holds text, which begins with {first[:40]!r}"
    return f"is of another kind, beginning with the bytes {start[:8].hex(' ')}"
