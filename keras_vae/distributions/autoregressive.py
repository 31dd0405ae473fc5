"""Distribution of token sequences, each token given those before it."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_vae.distributions import choices
from keras_vae.distributions.base import Distribution, Tensor
from keras_vae.distributions.categorical import Categorical


class Autoregressive(Distribution):
    """Sequences of tokens: p(x) is the product over steps t of p(x_t | x_0 ... x_(t-1)).

    `log_prob` feeds the sequence itself to the network (teacher forcing). `mean` and `sample` run
    freely: each token follows from those chosen before. A freely run sequence is the fixed point of
    x -> choice(logits(x)). Each round settles at least one more step, so that at most as many
    rounds are needed as there are steps (Song et al. 2021, arXiv:2002.03629). The network need not
    work step by step.

    Example:
        >>> start = np.zeros((1, 3), "int32")
        >>> p = keras_vae.distributions.Autoregressive(lambda tokens: np.zeros((1, 3, 4)), start)
        >>> np.round(p.log_prob(start), 2)  # 3 * log(1 / 4)
        array([-4.16], dtype=float32)

    Args:
        logits: From tokens, int32 `(batch, time)`, to `(batch, time, vocabulary)`. Those of a step
            may depend only on the tokens before it.
        start: Any tokens `(batch, time)`; only their shape counts.
    """

    heads = 0  # It takes a function, not outputs of a decoder.
    continuous = False

    def __init__(self, logits: Callable[[Tensor], Tensor], start: Tensor) -> None:
        self.logits = logits
        self.start = ops.cast(start, "int32")

    @classmethod
    def of(cls, vocabulary_size: int) -> type["Autoregressive"]:
        """Return this class, for the tokens 0 to `vocabulary_size - 1`."""
        return type(cls.__name__, (cls,), {"support": (0.0, vocabulary_size - 1.0)})

    @property
    def mean(self) -> Tensor:
        """Most probable token given those chosen before, int32 `(batch, time)`."""
        return self._run_freely(choices.most_likely)

    def sample(self, seed: Any = None) -> Tensor:
        """Sample a sequence for each row, int32 `(batch, time)`."""
        noise = keras.random.uniform(ops.shape(self.start), dtype="float32", seed=seed)
        return self._run_freely(lambda logits: choices.by_uniform(logits, noise))

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log probability of each token given those before, `(batch, time)`, in nats."""
        tokens = ops.cast(x, "int32")
        logits = self.logits(tokens)
        chosen = ops.one_hot(tokens, logits.shape[-1])
        return ops.sum(Categorical(logits).element_log_prob(chosen), axis=-1)

    def _run_freely(self, choose: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the tokens that `choose` makes of their own logits."""

        def choose_all(tokens: Tensor) -> Tensor:
            return ops.cast(choose(ops.cast(self.logits(tokens), "float32")), "int32")

        def has_changed(last: Tensor, tokens: Tensor) -> Tensor:
            return ops.any(ops.not_equal(last, tokens))

        def repeat(last: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
            return tokens, choose_all(tokens)

        first = ops.zeros_like(self.start)
        rounds = self.start.shape[1]
        return ops.while_loop(
            has_changed, repeat, (first, choose_all(first)), maximum_iterations=rounds
        )[1]
