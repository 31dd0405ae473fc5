"""One of several classes at each place, as one-hot vectors: tokens, labels, quantized signals."""

from typing import Any

import keras
from keras import ops

from keras_vae.distributions.base import Distribution, Tensor, sum_event, tensor
from keras_vae.errors import UsageError


class Categorical(Distribution):
    """Independent classes at each place of the event; the last axis holds the classes.

    Data are one-hot, `(batch, ..., classes)`, so that encoder, decoder and `mean` share one shape.
    `keras.ops.one_hot(tokens, classes)` makes them from integers `(batch, ...)`.

    Example:
        >>> p = keras_vae.distributions.Categorical(np.zeros((1, 5, 4)))
        >>> tokens = keras.ops.one_hot([[0, 1, 2, 3, 0]], 4)
        >>> np.round(p.log_prob(tokens), 2)  # 5 * log(1 / 4)
        array([-6.93], dtype=float32)

    Args:
        logits: Unnormalized log probabilities, `(batch, ..., classes)`.

    Raises:
        ValueError: If there is only one class.
    """

    support = (0.0, 1.0)
    continuous = False

    def __init__(self, logits: Tensor) -> None:
        self.logits = tensor(logits)
        if self.logits.shape[-1] == 1:
            raise UsageError(
                "Expected at least two classes on the last axis of a categorical likelihood. "
                f"Received: logits of shape {tuple(self.logits.shape)}. (Data are one-hot; "
                "for images use bernoulli or discretized_logistic.)"
            )

    @property
    def mean(self) -> Tensor:
        """Probabilities of the classes, `(batch, ..., classes)`; they sum to 1 on the last axis."""
        return ops.softmax(self.logits, axis=-1)

    def sample(self, seed: Any = None) -> Tensor:
        """Sample one-hot vectors `(batch, ..., classes)`."""
        classes = self.logits.shape[-1]
        rows = ops.reshape(self.logits, (-1, classes))
        classes_of_rows = keras.random.categorical(rows, 1, seed=seed)
        return ops.reshape(ops.one_hot(classes_of_rows[:, 0], classes), ops.shape(self.logits))

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log probability of one-hot `x`, `(batch, ..., classes)`, in nats.

        Elements other than the class are 0.
        """
        return x * ops.log_softmax(self.logits, axis=-1)

    def kl(self, other: Distribution) -> Tensor:
        """Return KL(self || other), both categorical, `(batch,)`, in nats."""
        if not isinstance(other, Categorical):
            return super().kl(other)
        ratio = ops.log_softmax(self.logits, axis=-1) - ops.log_softmax(other.logits, axis=-1)
        return sum_event(self.mean * ratio)
