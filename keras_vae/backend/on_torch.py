"""The training step and the test step with PyTorch."""

from typing import Any

import keras
import numpy as np
import torch

from keras_vae.backend.common import Trainable
from keras_vae.backend.common import after as after
from keras_vae.backend.common import call_function as call_function
from keras_vae.backend.common import call_method as call_method
from keras_vae.backend.common import call_network as call_network
from keras_vae.backend.common import compiles_networks as compiles_networks
from keras_vae.backend.common import fast_kernels as fast_kernels
from keras_vae.backend.common import has_several_workers as has_several_workers
from keras_vae.backend.common import host_values as host_values
from keras_vae.backend.common import is_traced as is_traced
from keras_vae.backend.common import mean_over_workers as mean_over_workers
from keras_vae.backend.common import split_gradients as split_gradients


def sum_over_replicas(x: Any) -> Any:
    """Return `x`: Keras trains one replica with PyTorch."""
    return x


def replica_index() -> Any:
    """Return 0: Keras trains one replica with PyTorch."""
    return 0


def vjp(function: Any, x: Any, upstream: Any) -> Any:
    """Return the gradient of sum(upstream * function(x)) in x, which is differentiable itself."""
    with torch.enable_grad():
        x = x if x.requires_grad else x.detach().requires_grad_()
        return torch.autograd.grad(function(x), x, upstream, create_graph=True)[0]


def sync_variables(model: keras.Model) -> None:
    """Do nothing: the variables of a model in training are up to date."""


def random_state() -> np.ndarray:
    """Return the state of PyTorch's global generator, which dropout without a seed uses."""
    return np.array(torch.get_rng_state().numpy())


def set_random_state(state: np.ndarray) -> None:
    """Restore the state of PyTorch's global generator that `random_state` returned."""
    torch.set_rng_state(torch.from_numpy(np.array(state)))


def draw_order_seed() -> int:
    """Draw the seed of the order of batches from PyTorch's global generator."""
    return int(torch.randint(2**31, ()))


def set_batch_order(seed: int, epoch: int) -> None:
    """Make the order of the batches of an epoch depend on `seed` and `epoch` alone.

    After a resume the global generator has been used less often than before.
    """
    torch.manual_seed(seed + epoch * 715_827)


def compile_function(function: Any, inputs: Any, model: keras.Model) -> tuple[Any, bool]:
    """Return `function` without gradients: compiling is slower here.

    See `keras_vae.backend.common.Backend.compile_function`.
    """
    return torch.no_grad()(function), False


class Step(Trainable):
    """Training and testing on one batch with PyTorch."""

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take one step of the optimizer, and return the running means."""
        # Not zero_grad(): it finds variables by path, and misses one of two with the same path.
        for variable in self.trainable_variables:
            variable.value.grad = None
        loss, logs = self.loss_and_logs(data, training=True)
        self.optimizer.scale_loss(loss).backward()
        gradients = [v.value.grad for v in self.trainable_variables]
        with torch.no_grad():
            self.optimizer.apply(gradients, self.trainable_variables)
        return logs

    def test_step(self, data: Any) -> dict[str, Any]:
        """Compute the loss without an update, and return the running means."""
        with torch.no_grad():
            return self.loss_and_logs(data, training=False)[1]
