"""Series: windows of the user's recordings, to train on, to test on, or to answer all of them."""

import numbers
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.data import windows
from keras_vae.errors import UsageError
from keras_vae.training.data.file_search import tell_unread
from keras_vae.training.data.sources import registry
from keras_vae.training.data.sources.arrays import array_names, content_of, load_arrays
from keras_vae.training.data.sources.base import Data
from keras_vae.training.data.sources.csv_table import SUFFIXES, open_table

TEST_FRACTION = 0.1
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
NAMED = 10  # Numbers of windows that a message names.
CUT = {"window": None, "stride": None, "skip_columns": None, "columns": None}


def read_series(
    path: Path,
    window: int | None,
    stride: int | None,
    skip_columns: Sequence[str] = (),
    gaps: bool = False,
    columns: Sequence[str] | None = None,
) -> Data:
    """Read windows of recordings, without scaling.

    Args:
        path: A .csv, .tsv or .txt file with a row for each step and a column for each feature, see
            `keras_vae.training.data.sources.csv_table`; or a .npy or .npz file. One array of shape
            `(steps, features)` is a recording. An .npz file with `train` and `test` of shape
            `(count, time, features)` has series, which need no window.
        window: Steps of each series that is cut out.
        stride: Steps from the start of one to the start of the next; `window` by default.
        skip_columns: Names of columns of a text file to leave out.
        gaps: True to read empty cells, and words such as NaN, as gaps, which are NaN. Windows of
            gaps alone are left out. False to refuse them.
        columns: Names of the columns of a training, which a text file with a heading may have in
            another order; None for all but `skip_columns`.

    Returns:
        The series. The last tenth of the steps of a recording becomes test series, so that no step
        is in both.

    Raises:
        ValueError: If the file holds something else, or fewer steps than a window.
    """
    if is_recording(path):
        steps, names = _read_steps(path, skip_columns, gaps, columns)
        parts = _cut(path, steps, window, stride)
        train, test = (_with_numbers(path, parts[name]) for name in ("train", "test"))
        return Data(path.stem, train, test, columns=names)
    if window is not None or stride is not None:
        raise UsageError(
            f"Expected no window and no stride for the series of {path}, which are cut "
            f"already. Received: window {window} and stride {stride}."
        )
    _refuse_skipping(path, skip_columns)
    arrays = load_arrays(path, ("train", "test"))
    tell_unread(path, "arrays", set(array_names(path)) - set(arrays))
    train, test = (_series(arrays[name], f"{name} of {path}") for name in ("train", "test"))
    return Data(path.stem, _with_numbers(path, train), _with_numbers(path, test))


def read_windows(
    path: Path,
    part: str,
    window: int | None,
    stride: int | None,
    skip_columns: Sequence[str] = (),
    gaps: bool = False,
    columns: Sequence[str] | None = None,
) -> tuple[np.ndarray, int]:
    """Read the windows of a recording, also those of gaps alone, so that their order is of time.

    Args:
        path: A recording, see `is_recording`.
        part: "train" or "test" as in `read_series`, or "all", where windows cross the border.
        window: As in `read_series`.
        stride: As in `read_series`.
        skip_columns: As in `read_series`.
        gaps: As in `read_series`.
        columns: As in `read_series`.

    Returns:
        The windows of the part, `(count, window, features)`, and the number of all windows.
    """
    steps, _ = _read_steps(path, skip_columns or (), gaps, columns)
    every = _windows(path, steps, window, stride)
    found = every if part == "all" else _cut(path, steps, window, stride)[part]
    empty = np.flatnonzero(~_has_number(found))
    if empty.size:
        print(
            f"Without an answer in {path}: {_name_series(empty)}, of gaps alone.",
            file=sys.stderr,
        )
    return np.ascontiguousarray(found), len(every)


def path_of(name: str) -> Path | None:
    """Return the path of `series:FILE` if there is such a file, or None for other data."""
    path = registry.Request(name.removeprefix(registry.SERIES)).path
    return path if name.startswith(registry.SERIES) and path.is_file() else None


def is_recording(path: Path) -> bool:
    """Return whether a file has one recording, and not series that are cut already.

    Raises:
        ValueError: If it has neither.
    """
    if path.suffix.lower() in SUFFIXES:
        return True
    if path.suffix.lower() in PACKED:
        raise UsageError(
            f"Expected a {', '.join(SUFFIXES)}, .npy or .npz file. Received: {path}, which is "
            "compressed. (Unpack it first.)"
        )
    if content := content_of(path):
        raise UsageError(
            f"Expected a {', '.join(SUFFIXES)}, .npy or .npz file. Received: {path}, which "
            f"{content}. (Columns of numbers in a text file need such an ending: rename it.)"
        )
    names = array_names(path)
    if {"train", "test"} <= set(names):
        return False
    if len(names) != 1:
        raise UsageError(
            f"Expected the arrays train and test, or one recording, in {path}. Received: {names}."
        )
    return True


def options_for(path: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of `read_series` for a file that a run was not trained on.

    Args:
        path: The file.
        settings: The settings of the run, with the names of its `columns`, and with the `length`
            of its series, which is the window of a run that had none.
    """
    if not is_recording(path):
        return dict(CUT)
    found = {name: settings.get(name) for name in CUT}
    if path.suffix.lower() not in SUFFIXES:
        found |= {"skip_columns": None, "columns": None}
    return {**found, "window": found["window"] or settings.get("length")}


def _read_steps(
    path: Path, skip_columns: Sequence[str], gaps: bool, columns: Sequence[str] | None
) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Return a recording, float32 `(steps, features)`, and the names of its columns, if any."""
    if path.suffix.lower() in SUFFIXES:
        table = open_table(path, gaps)
        if columns is None:
            table.skip(skip_columns)
        else:
            table.take(columns, skip_columns)
        steps = _numbers(table.values(), str(path))
        return steps, tuple(table.names()) if table.has_heading else None
    _refuse_skipping(path, skip_columns)
    (recording,) = load_arrays(path).values()
    steps = _numbers(recording, str(path))
    if steps.ndim not in (1, 2):
        raise UsageError(
            f"Expected a recording of shape (steps, features) in {path}. Received: {steps.shape}."
        )
    return steps if steps.ndim == 2 else steps[:, None], None


def _refuse_skipping(path: Path, skip_columns: Sequence[str]) -> None:
    if skip_columns:
        raise UsageError(
            f"Expected names of columns to skip for a text file with a heading. Received: "
            f"{', '.join(skip_columns)} for {path}, whose columns have no names. (Leave them out "
            "of the array.)"
        )


def _cut(
    path: Path, steps: np.ndarray, window: int | None, stride: int | None
) -> dict[str, np.ndarray]:
    """Return the windows to train on, and those of the last tenth of the steps, to test on."""
    size = _check_window(path, steps, window, stride)
    tested = max(size, int(len(steps) * TEST_FRACTION))
    if len(steps) - tested < size:
        raise UsageError(
            f"Expected at least {2 * size} steps in {path}, a window to train on and one to "
            f"test on. Received: {len(steps)} steps and a window of {size}. (keras-vae predict "
            "takes one window.)"
        )
    parts = {"train": steps[:-tested], "test": steps[-tested:]}
    return {name: _windows(path, part, window, stride) for name, part in parts.items()}


def _windows(path: Path, steps: np.ndarray, window: int | None, stride: int | None) -> np.ndarray:
    size = _check_window(path, steps, window, stride)
    if len(steps) < size:
        raise UsageError(
            f"Expected at least {size} steps in {path}, those of a window. Received: {len(steps)}."
        )
    return windows(steps, size, stride)


def _check_window(path: Path, steps: np.ndarray, window: int | None, stride: int | None) -> int:
    whole = all(isinstance(one, numbers.Integral) for one in (window, stride or 1))
    if window is None or not whole or window < 1 or (stride is not None and stride < 1):
        raise UsageError(
            f"Expected --window, a whole number of at least 1, and --stride, for the {len(steps)} "
            f"steps of {path}. Received: window {window} and stride {stride}. (For a program "
            "without --window: keras_vae.windows cuts an array, and numpy.save makes a file of it.)"
        )
    return window


def _has_number(series: np.ndarray) -> np.ndarray:
    return ~np.isnan(series).all(axis=tuple(range(1, series.ndim)))


def _name_series(places: np.ndarray) -> str:
    """Return how many series there are, with the numbers of the first ones."""
    shown = ", ".join(map(str, places[:NAMED]))
    more = ", ..." if len(places) > NAMED else ""
    return f"{len(places)} series ({shown}{more})"


def _with_numbers(path: Path, series: np.ndarray) -> np.ndarray:
    """Return the series that have a number, and tell on stderr which others there are."""
    known = _has_number(series)
    if not known.any():
        raise UsageError(
            f"Expected series with numbers in {path}, to train and to test on. Received: "
            f"{len(series)} series of gaps alone."
        )
    if not known.all():
        empty = _name_series(np.flatnonzero(~known))
        print(f"Passed over in {path}: {empty} of gaps alone.", file=sys.stderr)
    return np.ascontiguousarray(series[known])


def _numbers(array: np.ndarray, where: str) -> np.ndarray:
    if array.dtype.kind not in "iufb":
        raise UsageError(f"Expected numbers. Received: {array.dtype} in {where}")
    return array.astype(np.float32)


def _series(array: np.ndarray, where: str) -> np.ndarray:
    if array.ndim != 3:
        raise UsageError(
            "Expected series of shape (count, time, features). Received: shape "
            f"{array.shape} in {where}. (Cut a recording into series, or save it as one array in "
            "a file of its own and give --window.)"
        )
    return _numbers(array, where)
