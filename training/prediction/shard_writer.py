"""Bulk prediction: the output of a model for all rows of a source, in order and restartable."""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.prediction import shards
from keras_vae.training.prediction.rows import Rows
from keras_vae.training.prediction.shards import Shards
from keras_vae.typing import LatentModel
from keras_vae.validation import value_checks

BYTES_PER_SHARD = 64 << 20
BATCH_SIZE = 250
LABELS = "path"  # The array of the names of rows, if they have names.

Check = Callable[[Sequence[np.ndarray]], None]
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class PredictionOptions:
    """The options of a bulk prediction. To continue one, all of them must be the same.

    Attributes:
        output: Name of an endpoint of the model: encode, reconstruct, score or decode.
        identity: SHA-256 of the model's file, by which models are told apart.
        format: "npz" for all arrays of the output, by name; "npy" for the first one only.
        rows_per_shard: Rows in each file but the last; None for about 64 MB of images.
        batch_size: Rows in a batch.
        crop_to_aspect_ratio: Whether images were cropped before they were stretched.
    """

    output: str = "encode"
    identity: str = ""
    format: str = "npz"
    rows_per_shard: int | None = None
    batch_size: int = BATCH_SIZE
    crop_to_aspect_ratio: bool = False


DEFAULT_OPTIONS = PredictionOptions()


def predict(
    model: LatentModel,
    rows: Rows,
    out: Path,
    options: PredictionOptions = DEFAULT_OPTIONS,
    progress: Callable[[int, int], Any] = lambda done, count: None,
    log: Callable[[str], Any] = print,
) -> Shards:
    """Write the output of a model for each row, in files of equal size.

    A killed process leaves whole files only. Call again with the same arguments to continue after
    the last whole file. All bytes are then the same as those of one process, because the last
    batch of a file is padded.

    Example:
        >>> rows = open_rows("faces.npy", model.endpoints()["encode"].inputs)
        >>> options = PredictionOptions("encode", digests.of_file(Path("vae.keras")))
        >>> predict(model, rows, Path("codes"), options)

    Args:
        model: A `keras_vae.Autoencoder`.
        rows: From `keras_vae.training.prediction.rows.open_rows`, for the inputs of the endpoint.
        out: A folder that is new or empty, or that of a prediction to continue.
        options: The endpoint, the model's file, and the layout of the files.
        progress: Called with the number of rows that are done, and of all rows.
        log: Called with a sentence about files that exist already.

    Returns:
        The shards, all of them written.

    Raises:
        ValueError: If the folder was started with other options, or the model does not take a row.
            The message names the rows. Files of rows before these are whole and are kept.
        FileExistsError: If the folder has files that belong to no prediction.
    """
    found = open_shards(model, rows, out, options, log)
    run = compile_endpoint(model, options.output, found.batch_size)
    check = check_of(model, options.output)
    done = rows.count - sum(len(found.rows(number)) for number in found.missing)
    for number in found.missing:
        parts = []
        for start, arrays in _batches(rows, found.rows(number), found.batch_size):
            check_rows(check, arrays, rows, start)
            with name_rows_in_errors(rows, start, len(arrays[0])):
                parts.append(run(arrays))
            progress(done := done + len(arrays[0]), rows.count)
        found.write(number, join_batches(parts, rows, found.rows(number), found.arrays))
    return found


def open_shards(
    model: LatentModel,
    rows: Rows,
    out: Path,
    options: PredictionOptions,
    log: Callable[[str], Any] = print,
) -> Shards:
    """Start or continue the shards of `predict`, which has the same arguments."""
    size = options.rows_per_shard or _rows_per_shard(model, options.batch_size)
    about = {
        "model": {"class": type(model).__name__, "sha256": options.identity},
        "source": {"sha256": rows.identity},
        "rows": rows.count,
        "options": {
            "output": options.output,
            "format": options.format,
            "rows_per_shard": size,
            "batch_size": min(options.batch_size, size),
            # Predictions of earlier versions, which go on, have no such entry.
            **({"crop_to_aspect_ratio": True} if options.crop_to_aspect_ratio else {}),
        },
        "arrays": _describe_arrays(model.endpoints()[options.output], rows, options.format),
    }
    found = shards.start(out, about, log)
    if done := rows.count - sum(len(found.rows(number)) for number in found.missing):
        log(f"{done:,} of {rows.count:,} rows are there already.")
    return found


def _rows_per_shard(model: LatentModel, batch_size: int) -> int:
    """Return the rows of whole batches whose images take about `BYTES_PER_SHARD`."""
    size = 4 * max(math.prod(n or 1 for n in (*model.event_shape, 1)), 1)
    return max(BYTES_PER_SHARD // size // batch_size, 1) * batch_size


def compile_endpoint(
    model: LatentModel, output: str, batch_size: int
) -> Callable[..., dict[str, np.ndarray]]:
    """Return an endpoint as a function of a list of arrays, compiled for one batch size."""
    from keras_vae.acceleration.batching import CompiledFunction, map_batches

    endpoint = CompiledFunction(model, model.endpoints()[output].answer)
    return lambda arrays: map_batches(endpoint.predict_on_batch, tuple(arrays), batch_size)


def _describe_arrays(endpoint: Any, rows: Rows, format: str) -> dict[str, Any]:
    """Return the type and shape of each array of a shard, by name.

    The function is not compiled, since compiled functions of JAX sort their results by name.
    """
    from keras import ops

    answer = endpoint.function(*map(ops.convert_to_tensor, rows.read(0, 1)))
    arrays = {name: ops.convert_to_numpy(value) for name, value in answer.items()}
    named = {name: [str(a.dtype), list(a.shape[1:])] for name, a in arrays.items()}
    if format == "npy":
        return dict(list(named.items())[:1])
    return named | ({LABELS: ["str", []]} if rows.labels else {})


def _batches(rows: Rows, shard: range, batch_size: int) -> Iterator[tuple[int, list[np.ndarray]]]:
    """Yield the batches of a shard and their first rows; one is read while another is computed."""
    starts = range(shard.start, shard.stop, batch_size)
    read = _ahead(lambda at: rows.read(at, min(at + batch_size, shard.stop)), starts)
    yield from zip(starts, read, strict=True)


def _ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Map a function over items in a thread, one item ahead of the consumer."""
    with ThreadPoolExecutor(1) as pool:
        waiting = None
        for item in items:
            coming = pool.submit(function, item)
            if waiting is not None:
                yield waiting.result()
            waiting = coming
        if waiting is not None:
            yield waiting.result()


def check_of(model: LatentModel, output: str) -> Check:
    """Return a function that raises ValueError for a batch that an endpoint does not take.

    It makes the checks of values that the verbs and `fit` make: of finite numbers, the support of
    the likelihood, whole counts, and of each column of a table.
    """
    spec = model.endpoints()[output].inputs[0]
    of_event = spec.name == "x" and tuple(spec.shape[1:]) == tuple(model.event_shape)

    def check(arrays: Sequence[np.ndarray]) -> None:
        first, *others = arrays
        if of_event:
            model.check_event("x", first)
        for other in others if of_event else arrays:
            value_checks.check_values("x", other, value_checks.ANY_NUMBER, "all inputs")
        if of_event and others:
            model.check_parts(list(arrays))

    return check


def check_rows(check: Check, arrays: Sequence[np.ndarray], rows: Rows, start: int) -> None:
    """Check a batch that begins with the row `start`; name its first row that is refused.

    Rows of gaps alone are passed over where they have no answer.
    """
    count = len(arrays[0])
    known = np.arange(count)
    if rows.may_be_empty:
        known = known[~np.isnan(arrays[0]).reshape(count, -1).all(axis=1)]
    try:
        if len(known):
            check(arrays if len(known) == count else [array[known] for array in arrays])
    except ValueError as error:
        first = next((int(n) for n in known if _is_refused(check, arrays, int(n))), None)
        with name_rows_in_errors(rows, start, count, first):
            raise error


def _is_refused(check: Check, arrays: Sequence[np.ndarray], number: int) -> bool:
    try:
        check([array[number : number + 1] for array in arrays])
    except ValueError:
        return True
    return False


@contextlib.contextmanager
def name_rows_in_errors(
    rows: Rows, start: int, count: int, first: int | None = None
) -> Iterator[None]:
    """Add the numbers of the rows to the message of a ValueError in the block.

    Args:
        rows: All rows.
        start: The number of the first row of the batch.
        count: The number of rows of the batch.
        first: The row of the batch that the error is about, or None.
    """
    try:
        yield
    except ValueError as error:
        place = f"rows {start:,} to {start + count - 1:,} of {rows.name}"
        if first is not None:
            place += f", first in row {start + first:,}"
        raise UsageError(f"{error} (In {place}.)") from error


def join_batches(
    parts: Sequence[Mapping[str, np.ndarray]], rows: Rows, shard: range, names: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Return the arrays of a shard, from the outputs for its batches."""
    arrays = {
        name: np.concatenate([part[name] for part in parts]) for name in names if name in parts[0]
    }
    if rows.labels is not None and LABELS in names:
        arrays[LABELS] = rows.labels(shard.start, shard.stop)
    return arrays
