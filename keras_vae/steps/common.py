"""What a step needs of a model, and what most backends have no need of."""

import contextlib
from typing import Any

import numpy as np


class Trainable:
    """What a step needs of a model; all but `loss_and_logs` is Keras's own."""

    loss_and_logs: Any
    built: bool
    optimizer: Any
    trainable_variables: Any
    non_trainable_variables: Any
    metrics_variables: Any


def random_state() -> np.ndarray:
    """The state of the global generator: the noise of Keras is not from one."""
    return np.zeros(0, "uint8")


def set_random_state(state: np.ndarray) -> None:
    """The inverse of `random_state`."""


def order_seed() -> int:
    """What the order of batches is drawn from: Keras repeats it by itself."""
    return 0


def seed_order(seed: int, epoch: int) -> None:
    """Make the order of an epoch one that depends on these numbers alone: Keras does."""


def has_several_workers(model: Any = None) -> bool:
    """Whether several processes train `model`: only TensorFlow does that."""
    return False


def quick(model: Any) -> contextlib.AbstractContextManager[None]:
    """Where layers of `model` compute in the fastest way that this backend has for them."""
    return contextlib.nullcontext()
