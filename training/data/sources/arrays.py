"""Images from NumPy's own files, .npy and .npz."""

import zipfile
from pathlib import Path

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.sources.base import Data, check_images, hold_out

# A level of an 8-bit image is 1/255 = 0.0039: float16 keeps the levels apart within this.
TOLERANCE = 1e-3


def read_npz(path: Path) -> Data:
    """Read `x_train` and `x_test` (or `train` and `test`), and `y_train`, `y_test` if present.

    Args:
        path: An archive as `numpy.savez` writes it. If it holds no test images, every tenth
            training image becomes one.

    Returns:
        The images as bytes, see `as_images`, and the labels.

    Raises:
        ValueError: If the file is unreadable, or its arrays are not images. The message names it.
    """
    arrays = load_arrays(path)
    prefix = "x_" if "x_train" in arrays else ""
    if f"{prefix}train" not in arrays:
        raise UsageError(
            f"Expected an array x_train (or train) in {path}. Received: {sorted(arrays)}"
        )
    images = as_images(arrays[f"{prefix}train"], f"{prefix}train of {path}")
    labels = _as_labels(arrays.get("y_train"), f"y_train of {path}")
    if f"{prefix}test" not in arrays:
        return _split(path.stem, images, labels)
    return Data(
        path.stem,
        images,
        as_images(arrays[f"{prefix}test"], f"{prefix}test of {path}"),
        labels,
        _as_labels(arrays.get("y_test"), f"y_test of {path}"),
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
        return np.load(path, mmap_mode="r", allow_pickle=False)
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
    if array.ndim == 3:
        array = array[..., np.newaxis]
    images = _as_bytes(array, where)
    check_images(images, where)
    return images


def _as_bytes(array: np.ndarray, where: str) -> np.ndarray:
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind in "ui" and array.size:
        low, high = array.min(), array.max()
        if low < 0 or high > 255 or high == 1:
            raise UsageError(
                f"Expected uint8 images with values from 0 to 255. Received: {array.dtype} from "
                f"{low} to {high} in {where}. (Scale the values to 0 to 255.)"
            )
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


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of a file; the array of a .npy file has the empty name.

    Raises:
        ValueError: If the file holds something else than numbers, or is damaged.
    """
    try:
        with path.open("rb") as file:  # numpy leaves a damaged file open
            loaded = np.load(file, allow_pickle=False)
            return {"": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        # NumPy's own ValueError may advise to load pickled objects, which runs code from the file.
        why = "which is none, or is damaged" if isinstance(error, ValueError) else str(error)
        raise UsageError(
            f"Expected a file written by numpy.save or numpy.savez, of numbers. Received: {path}: "
            f"{why}"
        ) from error
