"""Folders of image files: PNG, JPEG, BMP, GIF, WEBP."""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.file_search import find_files, tell_passed_over
from keras_vae.training.data.image_files import SUFFIXES, is_grey, read_image
from keras_vae.training.data.parts import parts_of_images
from keras_vae.training.data.sources.base import SIZE_TO_STRETCH_TO, Data, shape_text
from keras_vae.training.data.sources.registry import STREAM

HELD_OUT = 0.1


@dataclass(frozen=True)
class ImageFiles:
    """The image files of a folder.

    Attributes:
        train: Paths of the training images.
        test: Paths of the test images.
        train_labels: The label of each training image, its index in `names`; None without labels.
        test_labels: The label of each test image, or None.
        names: The names of the labels, or None.
    """

    train: list[Path]
    test: list[Path]
    train_labels: np.ndarray | None
    test_labels: np.ndarray | None
    names: tuple[str, ...] | None


def read_folder(
    folder: Path, image_size: tuple[int, int] | None = None, limit: int | None = None
) -> Data:
    """Read a folder of IDX files, or else of images.

    Arguments and further errors are those of `read_image_folder`.

    Raises:
        ValueError: If the folder only has files that are read from disk, such as Parquet.
    """
    from keras_vae.training.data.sources.idx import has_idx_files, read_idx_folder

    if has_idx_files(folder):
        return read_idx_folder(folder)
    return read_image_folder(folder, image_size, limit)


def read_image_folder(
    folder: Path, image_size: tuple[int, int] | None = None, limit: int | None = None
) -> Data:
    """Read every image below `folder`.

    If there are folders such as `train` and `test`, these are the two parts, see
    `keras_vae.training.data.parts`. Otherwise about a tenth of the images is for testing: those
    whose relative path has the lowest SHA-256. So an image stays in its part when others are
    added, except in folders of a few images.

    If images are in sub-folders, the first folder of the relative path is the label.

    Images have one channel if every file is grey, 3 otherwise. A palette counts as grey if all its
    colors are. See `keras_vae.training.data.image_files` for transparency and orientation.

    Args:
        folder: The folder to search, see `keras_vae.training.data.file_search`.
        image_size: The (height, width) of all images, needed if their sizes differ. Their aspect
            ratio is not kept.
        limit: Read only the first `limit` training and test images. They come in the order of
            the SHA-256, so the first of them are a fair sample.

    Returns:
        The images, with labels if there are sub-folders.

    Raises:
        FileNotFoundError: If there is no image.
        ValueError: If an image is unreadable or has another size, or labels are unclear.
    """
    found = image_files(folder)
    train, test = found.train[:limit], found.test[:limit]
    images = _read_all([*train, *test], image_size)
    return Data(
        folder.resolve().name,
        images[: len(train)],
        images[len(train) :],
        None if found.train_labels is None else found.train_labels[:limit],
        None if found.test_labels is None else found.test_labels[:limit],
        found.names,
    )


def image_files(folder: Path) -> ImageFiles:
    """Find the training and test images of a folder, and their labels.

    See `read_image_folder`.
    """
    paths, passed = find_image_files(folder)
    parts = parts_of_images(folder, paths)
    if parts is None:
        labeled = {path: path for path in paths}
        train, test = _split(sorted(paths, key=_hash))
    else:
        labeled = parts.labeled
        train, test = (
            sorted(part, key=lambda path: _hash(labeled[path]))
            for part in (parts.train, parts.test)
        )
        passed = passed + parts.passed
    tell_passed_over(folder, passed)
    names = _label_names(train, test, labeled, separate=parts is not None)
    return ImageFiles(
        [folder / path for path in train],
        [folder / path for path in test],
        _labels(train, labeled, names),
        _labels(test, labeled, names),
        names,
    )


def find_image_files(folder: Path) -> "tuple[list[Path], Counter[str]]":
    """Find the images below a folder, see `keras_vae.training.data.file_search.find_files`.

    Raises:
        FileNotFoundError: If there are none.
        ValueError: If there are files of a kind that is only read from disk, such as Parquet.
    """
    images, passed = find_files(folder, lambda path: path.suffix.lower() in SUFFIXES)
    if not images:
        _refuse_streamed_kinds(folder, passed)
        raise FileNotFoundError(
            f"Expected images ({', '.join(SUFFIXES)}) or IDX files in {folder}. Received: "
            f"{sum(passed.values())} other files"
            + (f" ({', '.join(sorted(passed))})" if passed else "")
        )
    return images, passed


def _refuse_streamed_kinds(folder: Path, passed: "Counter[str]") -> None:
    from keras_vae.training.data.sources.streamed import OPENERS, kind_of

    found, _ = find_files(folder, lambda path: kind_of(path) in OPENERS)
    if found:
        kinds = " and ".join(sorted({kind_of(path) for path in found}))
        raise UsageError(
            f"Expected images, IDX files, or {STREAM} before the folder. Received: {folder} with "
            f"{kinds} files. (Those stay on disk: {STREAM}{folder})"
        )


def _hash(path: Path) -> float:
    """Map a relative path to [0, 1), the same on every system."""
    digest = hashlib.sha256(os.fsencode(path.as_posix())).digest()
    return int.from_bytes(digest[:6]) / 2**48


def _split(paths: list[Path]) -> tuple[list[Path], list[Path]]:
    if len(paths) == 1:
        raise UsageError(
            "Expected at least two images, one to train on and one to test on. Received: "
            f"{paths[0]} alone."
        )
    wanted = sum(_hash(path) < HELD_OUT for path in paths)
    count = min(max(1, wanted), len(paths) - 1)
    return paths[count:], paths[:count]


def _label_names(
    train: list[Path], test: list[Path], labeled: dict[Path, Path], separate: bool
) -> tuple[str, ...] | None:
    """Return the sorted names of the sub-folders, or None if there are none.

    If test images have a separate folder (`separate`), a label that only they have is an error: it
    is most likely a training label in another spelling.
    """
    paths = [labeled[path] for path in train + test]
    loose = [path for path in train + test if len(labeled[path].parts) == 1]
    if len(loose) == len(paths):
        return None
    if loose:
        raise UsageError(
            "Expected every image in a sub-folder, whose name is its label, or none. Received: "
            f"{loose[0]} next to sub-folders (move it, or the sub-folders)"
        )
    unknown = {labeled[p].parts[0] for p in test} - {labeled[p].parts[0] for p in train}
    if separate and unknown:
        raise UsageError(
            f"Expected the sub-folders of test among those of train. Received: {sorted(unknown)} "
            "only in test (rename or move them)"
        )
    return tuple(sorted({path.parts[0] for path in paths}))


def _labels(
    paths: Sequence[Path], labeled: dict[Path, Path], names: tuple[str, ...] | None
) -> np.ndarray | None:
    if names is None:
        return None
    index = {name: label for label, name in enumerate(names)}
    return np.array([index[labeled[path].parts[0]] for path in paths], np.int64)


def _read_all(paths: list[Path], size: tuple[int, int] | None) -> np.ndarray:
    """Read images into one array. Threads were no faster for small images."""
    mode = "L" if all(map(is_grey, paths)) else "RGB"
    one = read_image(paths[0], mode, size)
    images = np.empty((len(paths), *one.shape), np.uint8)
    for index, path in enumerate(paths):
        image = read_image(path, mode, size)
        if image.shape != one.shape:
            raise UsageError(
                f"Expected images of one size, or {SIZE_TO_STRETCH_TO}. Received: "
                f"{shape_text(one.shape[:2])} (height x width) in {paths[0]} and "
                f"{shape_text(image.shape[:2])} in {path}"
            )
        images[index] = image
    return images
