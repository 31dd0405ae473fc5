"""The data that programs train and evaluate on: `load` by name, then batch with tf.data."""

import difflib
import os
from dataclasses import replace
from pathlib import Path

from training.batches import evaluation_batches, steps_per_epoch, training_batches
from training.dsprites import read_dsprites
from training.protocols import read_static
from training.sources import BUILT_IN
from training.sources.arrays import read_npy, read_npz
from training.sources.base import Data, as_floats, first, resized, shape_text
from training.sources.digits import read_digits
from training.sources.folder import SUFFIXES, read_image_folder
from training.sources.glyphs import read_glyphs
from training.sources.idx import has_idx_files, read_idx_folder
from training.sources.series import read_mnist1d, read_series
from training.sources.streamed import OPENERS, SCHEME, read_stream
from training.sources.tfds import read_tfds, tfds_names
from training.sources.tfds_stream import stream_tfds

__all__ = [
    "Data",
    "as_floats",
    "describe",
    "evaluation_batches",
    "load",
    "steps_per_epoch",
    "training_batches",
]

TFDS = "tfds:"
MNIST1D = "mnist1d:"
# Where Debian's package dataset-fashion-mnist puts its files.
FASHION_MNIST_FOLDER = Path("/usr/share/datasets/fashion-mnist")
FASHION_MNIST_LABELS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def load(
    name: str | os.PathLike[str],
    *,
    image_size: tuple[int, int] | None = None,
    limit: int | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    window: int | None = None,
    stride: int | None = None,
) -> Data:
    """Loads a data set, by name or path: images as bytes, series as numbers, in memory.

    Example:
        >>> describe(load("digits"))
        'digits: 1,497 training and 300 test images of 8x8x1'

    Args:
        name: One of

            - `digits`: scikit-learn's handwritten digits, 8x8x1; always there.
            - `fashion_mnist`: from Debian's package dataset-fashion-mnist, else from TFDS.
            - `dsprites`: 70,000 pictures of 64x64x1, drawn anew, see `training.dsprites`.
            - `glyphs`: letters A to J, 28x28x1, drawn from the fonts of this machine.
            - `notmnist`: the same of many more fonts, from the original archives, which you put
              in the folder downloads/manual of TFDS.
            - `mnist1d`: 4,000 and 1,000 series of 40x1, made anew; `mnist1d:50000` has as many
              training series.
            - `series:FILE`: a .csv file or array of NumPy, see `training.sources.series`.
            - the path of a folder of IDX files (also `idx:FOLDER`), or of a folder of pictures
              (PNG, JPEG, BMP, GIF; sub-folders are labels).
            - `stream:PATH`: images that stay on the disk, for sets larger than memory: a .npy
              file, .tfrecord, .array_record or .parquet files, or a folder of pictures, see
              `training.sources.streamed`; or `stream:tfds:NAME`.
            - the path of an .npz or .npy file, or `static:FILE` for a file of binary MNIST, see
              `training.protocols.read_static`.
            - `tfds:NAME`, or the bare name, of an image data set of TensorFlow Datasets.
        image_size: The (height, width) to stretch all images to. Needed where they differ in size.
        limit: Keep only the first so many training and so many test images.
        data_dir: Where TFDS keeps its data; only for data sets that come from there.
        window: Steps of each series that is cut out of a recording.
        stride: Steps from one such series to the next; `window` by default.

    Returns:
        Training and test images, uint8, all of one shape; or series, float32.

    Raises:
        FileNotFoundError: A file is missing, or a download failed.
        ValueError: There is no such data set, or a file is not what it should be.
    """
    if image_size is not None and (len(image_size) != 2 or min(image_size) < 1):
        raise ValueError(f"Expected image_size as (height, width). Received {image_size}")
    if limit is not None and limit < 1:
        raise ValueError(f"Expected a limit of at least 1. Received {limit}")
    text = os.fspath(name)
    if text.startswith("series:"):
        file = Path(text.removeprefix("series:")).expanduser()
        return resized(first(read_series(file, window, stride), limit), image_size)
    if window is not None or stride is not None:
        raise ValueError(f"Expected series:FILE with a window or stride. Received {text}")
    size = None if image_size is None else (image_size[0], image_size[1])
    folder = None if data_dir is None else Path(data_dir).expanduser()
    if text.startswith(SCHEME + TFDS):
        return first(stream_tfds(text.removeprefix(SCHEME + TFDS), size, folder), limit)
    if text.startswith(SCHEME):
        file = Path(text.removeprefix(SCHEME)).expanduser()
        return first(read_stream(file, size), limit)
    return resized(first(_read(text, size, limit, folder), limit), size)


def describe(data: Data) -> str:
    """Says in one line what a data set is."""
    return (
        f"{data.name}: {len(data.train):,} training and {len(data.test):,} test {data.kind} of "
        f"{shape_text(data.image_shape)}"
    )


def _read(
    name: str, size: tuple[int, int] | None, limit: int | None, data_dir: Path | None
) -> Data:
    path = Path(name).expanduser()
    if name == "digits":
        return read_digits()
    if name == "fashion_mnist":
        return _read_fashion_mnist(size, limit, data_dir)
    if name == "dsprites":
        return read_dsprites()
    if name == "mnist1d":
        return read_mnist1d()
    if name.startswith(MNIST1D):
        return read_mnist1d(_count_of_series(name))
    if name == "glyphs":
        return read_glyphs()
    if name == "notmnist":
        from training.sources import notmnist  # noqa: F401  (TFDS knows it from then on.)

        return read_tfds(name, size, limit, data_dir)
    if name.startswith("static:"):
        return read_static(Path(name.removeprefix("static:")).expanduser())
    if name.startswith("idx:"):
        return read_idx_folder(Path(name.removeprefix("idx:")).expanduser())
    if name.startswith(TFDS):
        return read_tfds(name.removeprefix(TFDS), size, limit, data_dir)
    if name and path.exists():
        return _read_path(path, size, limit)
    if name.partition("/")[0] in tfds_names():
        return read_tfds(name, size, limit, data_dir)
    if path.suffix or len(path.parts) > 1:
        raise FileNotFoundError(
            f"Expected the path of a folder or file that exists. Received {path} (relative paths "
            f"start at {Path.cwd()})"
        )
    raise ValueError(_unknown(name))


def _count_of_series(name: str) -> int:
    count = name.removeprefix(MNIST1D).replace("_", "").replace(",", "")
    if not count.isdecimal():
        raise ValueError(f"Expected {MNIST1D}COUNT, such as {MNIST1D}50000. Received: {name}.")
    return int(count)


def _read_path(path: Path, size: tuple[int, int] | None, limit: int | None) -> Data:
    if path.is_dir():
        if has_idx_files(path):
            return read_idx_folder(path)
        if not (kinds := _only_streamed(path)):
            return read_image_folder(path, size, limit)
        raise ValueError(
            f"Expected pictures, IDX files, or {SCHEME} before the folder. Received {path} with "
            f"{' and '.join(kinds)} files. (Those stay on the disk: {SCHEME}{path})"
        )
    readers = {".npz": read_npz, ".npy": read_npy}
    if path.suffix.lower() in readers:
        return readers[path.suffix.lower()](path)
    one_picture = path.suffix.lower() in SUFFIXES
    raise ValueError(
        "Expected a folder of pictures or of IDX files, or an .npz or .npy file. Received the file "
        f"{path}"
        + (f" (give its folder: {path.parent})" if one_picture else "")
        + (f" (give {SCHEME}{path})" if path.suffix in OPENERS else "")
    )


def _only_streamed(folder: Path) -> list[str]:
    """The kinds of files in a folder without pictures that are read from the disk only."""
    found = {path.suffix for path in folder.rglob("*")}
    return [] if found & set(SUFFIXES) else sorted(found & set(OPENERS))


def _read_fashion_mnist(
    size: tuple[int, int] | None, limit: int | None, data_dir: Path | None
) -> Data:
    if FASHION_MNIST_FOLDER.is_dir():
        data = read_idx_folder(FASHION_MNIST_FOLDER)
        return replace(data, name="fashion_mnist", label_names=FASHION_MNIST_LABELS)
    try:
        return read_tfds("fashion_mnist", size, limit, data_dir)
    except (FileNotFoundError, ImportError) as error:
        raise FileNotFoundError(
            f"Expected Fashion-MNIST in {FASHION_MNIST_FOLDER} or from TensorFlow Datasets. "
            f"Received {error} (install Debian's package dataset-fashion-mnist, or use digits)"
        ) from error


def _unknown(name: str) -> str:
    others = tfds_names()
    nearest = difflib.get_close_matches(name.lower(), BUILT_IN + others, n=1)
    hint = f" (did you mean {nearest[0]}?)" if nearest else ""
    return (
        f"Expected {', '.join(BUILT_IN)}, idx:FOLDER, a folder of pictures, an .npz or .npy file, "
        f"series:FILE, mnist1d:COUNT, stream:PATH, tfds:NAME, or one of {len(others)} names of "
        f"TensorFlow Datasets such as mnist. Received {name!r}{hint}"
    )
