"""The data that programs train and evaluate on: load a data set by name, then batch it."""

import contextlib
import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_vae.errors import UsageError
from keras_vae.training.data.batches import evaluation_batches, steps_per_epoch, training_batches
from keras_vae.training.data.kinds import count_parts
from keras_vae.training.data.resizing import CropTo
from keras_vae.training.data.source_advice import OWN_TABLE
from keras_vae.training.data.sources import registry
from keras_vae.training.data.sources.base import (
    Data,
    as_floats,
    keep_first,
    resize_data,
    shape_text,
)
from keras_vae.training.data.sources.csv_table import FILL
from keras_vae.training.data.sources.registry import Request, Source
from keras_vae.training.data.sources.tables import TABLES

__all__ = [
    "Data",
    "as_floats",
    "describe",
    "evaluation_batches",
    "explain_moved_data",
    "load",
    "refuse_unused",
    "settings_for",
    "settings_of",
    "steps_per_epoch",
    "training_batches",
]


# The options that only some sources take, and the field of `Source` that says so.
TAKEN = {
    "data_dir": "takes_data_dir",
    **dict.fromkeys(("window", "stride", "skip_columns", "columns"), "takes_window"),
}


def load(
    name: str | os.PathLike[str],
    *,
    image_size: tuple[int, int] | None = None,
    crop_to_aspect_ratio: bool = False,
    limit: int | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    window: int | None = None,
    stride: int | None = None,
    skip_columns: Sequence[str] | None = None,
    gaps: bool = False,
    columns: Sequence[str] | None = None,
    kind: str = "images",
) -> Data:
    """Load a data set by name or path.

    Images and volumes are bytes, series and rows are numbers. They are held in memory, except for
    the sources `stream:PATH` and `stream:tfds:NAME`, which leave images on disk.

    Example:
        >>> describe(load("digits"))
        'digits: 1,497 training and 300 test images of 8x8x1'

    Args:
        name: A name, a scheme with its argument, or a path.
            `keras_vae.training.data.sources.registry.SOURCES` lists all of them, as does
            `keras-vae train RECIPE --help`. The bare name of a TFDS data set is tried last.
        image_size: The (height, width) to stretch all images to. Needed if they differ in size.
        crop_to_aspect_ratio: Cut the edges of each image off that stand over the aspect ratio of
            `image_size`, so that nothing is distorted.
        limit: Keep only the first `limit` training images and the first `limit` test images.
        data_dir: The folder in which TFDS keeps its data, for data sets that come from TFDS.
        window: Steps of each series that is cut out of a recording.
        stride: Steps from one such series to the next; `window` by default.
        skip_columns: Names of columns of a .csv file to leave out, such as time stamps.
        gaps: True to read gaps of series as NaN, for a model that fills them, such as by
            `keras_vae.preprocessing.standardize`. False to refuse them.
        columns: Names of the columns of a .csv file to take, in this order, as those of a
            training. A file without a heading must have as many. None for all.
        kind: What the arrays of a .npy or .npz file are, if they have the axes of this kind:
            "images", "rows", "series", or "volumes".

    Returns:
        Training and test images, uint8, all of one shape; or other examples, see `Data`.

    Raises:
        FileNotFoundError: If a file is missing, or a download failed.
        ValueError: If there is no such data set, or a file holds something else.
    """
    if image_size is not None and (len(image_size) != 2 or min(image_size) < 1):
        raise UsageError(f"Expected image_size as (height, width). Received: {image_size}.")
    if crop_to_aspect_ratio and image_size is None:
        raise UsageError(
            "Expected an image_size, the size to crop to, with crop_to_aspect_ratio. Received: no "
            "image_size."
        )
    if limit is not None and limit < 1:
        raise UsageError(f"Expected a limit of at least 1. Received: {limit}.")
    text = os.fspath(name)
    if not text:
        raise UsageError(
            "Expected the name or the path of a data set. Received: ''. (For this folder: '.')"
        )
    skip_columns = skip_columns or None
    of_series = {"window": window, "stride": stride, "skip_columns": skip_columns}
    refuse_unused(text, data_dir=data_dir, **of_series, columns=columns)
    source, argument = registry.find(text) or _find_without_scheme(text)
    size = None if image_size is None else (image_size[0], image_size[1])
    if size and (crop_to_aspect_ratio or isinstance(image_size, CropTo)):
        size = CropTo(size)
    skipped = _names(skip_columns)
    folder = None if data_dir is None else Path(data_dir).expanduser()
    named = None if columns is None else tuple(columns)
    request = Request(argument, size, limit, folder, window, stride, skipped, gaps, named, kind)
    data = source.read(request)
    if data.gaps and not gaps:
        raise UsageError(
            f"Expected numbers in {data.name}. Received: NaN in {data.gaps:.2%} of them. ({FILL})"
        )
    return resize_data(keep_first(data, limit), size)


def _names(skip_columns: Sequence[str] | None) -> tuple[str, ...]:
    if not skip_columns:
        return ()
    from keras_vae.validation import arguments  # It imports Keras, which takes seconds.

    return tuple(arguments.names("skip_columns", skip_columns, "time"))


def settings_for(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run that also apply to a data set that may be another one.

    Args:
        name: A data set for `load`.
        settings: The settings of a training, with those of
            `keras_vae.training.data.sources.series.options_for`.

    Returns:
        The arguments of `load` in `TAKEN`, if the source takes them.
    """
    found = {key: settings.get(key) for key in TAKEN if _takes(key, name)}
    if not name.startswith(registry.SERIES):
        return found
    from keras_vae.training.data.sources.series import options_for, path_of

    path = path_of(name)
    return found if path is None else found | options_for(path, settings)


def settings_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run, with the names of the columns and the length of its series.

    Args:
        config: The content of the run's config.json; empty for a lone model.
    """
    shape = config.get("image_shape", ())
    length = {"length": shape[0]} if len(shape) == 2 else {}
    return {**config.get("settings", {}), "columns": config.get("columns"), **length}


def refuse_unused(name: str, **options: Any) -> None:
    """Raise ValueError for options that reading a data set would ignore.

    Args:
        name: A data set for `load`, or another path.
        **options: Those in `TAKEN`; None if they are left out.
    """
    for option, value in options.items():
        if value is not None and not _takes(option, name):
            shown = ", ".join(map(str, value)) if isinstance(value, tuple | list) else value
            usages = [one.usage for one in registry.SOURCES if getattr(one, TAKEN[option])]
            raise UsageError(
                f"Expected {', '.join(usages)} with a {option}. Received: {option} {shown} for "
                f"{name}. (Leave it out.)"
            )


@contextlib.contextmanager
def explain_moved_data(name: str | None) -> Iterator[None]:
    """Add to the error about the missing data of a run the option that names their new place."""
    try:
        yield
    except FileNotFoundError as error:
        path = registry.missing_path(name)
        if path is None:
            raise
        raise FileNotFoundError(
            f"Expected the data of the run, {name}. Received: no {path}. (If they were moved, give "
            "their new place with --data.)"
        ) from error


def describe(data: Data) -> str:
    """Return one line with the name, counts and shape of a data set."""
    parts = count_parts(len(data.train), len(data.test), data.kind)
    return f"{data.name}: {parts} of {shape_text(data.image_shape)}"


def _takes(option: str, name: str) -> bool:
    """Return whether reading a data set uses an option; no plain path uses one."""
    if found := registry.find(name):
        return bool(getattr(found[0], TAKEN[option]))
    return not Path(name).expanduser().exists() and bool(getattr(registry.TFDS, TAKEN[option]))


def _find_without_scheme(name: str) -> tuple[Source, str]:
    """Return the source of a path or of a bare TFDS name, and its argument."""
    from keras_vae.training.data.sources.tfds import tfds_names

    path = Path(name).expanduser()
    if name and path.exists():
        source = registry.find_by_path(path)
        if source is None:
            raise UsageError(_unreadable_file(path))
        return source, name
    if name.lower().partition(":")[0] in TABLES:
        raise UsageError(
            f"Expected {registry.TABLE} before the name of a table. Received: {name!r}. (Give "
            f"{registry.TABLE}{name.lower()})"
        )
    if name.partition("/")[0] in tfds_names():
        return registry.TFDS, name
    if path.suffix or len(path.parts) > 1:
        raise FileNotFoundError(
            f"Expected the path of a folder or file that exists. Received: {path}. (Relative "
            f"paths start at {Path.cwd()}.)"
        )
    raise UsageError(_unknown_name(name, tfds_names()))


_ADVICE_ON_CSV = (
    " (Of a recording, give series:{} with --window and --stride, where the program has them. Or "
    "cut it with keras_vae.windows, and numpy.save the result. Of counts, numpy.save the array. "
    f"{OWN_TABLE})"
)


def _unreadable_file(path: Path) -> str:
    from keras_vae.training.data.image_files import SUFFIXES
    from keras_vae.training.data.sources.streamed import OPENERS, kind_of

    usages = [source.usage for source in registry.SOURCES if not source.name]
    suffixes = [suffix for usage in usages if (suffix := Path(usage).suffix)]
    return (
        f"Expected a folder of images or of IDX files, or an {' or '.join(suffixes)} file. "
        f"Received: the file {path}."
        + (_ADVICE_ON_CSV.format(path) if path.suffix.lower() == ".csv" else "")
        + (f" (Give its folder: {path.parent})" if path.suffix.lower() in SUFFIXES else "")
        + (f" (Give {registry.STREAM}{path})" if kind_of(path) in OPENERS else "")
    )


def _unknown_name(name: str, others: tuple[str, ...]) -> str:
    known = {one: one for one in registry.names() + others}
    known |= {table: registry.TABLE + table for table in TABLES}
    nearest = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f" (did you mean {known[nearest[0]]}?)" if nearest else ""
    return (
        f"Expected {', '.join(source.usage for source in registry.SOURCES)}, or one of "
        f"{len(others)} names of TensorFlow Datasets such as mnist. Received: {name!r}{hint}"
    )
