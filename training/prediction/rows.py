"""Rows: the examples of a source for bulk prediction, in order and a few at a time."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.files import digests
from keras_vae.training.data.file_search import tell_passed_over, tell_unread
from keras_vae.training.data.kinds import count_of
from keras_vae.training.data.resizing import refuse_one_image, resize_array, size_for
from keras_vae.training.data.sources import registry
from keras_vae.training.data.sources.base import check_levels, shape_text
from keras_vae.training.prediction.inputs import check_array, check_count, convert_input, is_pixels

PARTS = ("train", "test", "all")


@dataclass(frozen=True)
class Rows:
    """The rows of a source, each read when it is needed.

    Attributes:
        name: The name of the rows in messages.
        count: The number of rows.
        digest: A function that returns a SHA-256, which changes if a row does. It may read all of
            them.
        read: A function from `(start, stop)` to the arrays of these rows, one for each input of the
            model, as the model takes them.
        labels: A function from `(start, stop)` to the names of these rows; None for no names.
        are_resized: Whether images are stretched or cropped.
        may_be_empty: Whether rows of gaps alone are no error, and have no answer.
        note: What the program says about the part that is taken, or nothing.
    """

    name: str
    count: int
    digest: Callable[[], str]
    read: Callable[[int, int], list[np.ndarray]]
    labels: Callable[[int, int], np.ndarray] | None = None
    are_resized: bool = False
    may_be_empty: bool = False
    note: str = ""

    @functools.cached_property
    def identity(self) -> str:
        """The SHA-256 from `digest`, computed once."""
        return self.digest()


def open_rows(
    source: str,
    inputs: Sequence[Any],
    part: str | None = None,
    stretch: bool = False,
    crop_to_aspect_ratio: bool = False,
    check: bool = True,
    data_dir: str | None = None,
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> Rows:
    """Open the rows of a source.

    Args:
        source: One of

            - a .npy file, a .parquet file or a folder of these
              (`keras_vae.training.data.sources.parquet`), which are not read into memory;
            - an .npz file;
            - a folder of images, in the order of their paths, each read when it is needed;
            - a folder that `training.predict` has written;
            - a data set for `keras_vae.training.data.loading.load`, in memory.
        inputs: The inputs of the model: a `keras.InputSpec` with a name for each array.
        part: "train", "test", or "all" examples of a data set, or the name of an array of an .npz
            file. The default of a data set is "test". That of a recording is "all" if the run was
            not trained on it. That of an .npz file is the only array, or the one with the name of
            the input.
        stretch: True to stretch images, as files or as bytes, to the size that the model takes.
        crop_to_aspect_ratio: True to crop them first, so that nothing is distorted.
        check: True to read all files of `training.predict`, and check that they are whole.
        data_dir: The folder of TensorFlow Datasets, for data sets that come from there.
        settings: The settings of the model's run, such as the window of its series, see
            `keras_vae.training.data.loading.settings_of`.

    Raises:
        FileNotFoundError: If there is no such source.
        ValueError: If the model does not take its rows.
    """
    from keras_vae.base.endpoint import has_gaps
    from keras_vae.training.data import loading
    from keras_vae.training.data.sources.arrays import map_array
    from keras_vae.training.data.sources.idx import has_idx_files
    from keras_vae.training.data.sources.series import is_recording, path_of
    from keras_vae.training.data.sources.streamed import find_tables
    from keras_vae.training.prediction import shards

    path = Path(source).expanduser()
    suffix = "" if registry.find(source) else path.suffix.lower()  # As of series:FILE.npy.
    size = size_for(inputs[0].shape[1:], stretch, crop_to_aspect_ratio)
    loading.refuse_unused(source, data_dir=data_dir)
    if suffix in (".npy", ".npz"):
        if not path.is_file():
            raise FileNotFoundError(f"Expected a file {path}. Received: no such file.")
        digest = functools.partial(digests.of_file, path)
        if suffix == ".npy":
            _refuse_part(part, source)
            return _open_arrays([map_array(path)], inputs, source, digest, size)
        arrays = _choose_arrays(path, inputs, part)
        return _open_arrays(arrays, inputs, source, digest, size)
    kind, files = find_tables(path)
    if kind == ".parquet":
        _refuse_part(part, source)
        return _open_parquet(path, files, inputs, size)
    if path.is_dir() and (path / shards.MANIFEST).is_file():
        _refuse_part(part, source)
        return _open_shards(path, inputs, check)
    if path.is_dir() and not has_idx_files(path):
        _refuse_part(part, source)
        return _open_images(path, inputs, size)
    given: dict[str, Any] = {"data_dir": data_dir, "image_size": size}
    given["gaps"] = has_gaps(inputs[0])
    if "length" not in settings and len(inputs[0].shape) == 3:
        settings = {**settings, "length": inputs[0].shape[1]}
    reading = loading.settings_for(source, settings) | {k: v for k, v in given.items() if v}
    if (recording := path_of(source)) is not None and is_recording(recording):
        own = registry.make_absolute(source) == settings.get("data")
        return _open_recording(recording, inputs, part or ("test" if own else "all"), reading)
    return _open_data_set(source, inputs, part or "test", reading)


def _open_data_set(source: str, inputs: Sequence[Any], part: str, reading: dict[str, Any]) -> Rows:
    from keras_vae.training.data import loading

    _check_part(part, source)
    data = loading.load(source, **reading)
    if part == "all" and not isinstance(data.train, np.ndarray):
        raise UsageError(
            f"Expected --part train or test of {source}, which stays on disk. Received: all."
        )
    array = np.concatenate([data.train, data.test]) if part == "all" else getattr(data, part)
    found = _open_arrays(
        [array], inputs, f"{source}, {part}", functools.partial(digests.of_rows, array)
    )
    return replace(found, are_resized=bool(reading.get("image_size")))


def _open_recording(path: Path, inputs: Sequence[Any], part: str, reading: dict[str, Any]) -> Rows:
    from keras_vae.training.data.sources.series import read_windows

    _check_part(part, f"{registry.SERIES}{path}")
    series, count = read_windows(path, part, **{"gaps": False, **reading})
    digest = functools.partial(digests.of_rows, series)
    found = _open_arrays([series], inputs, f"{registry.SERIES}{path}, {part}", digest)
    note = "" if part == "all" else f"; the whole recording has {count:,}: --part all"
    return replace(found, may_be_empty=reading.get("gaps", False), note=note)


def _check_part(part: str, source: str) -> None:
    if part not in PARTS:
        raise UsageError(f"Expected --part {' or '.join(PARTS)} for {source}. Received: {part}.")


def _open_arrays(
    arrays: Sequence[np.ndarray],
    inputs: Sequence[Any],
    name: str,
    digest: Callable[[], str],
    size: tuple[int, int] | None = None,
) -> Rows:
    check_count(arrays, inputs, name)
    counts = sorted({len(array) if array.ndim else 0 for array in arrays})
    if 0 in counts:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise UsageError(f"Expected at least one row in {name}. Received: shape {shapes}.")
    if len(counts) != 1:
        raise UsageError(f"Expected as many rows in each array of {name}. Received: {counts}.")
    for array, spec in zip(arrays, inputs, strict=True):
        if array.dtype == np.uint8 and is_pixels(spec):
            check_levels(array, name)
    for array, spec in zip(arrays, inputs, strict=True):
        refuse_one_image(array, spec, name)
    given = arrays
    if size:
        arrays = [resize_array(a, s, size) for a, s in zip(arrays, inputs, strict=True)]
    resized = any(one is not other for one, other in zip(arrays, given, strict=True))
    for array, spec in zip(arrays, inputs, strict=True):
        check_array(array, spec, name)

    def read(start: int, stop: int) -> list[np.ndarray]:
        pairs = zip(arrays, inputs, strict=True)
        return [convert_input(array[start:stop], spec, start) for array, spec in pairs]

    return Rows(name, counts[0], digest, read, are_resized=resized)


def _open_parquet(
    path: Path, files: list[Path], inputs: Sequence[Any], size: tuple[int, int] | None
) -> Rows:
    from keras_vae.training.data.sources.parquet import Table
    from keras_vae.training.data.sources.streamed import StreamedImages

    table = Table(files)
    tell_unread(path, table.unread_kind, table.unread(training=False))
    images: Any = StreamedImages(table.read, np.arange(len(table)), table.shape)
    names = [file.relative_to(path) if file != path else Path(file.name) for file in files]
    folder = path if path.is_dir() else path.parent
    return _open_arrays(
        [images], inputs, str(path), functools.partial(digests.of_file_list, folder, names), size
    )


def _open_images(folder: Path, inputs: Sequence[Any], size: tuple[int, int] | None) -> Rows:
    from keras_vae.training.data.image_files import MODES, read_for_model
    from keras_vae.training.data.sources.folder import find_image_files
    from keras_vae.training.data.sources.streamed import StreamedImages

    shape = tuple(inputs[0].shape[1:])
    if len(inputs) != 1 or len(shape) != 3 or shape[2] not in MODES:
        raise UsageError(
            f"Expected a file of arrays for a model that takes "
            f"{', '.join(shape_text(spec.shape[1:]) for spec in inputs)}. Received: {folder}, a "
            "folder of images."
        )
    paths, passed = find_image_files(folder)
    tell_passed_over(folder, passed)
    names = np.array([path.as_posix() for path in paths])

    def read_one(number: int) -> np.ndarray:
        return read_for_model(folder / paths[number], shape, size)

    images: Any = StreamedImages(read_one, np.arange(len(paths)), shape)
    if is_pixels(inputs[0]):
        check_levels(images, str(folder))

    return Rows(
        f"{folder}, {count_of(len(paths), 'images')}",
        len(paths),
        functools.partial(digests.of_file_list, folder, paths),
        lambda start, stop: [convert_input(images[start:stop], inputs[0], start)],
        lambda start, stop: names[start:stop],
        bool(size),
    )


def _open_shards(folder: Path, inputs: Sequence[Any], check: bool) -> Rows:
    """Return the codes, or images, of a folder that bulk prediction has written."""
    from keras_vae.training.prediction import shards

    done = shards.read_whole(folder) if check else shards.read_manifest(folder)
    name = done.arrays[0]
    check_count([name], inputs, str(folder))
    check_array(done.read(name, 0, 1), inputs[0], f"{name} of {folder}")

    def read(start: int, stop: int) -> list[np.ndarray]:
        return [convert_input(done.read(name, start, stop), inputs[0])]

    return Rows(str(folder), done.count, lambda: done.digest, read)


def _choose_arrays(path: Path, inputs: Sequence[Any], part: str | None) -> list[np.ndarray]:
    """Return the arrays of an .npz file that the model takes; no others are read."""
    from keras_vae.training.data.sources.arrays import array_names, load_arrays

    have = array_names(path)
    names = [spec.name for spec in inputs] if part is None else [part]
    if part is None and len(have) == 1:
        names = have
    if missing := [name for name in names if name not in have]:
        raise UsageError(
            f"Expected an array {' and '.join(missing)} in {path}. Received: "
            f"{', '.join(have)}. (Choose one with --part NAME.)"
        )
    arrays = load_arrays(path, names)
    return [arrays[name] for name in names]


def _refuse_part(part: str | None, source: str) -> None:
    if part is not None:
        raise UsageError(
            f"Expected no --part for {source}, of which all rows are taken. Received: {part}."
        )
