"""MNIST-1D: short series of ten classes."""

import contextlib
from collections.abc import Iterator

import numpy as np

from keras_vae.errors import MissingExtraError, UsageError
from keras_vae.training.data.sources.base import Data

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
