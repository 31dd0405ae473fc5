"""Images from NumPy's own files, .npy and .npz."""

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
from keras_vae.training.data.sources.base import (
    Data,
    bool_as_bytes,
    check_images,
    check_levels,
    hold_out,
)

# The names that test images have, the first one found.
TESTS = ("test", "val", "valid", "validation")
MOST_COMPRESSED = 1032  # Bytes that one byte of a compressed archive can hold.
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# A level of an 8-bit image is 1/255 = 0.0039: float16 keeps the levels apart within this.
TOLERANCE = 1e-3


def read_npz(path: Path) -> Data:
    """Read `x_train` and `x_test` (or `train` and `test`), and `y_train`, `y_test` if present.

    Args:
        path: An archive as `numpy.savez` writes it. If it holds no test images, `x_val` (or
            `x_valid`, `x_validation`) has them. Otherwise every tenth training image becomes one.

    Returns:
        The images as bytes, see `as_images`, and the labels.

    Raises:
        ValueError: If the file is unreadable, or its arrays are not images. The message names it.
    """
    names = array_names(path)
    prefix = "x_" if "x_train" in names else ""
    if f"{prefix}train" not in names:
        raise UsageError(f"Expected an array x_train (or train) in {path}. Received: {names}")
    test = next((name for name in TESTS if f"{prefix}{name}" in names), None)
    wanted = [f"{prefix}train", "y_train", *([f"{prefix}{test}", f"y_{test}"] if test else ())]
    arrays = load_arrays(path, wanted)
    tell_unread(path, "arrays", set(names) - set(wanted))
    images = as_images(arrays[f"{prefix}train"], f"{prefix}train of {path}")
    labels = _as_labels(arrays.get("y_train"), f"y_train of {path}")
    if test is None:
        return _split(path.stem, images, labels)
    return Data(
        path.stem,
        images,
        as_images(arrays[f"{prefix}{test}"], f"{prefix}{test} of {path}"),
        labels,
        _as_labels(arrays.get(f"y_{test}"), f"y_{test} of {path}"),
    )


def read_npy(path: Path) -> Data:
    """Read one array of images; every tenth image, from the first, becomes a test image.

    Args:
        path: A file as `numpy.save` writes it.

    Returns:
        The images as bytes, see `as_images`, without labels.

    Raises:
        ValueError: If the file is unreadable, or its array is not images. The message names it.
    """
    return _split(path.stem, as_images(load_arrays(path)[""], str(path)), None)


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


def as_images(array: np.ndarray, where: str) -> np.ndarray:
    """Convert an array of images to bytes, or refuse it if that would lose information.

    Args:
        array: Shape `(count, height, width)` or `(count, height, width, channels)`; bool, integers
            from 0 to 255, or floats in [0, 1] that lie on the 256 levels k/255.
        where: A description of the array, for the messages.

    Returns:
        uint8 of shape `(count, height, width, channels)`.

    Raises:
        ValueError: If the values, the rank or the channels are others.
    """
    try:
        images = _as_bytes(array[..., np.newaxis] if array.ndim == 3 else array, where)
        check_images(images, where)
    except UsageError as error:
        if array.ndim in (2, 3) and array.dtype.kind == "f":
            advice = "(If it is a recording, or series of numbers: put series: before its path.)"
            raise UsageError(f"{error} {advice}") from error
        raise
    return images


def _as_bytes(array: np.ndarray, where: str) -> np.ndarray:
    array = bool_as_bytes(array)
    if array.dtype.kind in "ui" and array.size:
        low, high = array.min(), array.max()
        if low < 0 or high > 255:
            raise UsageError(
                f"Expected uint8 images with values from 0 to 255. Received: {array.dtype} from "
                f"{low} to {high} in {where}. (Scale the values to 0 to 255.)"
            )
        check_levels(array, where)
    if array.dtype.kind == "f" and array.size:
        return _float_as_bytes(array, where)
    return array.astype(np.uint8) if array.dtype.kind in "ui" else array


def _float_as_bytes(array: np.ndarray, where: str) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        levels = np.rint(array.astype(np.float32) * 255)
        exact = bool((np.abs(array - levels / 255) <= TOLERANCE).all())
    low, high = array.min(), array.max()
    if exact and levels.min() >= 0 and levels.max() <= 255:
        return levels.astype(np.uint8)
    reason = "in steps other than 1/255" if 0 <= low and high <= 1 else "outside [0, 1]"
    raise UsageError(
        "Expected uint8 images, or floats in [0, 1] that are multiples of 1/255. Received: "
        f"{array.dtype} from {low:g} to {high:g}, {reason}, in {where}. (Programs keep images as "
        "bytes. Convert them as you intend, for example numpy.rint(255 * x).astype('uint8').)"
    )


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
