"""Sampling by rejection, in a number of rounds that is known in advance."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_vae.typing import Tensor

# With a chance of 1/2 to accept, one element in a billion keeps a rejected proposal.
ROUNDS = 30


def first_accepted(
    propose: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], shape: Any, seed: Any
) -> Tensor:
    """Return the first accepted proposal of each element.

    Args:
        propose: From two tensors of uniform numbers in (0, 1) to proposals, and whether each is
            accepted.
        shape: Shape of the result.
        seed: An int or a `SeedGenerator`.
    """
    uniform = keras.random.uniform((2, ROUNDS, *shape), 1e-7, 1.0 - 1e-7, "float32", seed)
    chosen, accepted = propose(uniform[0, 0], uniform[1, 0])
    for round_ in range(1, ROUNDS):
        proposed, good = propose(uniform[0, round_], uniform[1, round_])
        chosen = ops.where(accepted, chosen, proposed)
        accepted = ops.logical_or(accepted, good)
    return chosen
