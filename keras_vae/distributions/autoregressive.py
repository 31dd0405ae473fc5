"""Tokens one after the other, each given those before it."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_vae.distributions.base import Distribution, Tensor
from keras_vae.distributions.categorical import Categorical


class Autoregressive(Distribution):
    """Sequences of tokens: p(x) is the product over steps t of p(x_t | x_0 ... x_(t-1)).

    `log_prob` feeds the sequence itself to the network (teacher forcing); `mean` and `sample` run
    freely, each token from those that were chosen before. What running freely gives is the one
    fixed point of x -> choice(logits(x)), and each round of that settles at least one more step, so
    it is reached after as many rounds as there are steps, or fewer (Song et al. 2021,
    arXiv:2002.03629). It needs no network that works step by step.

    Args:
        logits: From tokens, int32 `(batch, time)`, to `(batch, time, vocabulary)`, of which those
            of a step depend on the tokens before it alone.
        start: Any tokens `(batch, time)`, which say how many to make.
    """

    heads = 0  # It takes a function, not what a decoder gives.

    def __init__(self, logits: Callable[[Tensor], Tensor], start: Tensor) -> None:
        self.logits = logits
        self.start = ops.cast(start, "int32")

    @classmethod
    def of(cls, vocabulary_size: int) -> type["Autoregressive"]:
        """This class, for the tokens 0 to `vocabulary_size - 1`."""
        return type(cls.__name__, (cls,), {"support": (0.0, vocabulary_size - 1.0)})

    @property
    def mean(self) -> Tensor:
        """The most probable token given those chosen before, int32 `(batch, time)`."""
        # Not argmax, which LiteRT has no builtin op for.
        return self._free_running(lambda logits: ops.top_k(logits, 1)[1][..., 0])

    def sample(self, seed: Any = None) -> Tensor:
        """One draw for each row, int32 `(batch, time)`."""
        noise = keras.random.uniform(ops.shape(self.start), seed=seed)

        def drawn(logits: Tensor) -> Tensor:
            reached = ops.cumsum(ops.softmax(logits, axis=-1), axis=-1) <= noise[..., None]
            # Rounding may leave the sum of all probabilities below the noise.
            return ops.minimum(ops.sum(ops.cast(reached, "int32"), axis=-1), logits.shape[-1] - 1)

        return self._free_running(drawn)

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Log probability of each token given those before, `(batch, time)`, in nats."""
        tokens = ops.cast(x, "int32")
        logits = self.logits(tokens)
        chosen = ops.one_hot(tokens, logits.shape[-1])
        return ops.sum(Categorical(logits).element_log_prob(chosen), axis=-1)

    def _free_running(self, choose: Callable[[Tensor], Tensor]) -> Tensor:
        """The tokens that are what `choose` makes of their own logits."""

        def chosen(tokens: Tensor) -> Tensor:
            return ops.cast(choose(ops.cast(self.logits(tokens), "float32")), "int32")

        def changed(last: Tensor, tokens: Tensor) -> Tensor:
            return ops.any(ops.not_equal(last, tokens))

        def again(last: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
            return tokens, chosen(tokens)

        first = ops.zeros_like(self.start)
        rounds = self.start.shape[1]
        return ops.while_loop(changed, again, (first, chosen(first)), maximum_iterations=rounds)[1]
