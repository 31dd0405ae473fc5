"""Checks of data sets from any source that Keras takes, by their batches."""

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_vae.errors import UsageError
from keras_vae.typing import LatentModel
from keras_vae.validation.data_checks import (
    are_arrays,
    check_batch,
    check_shape,
    require_arrays,
)
from keras_vae.validation.examples import (
    as_arrays,
    as_arrays_of,
    batches_of,
    first_input,
    require_end,
)
from keras_vae.validation.precision import check_precision
from keras_vae.validation.value_checks import check_numbers


def check_data(
    model: LatentModel,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    then: Callable[..., Any] | None = None,
) -> Any:
    """Check all rows of arrays, or the first batch of another source.

    `fit` and `evaluate` check its other batches as they come, see `later_batches`.

    Args:
        model: The autoencoder that the data are for. It is built if it is not built yet.
        x: Data as `fit` takes them: arrays, a `tf.data.Dataset`, `PyDataset`, `DataLoader` or
            generator.
        y: The target, if `x` is an array.
        sample_weight: One number for each example, if `x` is an array.
        then: Called with the arrays that were checked: x, y, and sample weights or None.

    Returns:
        `x`, with a DataFrame as an array. For a generator, an equal generator, because its first
        batch was taken.

    Raises:
        ValueError: If there are no data, or they have the wrong shape, are not finite, or lie
            outside the support of the model's likelihood.
        TypeError: If they are not numbers.
    """
    x = as_arrays_of(model, x)
    if are_arrays(x):
        checked = (x, as_arrays(y), as_arrays(sample_weight))
        check_batch(model, *checked)
        check_precision(first_input(x))
    else:
        first = _first_batch(x)
        check_batch_of_source(model, first)
        checked = keras.utils.unpack_x_y_sample_weight(first)
    if then is not None:
        then(*checked)
    return x if are_arrays(x) else _with_first(first, x)


def checked_batches(model: LatentModel, source: Any, steps: int | None = None) -> Iterator[Any]:
    """Yield x of each batch of a source as NumPy arrays, after a check of the batch.

    Args:
        model: The autoencoder that the data are for. It is built if it is not built yet.
        source: A source of batches, as `check_data` takes them.
        steps: Largest number of batches; None for all.

    Raises:
        ValueError: As for `check_data`. Also if the source has no end, or sample weights, which
            nothing here uses. A target is passed over, as by `keras.Model.predict`.
        TypeError: As for `check_data`.
    """
    require_end(source, steps)
    for batch in itertools.islice(batches_of(source), steps):
        check_batch_of_source(model, batch)
        x, _, weights = keras.utils.unpack_x_y_sample_weight(batch)
        if weights is not None:
            raise UsageError(
                "Expected batches without sample weights, since each example counts once here. "
                "Received: (x, y, sample_weight). (Leave them out: "
                "data.map(lambda x, y, sample_weight: x).)"
            )
        yield keras.tree.map_structure(np.asarray, x)


def check_batch_of_source(model: LatentModel, given: Any) -> None:
    """Check one batch of a source: x, `(x, y)` or `(x, y, sample_weight)`; see `check_data`."""
    batch = _parts_of_batch(model, given)
    if batch[1] is None and batch[2] is not None:
        raise UsageError(
            "Expected a target next to sample weights. Received: a batch (x, None, sample_weight). "
            "(The target is x: give (x, x, sample_weight).)"
        )
    check_batch(model, *batch)


def _parts_of_batch(model: LatentModel, given: Any) -> tuple[Any, Any, Any]:
    """Return x, y, and the sample weights of one batch; refuse an example that is no batch."""
    require_arrays("x", given)
    batch = keras.utils.unpack_x_y_sample_weight(given)
    shape = tuple(first_input(batch[0]).shape)
    if model.built and shape == tuple(model.event_shape):
        raise UsageError(
            f"Expected data that come in batches, of shape {('batch', *shape)}. Received: single "
            f"examples of shape {shape}. (For a tf.data.Dataset: dataset.batch(128).)"
        )
    return batch


def check_validation_data(model: LatentModel, data: Any) -> Any:
    """Check the `validation_data` of `fit`, a source or `(x, y, ...)`; see `check_data`."""
    try:
        parts = keras.utils.unpack_x_y_sample_weight(data)
    except ValueError as error:
        raise UsageError(
            "Expected validation_data of x, (x, y) or (x, y, sample_weight). Received: "
            f"{type(data).__name__} of {len(data)} parts. (For a list of numbers: "
            'numpy.asarray(x, "float32").)'
        ) from error
    x, y, sample_weight = (as_arrays(part) for part in parts)
    checked = check_data(model, x, y, sample_weight)
    if not are_arrays(checked) and y is None and sample_weight is None:
        return checked
    return checked, *weighted_target(checked, y, sample_weight)


def weighted_target(x: Any, y: Any, sample_weight: Any) -> tuple[Any, Any]:
    """Return the target and the sample weights; the target is x if there are weights alone.

    Keras drops sample weights without a target.
    """
    if y is None and sample_weight is not None and are_arrays(x):
        y = first_input(x)
    return y, sample_weight


def check_shapes(model: LatentModel, x: Any) -> Any:
    """Return `x` with DataFrames as arrays, an array alone for a list of one, as `check_data`.

    Of a source of batches, x of the first batch is checked.

    Raises:
        ValueError: If arrays have a wrong shape, or a source gives no batch.
        TypeError: If x is no array.
    """
    x = as_arrays_of(model, x)
    if isinstance(x, list | tuple):
        require_arrays("x", x)
        x = x[0] if len(x) == 1 else x  # Keras would call the model with the list.
    if are_arrays(x):
        _check_shapes_of_arrays(model, x)
        return x
    first = _first_batch(x)
    _check_shapes_of_arrays(model, _parts_of_batch(model, first)[0])
    return _with_first(first, x)


def _check_shapes_of_arrays(model: LatentModel, x: Any) -> None:
    model.build_for(x)
    check_shape("x", first_input(x).shape, model.event_shape)
    for part in keras.tree.flatten(x):
        check_numbers("x", part)
    model.check_columns(first_input(x))


def _first_batch(source: Any) -> Any:
    """Return the first batch of an iterable or a `PyDataset`, with its target and weights."""
    for batch in () if source is None else batches_of(source):
        return batch
    raise UsageError(
        "Expected arrays or a source that gives at least one batch. Received: "
        f"{'nothing' if source is None else type(source).__name__ + ' without any batch'}."
    )


def _with_first(first: Any, source: Any) -> Any:
    """Return a source with all its batches, in the form in which Keras takes them.

    Args:
        first: Its first batch, which was taken.
        source: An iterable of batches or a `PyDataset`.
    """
    if _is_iterator(source):
        return _as_generator(itertools.chain([first], source))
    of_tensors = all(hasattr(part, "cpu") for part in keras.tree.flatten(first))
    if hasattr(source, "collate_fn") and not (isinstance(first, list | tuple) and of_tensors):
        source = copy.copy(source)
        source.collate_fn = _TensorsInTuple(source.collate_fn)
        source._iterator = None  # Its processes, if they stay, have the function of before.
    return source


class _TensorsInTuple:
    """The function of a `DataLoader` that makes a batch, for Keras; processes can unpickle it.

    Keras takes the rows of a batch that is one array for parts, and tensors of PyTorch alone.
    """

    def __init__(self, collate: Callable[[Any], Any]) -> None:
        self._collate = collate

    def __call__(self, examples: Any) -> Any:
        import torch

        batch = keras.tree.map_structure(torch.as_tensor, self._collate(examples))
        return batch if isinstance(batch, list | tuple) else (batch,)


def _is_iterator(source: Any) -> bool:
    return isinstance(source, Iterator) and not isinstance(source, keras.utils.PyDataset)


def _as_generator(batches: Any) -> Iterator:
    """Yield batches as tuples: of all iterators, Keras takes generators of tuples alone."""
    for batch in batches:
        require_arrays("x", batch)
        yield tuple(batch) if isinstance(batch, list | tuple) else (batch,)
