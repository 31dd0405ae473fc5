"""Series: MNIST-1D, and windows of a user's own recordings."""

import contextlib
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from training.sources.arrays import load_arrays
from training.sources.base import Data, check_series

TEST_FRACTION = 0.1
MNIST1D_SERIES = 4_000  # to train on, in the paper


def read_mnist1d(count: int = MNIST1D_SERIES) -> Data:
    """MNIST-1D (Greydanus & Kobak 2020, arXiv:2011.14439): 4,000 and 1,000 series of 40x1.

    Made anew by the authors' package with their settings and seed, in seconds and without a
    download; the numbers have mean 0 and variance 1 over all series.

    Args:
        count: Of training series. Those beyond the paper's are made with the next seed and have
            mean 0 and variance 1 by themselves; the test series stay those of the paper.

    Raises:
        ImportError: The package mnist1d is not installed.
        ValueError: The count is below that of the paper.
    """
    if count < MNIST1D_SERIES:
        raise ValueError(
            f"Expected mnist1d:COUNT with at least {MNIST1D_SERIES} training series. Received: "
            f"{count}. (For fewer: --data mnist1d with --limit.)"
        )
    try:
        from mnist1d.data import get_dataset_args, make_dataset
    except ImportError as error:
        raise ImportError(
            "Expected the package mnist1d, which makes the data. Received: no such package. "
            "(pip install mnist1d)"
        ) from error
    with _own_random_state():
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


def read_series(path: Path, window: int | None, stride: int | None) -> Data:
    """Windows of recordings, as they are: no value is changed, scale them as the model needs.

    Args:
        path: A .csv file with a row for each step and a column for each feature, a heading or
            none; or a .npy or .npz file, see below.
        window: Steps of each series that is cut out.
        stride: Steps from the start of one to the start of the next; `window` by default.

    Returns:
        The series. The last tenth of the steps of a recording become test series, so that no step
        is in both. An .npz with `train` and `test` of shape `(count, time, features)` is taken as
        it is, without a window; one array `(steps, features)` is a recording.

    Raises:
        ValueError: The file holds something else, or fewer steps than a window.
    """
    if path.suffix.lower() == ".csv":
        return _windows(path, _read_csv(path), window, stride)
    arrays = load_arrays(path)
    if {"train", "test"} <= set(arrays):
        if window is not None:
            raise ValueError(
                f"Expected no window for the series of {path}, which are cut already. Received: "
                f"{window}."
            )
        train, test = (_numbers(arrays[name], f"{name} of {path}") for name in ("train", "test"))
        return Data(path.stem, train, test)
    if len(arrays) != 1:
        raise ValueError(
            f"Expected the arrays train and test, or one recording, in {path}. Received: "
            f"{sorted(arrays)}."
        )
    return _windows(path, _numbers(next(iter(arrays.values())), str(path)), window, stride)


def _windows(path: Path, steps: np.ndarray, window: int | None, stride: int | None) -> Data:
    if steps.ndim == 1:
        steps = steps[:, None]
    if steps.ndim != 2:
        raise ValueError(
            f"Expected a recording of shape (steps, features) in {path}. Received: {steps.shape}."
        )
    if window is None or window < 1 or (stride is not None and stride < 1):
        raise ValueError(
            f"Expected --window of at least 1, and --stride, for the {len(steps)} steps of {path}. "
            f"Received: window {window} and stride {stride}."
        )
    tested = max(window, int(len(steps) * TEST_FRACTION))
    if len(steps) - tested < window:
        raise ValueError(
            f"Expected at least {2 * window} steps in {path}, a window to train on and one to "
            f"test on. Received: {len(steps)} steps and a window of {window}."
        )
    train, test = (_cut(p, window, stride or window) for p in (steps[:-tested], steps[-tested:]))
    return Data(path.stem, train, test)


def _cut(steps: np.ndarray, window: int, stride: int) -> np.ndarray:
    views = np.lib.stride_tricks.sliding_window_view(steps, window, axis=0)[::stride]
    return np.ascontiguousarray(np.swapaxes(views, 1, 2))


def _read_csv(path: Path) -> np.ndarray:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if rows and not _is_number(rows[0][0]):
        rows = rows[1:]
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError(
            f"Expected rows of numbers, all of one length, in {path}. Received: "
            f"{len(rows)} rows of {sorted({len(row) for row in rows})} columns."
        )
    try:
        return _numbers(np.array(rows, np.float64), str(path))
    except ValueError as error:
        raise ValueError(f"Expected numbers in {path}. Received: {error}") from error


def _numbers(array: np.ndarray, where: str) -> np.ndarray:
    if array.dtype.kind not in "iuf":
        raise ValueError(f"Expected numbers. Received {array.dtype} in {where}")
    series = array.astype(np.float32)
    if series.ndim == 3:
        check_series(series, where)
    return series


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@contextlib.contextmanager
def _own_random_state() -> Iterator[None]:
    """Leave the global generators as they are: the package seeds both of them."""
    import random

    states = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
