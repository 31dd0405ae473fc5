"""The registry of data sources.

To add a source, write its reader in a file of `training/data/sources`, add one entry below with a
line of help, and write a test. Entries import their reader when they read, so this module is light.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keras_vae.training.data.sources.base import Data

STREAM, TABLE, SERIES = "stream:", "table:", "series:"
SERIES_OPTIONS = ("window", "stride", "skip_columns", "gaps", "columns")


@dataclass(frozen=True)
class Request:
    """The arguments of one call of `keras_vae.training.data.loading.load`.

    Attributes:
        argument: The text after a scheme, or a whole path; empty for a name without an argument.
        image_size: The (height, width) to stretch images to, or None.
        limit: Number of training and of test images to keep, or None for all.
        data_dir: The folder in which TFDS keeps its data, or None for its own choice.
        window: Steps of each series that is cut out of a recording, or None.
        stride: Steps from one such series to the next, or None for `window`.
        skip_columns: Names of columns of a recording to leave out.
        gaps: True to read gaps of series as NaN.
        columns: Names of the columns of a recording, found by name, or None for all.
        kind: The kind of the examples of an array.
    """

    argument: str = ""
    image_size: tuple[int, int] | None = None
    limit: int | None = None
    data_dir: Path | None = None
    window: int | None = None
    stride: int | None = None
    skip_columns: tuple[str, ...] = ()
    gaps: bool = False
    columns: tuple[str, ...] | None = None
    kind: str = "images"

    @property
    def path(self) -> Path:
        """The argument as a path, with `~` expanded."""
        return Path(self.argument).expanduser()


@dataclass(frozen=True)
class Source:
    """One kind of data and the function that reads it.

    Attributes:
        name: A whole name such as `digits`, or a scheme that ends in a colon. It is empty for
            files and folders that are given by their path alone.
        argument: The word for what follows the name, such as FILE; empty if nothing does.
        help: One line that says what the data are.
        read: The function that reads the data.
        takes_path: True if the argument is a path.
        takes_window: True if the source cuts windows out of recordings.
        takes_data_dir: True if the data may come from the folder of TFDS.
        gives: The kind of its examples: images, series, volumes, or, of rows, counts or tables.
    """

    name: str
    argument: str
    help: str
    read: Callable[[Request], Data]
    takes_path: bool = False
    takes_window: bool = False
    takes_data_dir: bool = False
    gives: str = "images"

    @property
    def usage(self) -> str:
        """The source as users write it, such as `series:FILE`."""
        return self.name + self.argument


def find(name: str) -> tuple[Source, str] | None:
    """Return the source of a name or scheme and its argument, or None if no entry has it.

    Paths without a scheme have no entry of their own here, see `find_by_path`.
    """
    for source in sorted(SOURCES, key=lambda source: -len(source.name)):
        if source.name.endswith(":") and name.startswith(source.name):
            return source, name.removeprefix(source.name)
        if source.name and source.name == name:
            return source, ""
    return None


def find_by_path(path: Path) -> Source | None:
    """Return the source that reads an existing file or folder, or None if there is none."""
    usage = "FOLDER" if path.is_dir() else f"FILE{path.suffix.lower()}"
    return next((source for source in SOURCES if source.usage == usage), None)


def make_absolute(name: str) -> str:
    """Return the name of a data set with its path, if it has one that exists, made absolute."""
    source, argument = find(name) or (None, name)
    if not name or (source is not None and not source.takes_path):
        return name  # No name is not the name of this folder.
    path = Path(argument).expanduser()
    return f"{name.removesuffix(argument)}{path.resolve()}" if path.exists() else name


def missing_path(name: str | None) -> Path | None:
    """Return the path in the name of a data set that a run has stored, if it does not exist."""
    source, argument = find(name or "") or (None, name or "")
    path = Path(argument)
    if not path.is_absolute() or (source is not None and not source.takes_path):
        return None
    return None if path.exists() else path


def names() -> tuple[str, ...]:
    """Return the names that stand alone, which precede folders of the same name."""
    return tuple(source.name for source in SOURCES if source.name and not source.argument)


def help_text() -> str:
    """Return the help of all sources, a line for each."""
    return "\n".join(f"{source.usage}: {source.help}" for source in SOURCES)


def _local(name: str, help: str, module: str, gives: str = "images") -> Source:
    """Return the source of a data set without arguments, which `read_NAME` of a module reads.

    Args:
        name: The name of the data set.
        help: One line that says what the data are.
        module: The name of the module in `keras_vae.training.data`.
        gives: As in `Source`.
    """
    return Source(name, "", help, _by(module, f"read_{name}"), gives=gives)


def _by(module: str, function: str, *fields: str) -> Callable[[Request], Data]:
    """Return a function that reads by a function of a module, which it imports when it is called.

    Args:
        module: The name of the module in `keras_vae.training.data`.
        function: The name of the function.
        *fields: The attributes of the request that the function takes, in order.
    """

    def read(request: Request) -> Data:
        reader = getattr(importlib.import_module(f"keras_vae.training.data.{module}"), function)
        return reader(*(getattr(request, field) for field in fields))

    return read


def _larger_mnist1d(request: Request) -> Data:
    from keras_vae.training.data.sources.mnist1d import parse_count, read_mnist1d

    return read_mnist1d(parse_count(request.argument))


def _notmnist(request: Request) -> Data:
    from keras_vae.training.data.sources import notmnist  # noqa: F401  (Importing it registers it with TFDS.)
    from keras_vae.training.data.sources.tfds import read_tfds

    return read_tfds("notmnist", request.image_size, request.limit, request.data_dir)


TFDS = Source(
    "tfds:",
    "NAME",
    "an image data set of TensorFlow Datasets; NAME alone also works",
    _by("sources.tfds", "read_tfds", "argument", "image_size", "limit", "data_dir"),
    takes_data_dir=True,
)

SOURCES = (
    _local(
        "digits", "scikit-learn's handwritten digits, 8x8x1, nothing to download", "sources.digits"
    ),
    _local(
        "digit_counts",
        "the same digits as rows of 64 counts of dark dots, from 0 to 16",
        "sources.digits",
        "counts",
    ),
    _local(
        "photo_crops",
        "crops of two photographs of scikit-learn, 32x32x3, nothing to download",
        "sources.photo_crops",
    ),
    Source(
        "fashion_mnist",
        "",
        "Fashion-MNIST, 28x28x1, from Debian's package or TFDS",
        _by("sources.fashion_mnist", "read_fashion_mnist", "image_size", "limit", "data_dir"),
        takes_data_dir=True,
    ),
    _local("dsprites", "70,000 regenerated dSprites images, 64x64x1", "dsprites"),
    _local(
        "mnist1d",
        "MNIST-1D, 4,000 training and 1,000 test series of 40x1",
        "sources.mnist1d",
        "series",
    ),
    _local(
        "ellipsoids",
        "2,000 training volumes of 16x16x16x1, generated",
        "sources.ellipsoids",
        "volumes",
    ),
    _local("glyphs", "letters A to J, 28x28x1, from the fonts of this machine", "sources.glyphs"),
    Source(
        "notmnist",
        "",
        "letters A to J, 28x28x1, from archives in TFDS's downloads/manual",
        _notmnist,
        takes_data_dir=True,
    ),
    Source(
        TABLE,
        "NAME",
        "breast_cancer, diabetes, iris, or wine, 20 % missing; table:NAME:50 for 50 %",
        _by("sources.tables", "read_holed_table", "argument"),
        gives="tables",
    ),
    Source(
        "idx:",
        "FOLDER",
        "a folder of IDX files",
        _by("sources.idx", "read_idx_folder", "path"),
        True,
    ),
    Source(
        "static:",
        "FILE",
        "binarized MNIST in an .npz file",
        _by("binarization", "read_static", "path"),
        True,
    ),
    Source(
        SERIES,
        "FILE",
        "series cut out of a recording (.csv, .npy, or .npz; may have gaps), with --window",
        _by("sources.series", "read_series", "path", *SERIES_OPTIONS),
        takes_path=True,
        takes_window=True,
        gives="series",
    ),
    Source(
        "mnist1d:",
        "COUNT",
        "MNIST-1D with COUNT training series",
        _larger_mnist1d,
        gives="series",
    ),
    Source(
        STREAM,
        "PATH",
        "images that stay on disk: .npy, TFRecord, ArrayRecord, Parquet, or a folder of images",
        _by("sources.streamed", "read_stream", "path", "image_size"),
        takes_path=True,
    ),
    Source(
        f"{STREAM}tfds:",
        "NAME",
        "images of TensorFlow Datasets that stay on disk",
        _by("sources.tfds_stream", "stream_tfds", "argument", "image_size", "data_dir"),
        takes_data_dir=True,
    ),
    TFDS,
    Source(
        "",
        "FOLDER",
        "a folder of images (sub-folders are labels) or of IDX files",
        _by("sources.folder", "read_folder", "path", "image_size", "limit"),
        True,
    ),
    Source(
        "",
        "FILE.npz",
        "arrays x_train and x_test, or train and test",
        _by("sources.arrays", "read_npz", "path", "kind"),
        True,
    ),
    Source(
        "",
        "FILE.npy",
        "one array, of the kind that the recipe takes",
        _by("sources.arrays", "read_npy", "path", "kind"),
        True,
    ),
)
