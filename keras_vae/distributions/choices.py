"""Choices among classes by uniform numbers, as a pure function with builtin ops."""

from keras import ops

from keras_vae.typing import Tensor


def most_likely(logits: Tensor) -> Tensor:
    """Return the class of the largest logit, int32 `logits.shape[:-1]`."""
    # Not argmax, which LiteRT has no builtin op for.
    return ops.cast(ops.top_k(logits, 1)[1][..., 0], "int32")


def by_uniform(logits: Tensor, uniform: Tensor) -> Tensor:
    """Return the class in whose part of [0, 1) each number lies.

    Args:
        logits: Unnormalized log probabilities, `(..., classes)`.
        uniform: Numbers in (0, 1), `(...)`.

    Returns:
        int32 `(...)`.
    """
    reached = ops.cumsum(ops.softmax(logits, axis=-1), axis=-1) <= ops.expand_dims(uniform, -1)
    # Rounding may leave the sum of all probabilities below the number.
    count = ops.sum(ops.cast(reached, "int32"), axis=-1)
    return ops.minimum(count, logits.shape[-1] - 1)


# A logit of no chance at any temperature; infinity would be NaN in products.
NEVER = -1e9

# Below this temperature the most likely class is the only one, as logits differ by more than that.
COLD = 1e-6


def at_temperature(logits: Tensor, uniform: Tensor, temperature: float) -> Tensor:
    """Return `by_uniform` of `logits / temperature`, and for about 0 the most likely class."""
    if temperature < COLD:
        return most_likely(logits)
    return by_uniform(logits / temperature, uniform)


def keep_top(logits: Tensor, count: int | None) -> Tensor:
    """Return logits in which all but the `count` largest are of no chance; None keeps all.

    Equals of the last of them are kept too.
    """
    if count is None:
        return logits
    least = ops.top_k(logits, count)[0][..., -1:]
    return ops.where(logits < least, ops.full_like(logits, NEVER), logits)


def log_prob(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the log probability of integer classes, `(...)`, in nats."""
    # A sum, since not every runtime has an op that takes one class a place.
    is_class = ops.equal(ops.expand_dims(classes, -1), ops.arange(logits.shape[-1], dtype="int32"))
    return ops.sum(ops.log_softmax(logits, axis=-1) * ops.cast(is_class, "float32"), axis=-1)
