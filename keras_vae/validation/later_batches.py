"""Checks of every batch of a source, just before a step takes it.

An error inside the data would reach a compiled execution of several steps that has begun: PyTorch
drops them, JAX loses the weights, and TensorFlow may have changed some of them. So the data end
before a bad batch, and the error is raised once the steps before it are done.
"""

import contextlib
import functools
import itertools
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.backend import tensorflow_checks
from keras_vae.backend.keras_private import DataAdapter, data_adapter
from keras_vae.errors import KerasVAEError, UsageError
from keras_vae.typing import LatentModel
from keras_vae.validation.sources import check_batch_of_source
from keras_vae.validation.value_checks import ANY_NUMBER

ENDED_EARLY = "Your input ran out of data"  # The warning of Keras, which is not the reason here.

Ranges = list[tuple[float, float, bool]]


@contextlib.contextmanager
def each_checked(
    model: LatentModel, given: dict[str, Any], names: Sequence[str], training: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield the arguments of `fit` or `evaluate` with sources whose batches are checked.

    Args:
        model: The autoencoder that the data are for.
        given: The arguments by name; not changed.
        names: Those of `x` and `validation_data` that are sources of batches.
        training: Whether x trains the model.
    """
    with warnings.catch_warnings() if names else contextlib.nullcontext():
        yield given | {
            name: CheckedData(_adapter(given, name), model, training and name == "x")
            for name in names
        }


def _adapter(given: dict[str, Any], name: str) -> DataAdapter:
    with _named_difference():
        if name != "x":
            return data_adapter(*keras.utils.unpack_x_y_sample_weight(given[name]))
        y, sample_weight = given.get("y"), given.get("sample_weight")
        return data_adapter(given["x"], y, sample_weight, shuffle=given.get("shuffle", False))


@contextlib.contextmanager
def _named_difference() -> Iterator[None]:
    """Say what Keras expects of the first batches, in which it found a difference."""
    try:
        yield
    except KerasVAEError:
        raise
    except (ValueError, TypeError) as error:
        raise UsageError(
            "Expected batches that are alike: each x, or each (x, y), with the same types and "
            f"numbers of axes. Received: batches that Keras refuses. ({error})"
        ) from error


def ranges_of(model: LatentModel, batch: Any) -> Ranges | None:
    """Return the ranges within which each array of a batch passes `check_batch_of_source`.

    Args:
        model: The autoencoder that the batch is for.
        batch: x, `(x, y)` or `(x, y, sample_weight)`, arrays or symbolic tensors.

    Returns:
        The smallest value, the largest one, and whether NaN is a gap, for each array. None if the
        model has checks of another kind, such as those of counts, tokens, masks, and a subclass.
    """
    checks = (type(model).check_event, type(model).check_target, type(model).check_parts)
    ours = all(check.__module__.startswith("keras_vae.") for check in checks)
    own_parts = type(model).check_parts.__qualname__ != "Autoencoder.check_parts"
    more = getattr(model, "conditional", False) and own_parts
    more = more or model.family.whole or model.family.by_column
    more = more or model.event_dtype != "float32"
    if more or not ours:
        return None
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    anything, inside = (*ANY_NUMBER, False), (*model.data_range, model.preprocess.fills)
    event = inside if y is None else (*ANY_NUMBER, model.preprocess.fills)
    ranges = [event, *[anything] * (len(keras.tree.flatten(x)) - 1)]
    ranges += [inside] * (0 if y is None else len(keras.tree.flatten(y)))
    return ranges + [(0.0, math.inf, False)] * (sample_weight is not None)


class CheckedData(DataAdapter):
    """Data that end before the first bad batch, whose error is raised at the end of the epoch.

    Args:
        data: The adapter that Keras makes for a source.
        model: The autoencoder that the data are for.
        training: Whether the data train the model, whose steps then count the batches.
    """

    def __init__(self, data: DataAdapter, model: LatentModel, training: bool) -> None:
        self._data, self._model, self._training = data, model, training
        self._in_graph = False
        self._begin = self._count = 0
        self._error: Exception | None = None

    def get_numpy_iterator(self) -> Iterator[Any]:
        """Return the batches up to the first bad one, as NumPy arrays."""
        return itertools.takewhile(self._accepts, self._data.get_numpy_iterator())

    def get_jax_iterator(self) -> Iterator[Any]:
        """Return the batches up to the first bad one, as JAX takes them."""
        return itertools.takewhile(self._accepts, self._data.get_jax_iterator())

    def get_torch_dataloader(self) -> Iterator[Any]:
        """Return the batches up to the first bad one, as tensors of PyTorch."""
        return itertools.takewhile(self._accepts, self._data.get_torch_dataloader())

    def get_tf_dataset(self) -> Any:
        """Return the batches up to the first bad one; a distributed data set as it is."""
        self._in_graph = True
        ranges = functools.partial(ranges_of, self._model)
        with _named_difference():
            batches = self._data.get_tf_dataset()
        return tensorflow_checks.take_while(batches, self._accepts, ranges)

    @property
    def num_batches(self) -> int | None:
        """Number of batches, or None if it is unknown."""
        return self._data.num_batches

    @property
    def batch_size(self) -> int | None:
        """Rows of a batch, or None if they are unknown."""
        return self._data.batch_size

    @property
    def has_partial_batch(self) -> bool | None:
        """True if the last batch is smaller; None if that is unknown."""
        return self._data.has_partial_batch

    @property
    def partial_batch_size(self) -> int | None:
        """Rows of the last batch, or None."""
        return self._data.partial_batch_size

    def on_epoch_begin(self) -> None:
        """Begin an epoch of the source."""
        self._count = 0
        self._begin = self._steps() if self._in_graph else 0
        self._data.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """End an epoch of the source, and raise the error of the batch at which it ended."""
        self._data.on_epoch_end()
        error, self._error = self._error, None
        if isinstance(error, KerasVAEError):
            which = f"batch {number}" if (number := self._number()) else "a later batch"
            raise type(error)(f"{error} It is in {which} of the data, which no step has used.")
        if error is not None:
            raise error

    def _accepts(self, batch: Any) -> bool:
        """Return whether a batch is good, and keep its error if it is not."""
        self._count += 1
        try:
            check_batch_of_source(self._model, batch)
        except Exception as error:  # Also one of a check that a subclass defines.
            self._error = error
            warnings.filterwarnings("ignore", ENDED_EARLY)  # `each_checked` restores the filters.
        return self._error is None

    def _number(self) -> int | None:
        """Return the number of the bad batch in its epoch, from 1; None if nothing counts it."""
        if not self._in_graph:
            return self._count
        return self._steps() - self._begin + 1 if self._training else None

    def _steps(self) -> int:
        return int(ops.convert_to_numpy(self._model.steps))
