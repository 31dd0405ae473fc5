"""The parts in which many rows are drawn, and what each row is drawn for."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from keras import ops

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.samplers.base import Sampler
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

# Numbers of the largest array of a part, 8 MB; networks hold a few dozen of such arrays at a time.
NUMBERS_AT_ONCE = 2**21
FEWEST_ROWS, MOST_ROWS = 16, 10_000


def rows_at_once(model: Any) -> int:
    """Return how many rows `model.sample` draws and decodes at a time.

    So memory does not grow with the number of rows, but for the rows themselves. A token counts as
    one number for each member of its vocabulary. A free axis counts as 1.
    """
    shapes = [getattr(model, name, ()) for name in ("event_shape", "latent_shape")]
    tokens = getattr(model, "vocabulary_size", None) or 1
    sizes = [tokens * math.prod(size or 1 for size in shape) for shape in shapes]
    if model.sampler is not None:
        sizes.append(model.sampler.row_size(shapes[1]))
    return min(max(NUMBERS_AT_ONCE // max(*sizes, 1), FEWEST_ROWS), MOST_ROWS)


def parts_of(count: int, size: int) -> Iterator[slice]:
    """Yield slices of `count` rows, of at most `size` rows each."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def join(parts: Iterable[Tensor]) -> Tensor:
    """Return tensors joined along the first axis; a single one as it is."""
    found = list(parts)
    return found[0] if len(found) == 1 else ops.concatenate(found, axis=0)


def check_top_k(sampler: Sampler | None, top_k: Any) -> None:
    """Raise an error unless there is a sampler of integers, or `top_k` is None."""
    if sampler is not None:
        sampler.check_top_k(top_k)
    elif top_k is not None:
        raise UsageTypeError(
            "Expected no top_k: the model has no sampler of integer codes. Received: "
            f"top_k={top_k!r}. (model.fit_prior(x, prior='autoregressive') or 'masked' of a "
            "VQVAE fits one.)"
        )


def labels_of_rows(
    sampler: Sampler | None, condition: Any, guidance: Any, count: int
) -> np.ndarray | None:
    """Return the class of each of `count` examples, int32 `(count,)`, or None."""
    if sampler is not None and not isinstance(sampler, Sampler):
        raise UsageTypeError(
            "Expected model.sampler to be what fit_prior or fit_sampler has fitted, or None. "
            f"Received: {sampler!r:.80}. (model.fit_prior(x, prior='flow') fits one.)"
        )
    if guidance is not None:
        arguments.real("guidance", guidance)
        if condition is None:
            raise UsageError(
                "Expected guidance with a condition, the class to be guided to. Received: "
                f"guidance={guidance!r} alone."
            )
    if condition is None:
        return None
    if sampler is None:
        raise UsageTypeError(
            "Expected no condition: the model has no sampler that knows classes. Received: "
            "one. (model.fit_prior(x, labels, prior=...) fits one.)"
        )
    return sampler.labels_of_rows(condition, count, "condition")
