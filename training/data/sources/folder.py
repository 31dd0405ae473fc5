"""Folders of image files: PNG, JPEG, BMP, GIF."""

import hashlib
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.sources.base import Data, resize, shape_text
from keras_vae.training.data.sources.registry import STREAM

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
HELD_OUT = 0.1

Result = TypeVar("Result")


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
    kinds = _streamed_kinds(folder)
    if not kinds:
        return read_image_folder(folder, image_size, limit)
    raise UsageError(
        f"Expected images, IDX files, or {STREAM} before the folder. Received: {folder} with "
        f"{' and '.join(kinds)} files. (Those stay on disk: {STREAM}{folder})"
    )


def _streamed_kinds(folder: Path) -> list[str]:
    """Return the suffixes of files that are only read from disk, if the folder has no images."""
    from keras_vae.training.data.sources.streamed import OPENERS

    found = {path.suffix for path in folder.rglob("*")}
    return [] if found & set(SUFFIXES) else sorted(found & set(OPENERS))


def read_image_folder(
    folder: Path, image_size: tuple[int, int] | None = None, limit: int | None = None
) -> Data:
    """Read every image below `folder`.

    If there are sub-folders `train` and `test`, these are the two parts. Otherwise about a tenth of
    the images is for testing: those whose relative path has the lowest SHA-256. So an image stays
    in its part when others are added, except in folders of a few images.

    If images are in sub-folders, the first folder of the relative path is the label.

    Images have one channel if every file is grey, 3 otherwise. A palette counts as grey if all its
    colors are. Transparent pixels become white. The orientation in the file is applied, and the
    first frame of an animation is used.

    Args:
        folder: The folder to search. Hidden files and other kinds of files are ignored.
        image_size: The (height, width) to stretch the images to; needed if they differ in size.
        limit: Read only the first `limit` training and test images. They come in the order of
            the SHA-256, so the first of them are a fair sample.

    Returns:
        The images, with labels if there are sub-folders.

    Raises:
        FileNotFoundError: If there is no image.
        ValueError: If an image is unreadable or has another size, or labels are unclear.
    """
    train, test, names = image_files(folder)
    train, test = train[:limit], test[:limit]
    images = _read_all([*train, *test], image_size)
    return Data(
        folder.resolve().name,
        images[: len(train)],
        images[len(train) :],
        labels_of(folder, train, names),
        labels_of(folder, test, names),
        names,
    )


def image_files(folder: Path) -> tuple[list[Path], list[Path], tuple[str, ...] | None]:
    """Return the training files and the test files of a folder, and its label names, if any.

    See `read_image_folder`.
    """
    roots = _roots(folder)
    train, test = (
        map(find_image_files, roots) if len(roots) == 2 else _split(find_image_files(folder))
    )
    names = _label_names(train, test, separate=len(roots) == 2)
    return [roots[0] / path for path in train], [roots[-1] / path for path in test], names


def _roots(folder: Path) -> tuple[Path, ...]:
    roots = tuple(folder / name for name in ("train", "test") if (folder / name).is_dir())
    if len(roots) == 1:
        raise FileNotFoundError(
            f"Expected both {folder / 'train'} and {folder / 'test'}, or neither. Received: only "
            f"{roots[0]}"
        )
    return roots or (folder,)


def find_image_files(root: Path) -> list[Path]:
    """Find the images below `root`, as relative paths in the order of their hashes."""
    found = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    images = [
        path
        for path in found
        if path.suffix.lower() in SUFFIXES and not any(part[0] == "." for part in path.parts)
    ]
    if not images:
        raise FileNotFoundError(
            f"Expected images ({', '.join(SUFFIXES)}) or IDX files in {root}. Received: "
            f"{len(found)} other files"
        )
    return sorted(images, key=_hash)


def _hash(path: Path) -> float:
    """Map a relative path to [0, 1), the same on every system."""
    digest = hashlib.sha256(os.fsencode(path.as_posix())).digest()
    return int.from_bytes(digest[:6]) / 2**48


def _split(paths: list[Path]) -> tuple[list[Path], list[Path]]:
    if len(paths) == 1:
        raise UsageError(
            f"Expected at least two images, one to train on and one to test on. Received: {paths}"
        )
    wanted = sum(_hash(path) < HELD_OUT for path in paths)
    count = min(max(1, wanted), len(paths) - 1)
    return paths[count:], paths[:count]


def _label_names(train: list[Path], test: list[Path], separate: bool) -> tuple[str, ...] | None:
    """Return the sorted names of the sub-folders, or None if there are none.

    If test images have a separate folder (`separate`), a label that only they have is an error: it
    is most likely a training label in another spelling.
    """
    paths = train + test
    loose = [path for path in paths if len(path.parts) == 1]
    if len(loose) == len(paths):
        return None
    if loose:
        raise UsageError(
            "Expected every image in a sub-folder, whose name is its label, or none. Received: "
            f"{loose[0]} next to sub-folders (move it, or the sub-folders)"
        )
    unknown = {path.parts[0] for path in test} - {path.parts[0] for path in train}
    if separate and unknown:
        raise UsageError(
            f"Expected the sub-folders of test among those of train. Received: {sorted(unknown)} "
            "only in test (rename or move them)"
        )
    return tuple(sorted({path.parts[0] for path in paths}))


def labels_of(folder: Path, paths: list[Path], names: tuple[str, ...] | None) -> np.ndarray | None:
    """Return the label of each file of `image_files`, its index in `names`."""
    if names is None:
        return None
    index = {name: label for label, name in enumerate(names)}
    skipped = len(folder.parts) + (len(_roots(folder)) == 2)
    return np.array([index[path.parts[skipped]] for path in paths], np.int64)


def _read_all(paths: list[Path], size: tuple[int, int] | None) -> np.ndarray:
    """Read images into one array. Threads were no faster for small images."""
    mode = "L" if all(map(is_grey, paths)) else "RGB"
    one = read_image(paths[0], mode, size)
    images = np.empty((len(paths), *one.shape), np.uint8)
    for index, path in enumerate(paths):
        image = read_image(path, mode, size)
        if image.shape != one.shape:
            raise UsageError(
                "Expected images of one size, or an image_size to stretch them to. Received: "
                f"{shape_text(one.shape[:2])} (height x width) in {paths[0]} and "
                f"{shape_text(image.shape[:2])} in {path}"
            )
        images[index] = image
    return images


def read_image(path: Path, mode: str, size: tuple[int, int] | None) -> np.ndarray:
    """Read an image as uint8 of shape (height, width, channels)."""
    pixels = _open(path, lambda image: np.array(_flat(image).convert(mode)))
    pixels = pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
    return pixels if size is None else resize(pixels, size)


def is_grey(path: Path) -> bool:
    """Return True if an image is grey, read from its header alone."""
    return _open(path, _is_grey)


def decode_image(file: BinaryIO, path: Path) -> np.ndarray:
    """Decode an image as uint8 of shape (height, width, channels), grey or color as it is.

    Args:
        file: The open file.
        path: The name of the file, for messages.
    """

    def pixels(image: "Image") -> np.ndarray:
        return np.array(_flat(image).convert("L" if _is_grey(image) else "RGB"))

    found = _open(path, pixels, file)
    return found if found.ndim == 3 else found[..., np.newaxis]


def _open(
    path: Path, function: "Callable[[Image], Result]", file: BinaryIO | None = None
) -> Result:
    """Apply a function to an opened image; every error names the file."""
    from PIL import Image

    try:
        with Image.open(file or path, formats=FORMATS) as image:
            return function(image)
    # Pillow reports damage by all of these, according to where in the file it is.
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error) as error:
        raise _unreadable(path, error) from error
    except Image.DecompressionBombError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ValueError:
    return ValueError(
        f"Expected a whole {', '.join(FORMATS[:-1])} or {FORMATS[-1]} image of 8 bits per "
        f"channel. Received: {path}: {error} (fetch or convert it again, or remove it)"
    )


def _is_grey(image: "Image") -> bool:
    """Return True if an image is grey, read from its header alone."""
    if image.mode != "P":
        return image.mode in ("1", "L", "LA")
    palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _flat(image: "Image") -> "Image":
    """Turn the image upright and put transparent pixels on white."""
    from PIL import Image, ImageOps

    if image.mode.startswith(("I", "F")):  # Pillow would clip these to white
        raise ValueError("it is a grey image of more than 8 bits")
    image = ImageOps.exif_transpose(image)
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
