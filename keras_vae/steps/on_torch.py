"""The steps with PyTorch."""

from typing import Any

import numpy as np
import torch

from keras_vae.steps.common import Trainable
from keras_vae.steps.common import has_several_workers as has_several_workers
from keras_vae.steps.common import quick as quick


def sum_over_replicas(x: Any) -> Any:
    """Keras trains one replica with PyTorch."""
    return x


def replica() -> Any:
    """Keras trains one replica with PyTorch."""
    return 0


def pullback(function: Any, x: Any, upstream: Any) -> Any:
    """The gradient of sum(upstream * function(x)) for x, which is differentiable itself."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return torch.autograd.grad(function(x), x, upstream, create_graph=True)[0]


def settle(model: Any) -> None:
    """The variables of a model in training are up to date."""


def random_state() -> np.ndarray:
    """The state of PyTorch's global generator, from which dropout without a seed is."""
    return np.array(torch.get_rng_state().numpy())


def set_random_state(state: np.ndarray) -> None:
    """The inverse of `random_state`."""
    torch.set_rng_state(torch.from_numpy(np.array(state)))


def order_seed() -> int:
    """What the order of batches is drawn from: PyTorch's global generator."""
    return int(torch.randint(2**31, ()))


def seed_order(seed: int, epoch: int) -> None:
    """Make the order of an epoch one that depends on these numbers alone.

    How often the global generator was asked before differs after a resume.
    """
    torch.manual_seed(seed + epoch * 715_827)


def compiled(function: Any, inputs: Any, model: Any) -> tuple[Any, bool]:
    """`function` without gradients: compiling is slower here, see docs/performance.md."""
    return torch.no_grad()(function), False


class Step(Trainable):
    """Train and test on one batch with PyTorch."""

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step of the optimizer; returns the running means."""
        # Not zero_grad(): it knows variables by path, and forgets one of two of the same.
        for variable in self.trainable_variables:
            variable.value.grad = None
        loss, logs = self.loss_and_logs(data, training=True)
        self.optimizer.scale_loss(loss).backward()
        gradients = [v.value.grad for v in self.trainable_variables]
        with torch.no_grad():
            self.optimizer.apply(gradients, self.trainable_variables)
        return logs

    def test_step(self, data: Any) -> dict[str, Any]:
        """The same objective without an update; returns the running means."""
        with torch.no_grad():
            return self.loss_and_logs(data, training=False)[1]
