"""What a model says of all rows of a source, in shards: each row once, in order, restartable."""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from training import shards
from training.rows import Rows
from training.shards import Shards

OUTPUTS = ("encode", "reconstruct", "score", "decode")
BYTES_PER_SHARD = 64 << 20
BATCH_SIZE = 250
LABELS = "path"  # Of the rows, where they have names.

Bounds = tuple[tuple[float, float], str]
Item = TypeVar("Item")
Result = TypeVar("Result")


def predict(
    model: Any,
    rows: Rows,
    out: Path,
    output: str = "encode",
    identity: str = "",
    format: str = "npz",
    rows_per_shard: int | None = None,
    batch_size: int = BATCH_SIZE,
    progress: Callable[[int, int], Any] = lambda done, count: None,
    say: Callable[[str], Any] = print,
) -> Shards:
    """Write what an endpoint of a model answers for each row, in files of equal size.

    A process that is killed leaves whole files only; called again with the same arguments, it
    goes on after the last of them, and all bytes are then as if there had been one process. The
    last batch of a file is filled up, so that no answer depends on where a process began.

    Example:
        >>> rows = open_rows("faces.npy", model.endpoints()["encode"].inputs)
        >>> predict(model, rows, Path("codes"), "encode", digests.of_file("vae.keras"))

    Args:
        model: A `keras_vae.Autoencoder`.
        rows: From `training.rows.open_rows`, for the inputs of the endpoint.
        out: A new or empty folder, or one to go on with.
        output: One of `OUTPUTS`.
        identity: SHA-256 of the model's file, which tells models apart when going on.
        format: "npz" for all that the endpoint answers, by name; "npy" for the first of it only.
        rows_per_shard: Rows in each file but the last; as many as make 64 MB if left out.
        batch_size: Rows at once.
        progress: Called with the number of rows that are done, and of all.
        say: Told what was found.

    Returns:
        The shards, all of them written.

    Raises:
        ValueError: If the folder was begun with something else, or a row is not what the model
            takes; the message says where. Files before it are whole and are kept.
        FileExistsError: If there are files of something else in the folder.
    """
    found = begun(model, rows, out, output, identity, format, rows_per_shard, batch_size, say)
    run = compiled(model, output, found.batch_size)
    bounds = bounds_of(model, output)
    done = rows.count - sum(len(found.rows(number)) for number in found.missing)
    for number in found.missing:
        parts = []
        for start, arrays in _batches(rows, found.rows(number), found.batch_size):
            with named(rows, start, len(arrays[0])):
                check(arrays, *bounds)
                parts.append(run(arrays))
            progress(done := done + len(arrays[0]), rows.count)
        found.write(number, joined(parts, rows, found.rows(number), found.arrays))
    return found


def begun(
    model: Any,
    rows: Rows,
    out: Path,
    output: str,
    identity: str,
    format: str,
    rows_per_shard: int | None,
    batch_size: int,
    say: Callable[[str], Any] = print,
) -> Shards:
    """The shards of `predict`, those that are there already among them; the arguments are its."""
    size = rows_per_shard or _rows_per_shard(model, batch_size)
    about = {
        "model": {"class": type(model).__name__, "sha256": identity},
        "source": {"sha256": rows.identity},
        "rows": rows.count,
        "options": {
            "output": output,
            "format": format,
            "rows_per_shard": size,
            "batch_size": min(batch_size, size),
        },
        "arrays": _described(model.endpoints()[output], rows, format),
    }
    found = shards.start(out, about, say)
    if done := rows.count - sum(len(found.rows(number)) for number in found.missing):
        say(f"{done:,} of {rows.count:,} rows are there already.")
    return found


def _rows_per_shard(model: Any, batch_size: int) -> int:
    """Whole batches whose images take about `BYTES_PER_SHARD`."""
    size = 4 * max(math.prod(n or 1 for n in (*model.event_shape, 1)), 1)
    return max(BYTES_PER_SHARD // size // batch_size, 1) * batch_size


def compiled(model: Any, output: str, batch_size: int) -> Callable[..., dict[str, np.ndarray]]:
    """An endpoint as a function of a list of arrays, of batches of one size alone."""
    from keras_vae.estimators.compiled import Compiled, padded

    inner = Compiled(model, model.endpoints()[output].function)

    def run(arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
        answer = inner.predict_on_batch(tuple(padded(arrays, batch_size)))
        return {name: np.asarray(value)[: len(arrays[0])] for name, value in answer.items()}

    return run


def _described(endpoint: Any, rows: Rows, format: str) -> dict[str, Any]:
    """Name, type and shape of each array that a shard holds.

    Not from a compiled function: those of JAX sort what they return by name.
    """
    from keras import ops

    answer = endpoint.function(*map(ops.convert_to_tensor, rows.read(0, 1)))
    arrays = {name: ops.convert_to_numpy(value) for name, value in answer.items()}
    named = {name: [str(a.dtype), list(a.shape[1:])] for name, a in arrays.items()}
    if format == "npy":
        return dict(list(named.items())[:1])
    return named | ({LABELS: ["str", []]} if rows.labels else {})


def _batches(rows: Rows, shard: range, batch_size: int) -> Iterator[tuple[int, list[np.ndarray]]]:
    """The batches of a shard and where they start; one is read while another is computed."""
    starts = range(shard.start, shard.stop, batch_size)
    read = _ahead(lambda at: rows.read(at, min(at + batch_size, shard.stop)), starts)
    yield from zip(starts, read, strict=True)


def _ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`map`, one item ahead of who asks, in a thread."""
    with ThreadPoolExecutor(1) as pool:
        waiting = None
        for item in items:
            coming = pool.submit(function, item)
            if waiting is not None:
                yield waiting.result()
            waiting = coming
        if waiting is not None:
            yield waiting.result()


def bounds_of(model: Any, output: str) -> Bounds:
    """What the values of the first input must lie between, and the name of the likelihood."""
    from keras_vae import checks

    shape = tuple(model.endpoints()[output].inputs[0].shape[1:])
    support = model.family.support if shape == tuple(model.event_shape) else None
    return support or checks.ANY_NUMBER, f"the {model.likelihood!r} likelihood"


def check(arrays: Sequence[np.ndarray], support: tuple[float, float], likelihood: str) -> None:
    """Raise ValueError for numbers that no model takes, or that its likelihood does not have."""
    from keras_vae import checks

    for number, array in enumerate(arrays):
        bounds = support if number == 0 else checks.ANY_NUMBER
        checks.check_values("x", array, bounds, likelihood)


@contextlib.contextmanager
def named(rows: Rows, start: int, count: int) -> Iterator[None]:
    """A ValueError says in which rows it was."""
    try:
        yield
    except ValueError as error:
        last = start + count - 1
        raise ValueError(f"{error} (In rows {start:,} to {last:,} of {rows.name}.)") from error


def joined(
    parts: Sequence[Mapping[str, np.ndarray]], rows: Rows, shard: range, names: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """The arrays of a shard, from the answers for its batches."""
    joined = {
        name: np.concatenate([part[name] for part in parts]) for name in names if name in parts[0]
    }
    if rows.labels is not None and LABELS in names:
        joined[LABELS] = rows.labels(shard.start, shard.stop)
    return joined
