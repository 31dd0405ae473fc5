"""Series: MNIST-1D, and windows of the user's recordings."""

import contextlib
import numbers
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from keras_vae.data import windows
from keras_vae.errors import MissingExtraError, UsageError
from keras_vae.training.data.file_search import tell_unread
from keras_vae.training.data.sources.arrays import array_names, content_of, load_arrays
from keras_vae.training.data.sources.base import Data
from keras_vae.training.data.sources.csv_table import SUFFIXES, read_table

TEST_FRACTION = 0.1
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
MNIST1D_SERIES = 4_000  # to train on, in the paper


def read_mnist1d(count: int = MNIST1D_SERIES) -> Data:
    """Make MNIST-1D (Greydanus & Kobak 2020, arXiv:2011.14439): series of shape 40x1.

    There are 4,000 training and 1,000 test series. The authors' package regenerates them with its
    settings and seed, in seconds and without a download. The numbers have mean 0 and variance 1
    over all series.

    Args:
        count: Number of training series. Those beyond the paper's use the next seed and have mean
            0 and variance 1 by themselves. The test series are always those of the paper.

    Raises:
        ImportError: If the package mnist1d is not installed.
        ValueError: If the count is below that of the paper.
    """
    if count < MNIST1D_SERIES:
        raise UsageError(
            f"Expected mnist1d:COUNT with at least {MNIST1D_SERIES} training series. Received: "
            f"{count}. (For fewer: --data mnist1d with --limit.)"
        )
    try:
        from mnist1d.data import get_dataset_args, make_dataset
    except ImportError as error:
        raise MissingExtraError(
            "Expected the package mnist1d, which makes the data. Received: no such package. "
            "(pip install mnist1d)"
        ) from error
    with _restore_random_state():
        made = make_dataset()
        if more := count - MNIST1D_SERIES:
            settings = get_dataset_args()
            settings.seed += 1
            settings.train_split = 1.0
            settings.num_samples = -(-more // 10) * 10  # as many of each of the ten classes
            further = make_dataset(settings)
            for name in ("x", "y"):
                made[name] = np.concatenate([made[name], further[name][:more]])
    train, test = (made[name].astype(np.float32)[..., None] for name in ("x", "x_test"))
    train_labels, test_labels = (made[name].astype(np.int64) for name in ("y", "y_test"))
    return Data("mnist1d", train, test, train_labels, test_labels, tuple("0123456789"))


def parse_count(text: str) -> int:
    """Return the number of training series that `mnist1d:COUNT` asks for.

    Args:
        text: The count, which may contain `_` or `,`.

    Raises:
        ValueError: If it is no whole number.
    """
    count = text.replace("_", "").replace(",", "")
    if not count.isdecimal():
        raise UsageError(
            f"Expected mnist1d:COUNT, such as mnist1d:50000. Received: mnist1d:{text}."
        )
    return int(count)


def read_series(
    path: Path,
    window: int | None,
    stride: int | None,
    skip_columns: Sequence[str] = (),
    gaps: bool = False,
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

    Returns:
        The series. The last tenth of the steps of a recording becomes test series, so that no step
        is in both.

    Raises:
        ValueError: If the file holds something else, or fewer steps than a window.
    """
    if path.suffix.lower() in SUFFIXES:
        rows = read_table(path, skip_columns, gaps)
        return _windows(path, _numbers(rows, str(path)), window, stride)
    if skip_columns:
        raise UsageError(
            f"Expected names of columns to skip for a text file with a heading. Received: "
            f"{', '.join(skip_columns)} for {path}, whose columns have no names. (Leave them out "
            "of the array.)"
        )
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
        if window is not None or stride is not None:
            raise UsageError(
                f"Expected no window and no stride for the series of {path}, which are cut "
                f"already. Received: window {window} and stride {stride}."
            )
        arrays = load_arrays(path, ("train", "test"))
        tell_unread(path, "arrays", set(names) - set(arrays))
        train, test = (_series(arrays[name], f"{name} of {path}") for name in ("train", "test"))
        return Data(path.stem, _with_numbers(path, train), _with_numbers(path, test))
    if len(names) != 1:
        raise UsageError(
            f"Expected the arrays train and test, or one recording, in {path}. Received: {names}."
        )
    (recording,) = load_arrays(path).values()
    return _windows(path, _numbers(recording, str(path)), window, stride)


def _windows(path: Path, steps: np.ndarray, window: int | None, stride: int | None) -> Data:
    if steps.ndim == 1:
        steps = steps[:, None]
    if steps.ndim != 2:
        raise UsageError(
            f"Expected a recording of shape (steps, features) in {path}. Received: {steps.shape}."
        )
    whole = all(isinstance(one, numbers.Integral) for one in (window, stride or 1))
    if window is None or not whole or window < 1 or (stride is not None and stride < 1):
        raise UsageError(
            f"Expected --window, a whole number of at least 1, and --stride, for the {len(steps)} "
            f"steps of {path}. Received: window {window} and stride {stride}. (For a program "
            "without --window: keras_vae.windows cuts an array, and numpy.save makes a file of it.)"
        )
    tested = max(window, int(len(steps) * TEST_FRACTION))
    if len(steps) - tested < window:
        raise UsageError(
            f"Expected at least {2 * window} steps in {path}, a window to train on and one to "
            f"test on. Received: {len(steps)} steps and a window of {window}."
        )
    parts = (steps[:-tested], steps[-tested:])
    train, test = (_with_numbers(path, windows(part, window, stride)) for part in parts)
    return Data(path.stem, train, test)


def _with_numbers(path: Path, series: np.ndarray) -> np.ndarray:
    """Return the series that have a number, and tell on stderr how many others there are."""
    known = ~np.isnan(series).all(axis=tuple(range(1, series.ndim)))
    if not known.any():
        raise UsageError(
            f"Expected series with numbers in {path}, to train and to test on. Received: "
            f"{len(series)} series of gaps alone."
        )
    if left_out := int((~known).sum()):
        print(f"Passed over in {path}: {left_out} series of gaps alone.", file=sys.stderr)
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


@contextlib.contextmanager
def _restore_random_state() -> Iterator[None]:
    """Restore the global generators afterwards, as the package seeds both."""
    import random

    states = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
