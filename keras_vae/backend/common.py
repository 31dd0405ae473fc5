"""The functions that each backend provides, and defaults for the backends that need nothing.

A training runs fit -> prepare -> train_function -> train_step:

1. `fit` (keras_vae/base/fitting.py) checks all data against the model. It lowers
   `steps_per_execution` to a divisor of the steps of an epoch.
2. Prepare (keras_vae/backend/tensorflow_data.py): on TensorFlow, arrays become a
   `tf.data.Dataset`. On JAX and PyTorch, Keras makes the batches.
3. `train_function` is Keras's own: it compiles `train_step` and calls it for each batch.
   `ExactResume` replaces it while it skips batches that were trained on before.
4. `train_step` (`Step` in this folder, one for each backend) takes the gradient of
   `Autoencoder.loss_and_logs` and applies the optimizer.

`evaluate` takes the same way to `test_step`, which returns the same logs without an update.
"""

import contextlib
from typing import Any, Protocol

import keras
import numpy as np


class Backend(Protocol):
    """The functions of a module of one backend; `keras_vae.backend` selects one."""

    @property
    def Step(self) -> type:  # noqa: N802
        """The class with `train_step` and `test_step`, from which `Autoencoder` derives."""

    def after(self, tensor: Any, value: Any) -> Any:
        """Return `value` as soon as `tensor` is computed, for what must not run without data."""

    @property
    def compiles_networks(self) -> bool:
        """True if `call_network` compiles, so that verbs are fast outside of graphs."""

    def call_function(self, function: Any, owner: Any, settings: Any, *inputs: Any) -> Any:
        """Return `function(owner, *inputs)` in the fastest way outside of graphs.

        Args:
            function: A pure function, which does not refer to the owner otherwise.
            owner: An object that does not change.
            settings: What else the function depends on, hashable.
            inputs: Arrays or tensors, the first axis of each free.
        """

    def call_method(self, layer: Any, name: str, *inputs: Any) -> Any:
        """Return `layer.name(*inputs)` in the fastest way outside of graphs; it draws no noise."""

    def call_network(self, network: Any, inputs: Any, training: bool) -> Any:
        """Return `network(inputs, training=training)` in the fastest way outside of graphs."""

    def compile_function(self, function: Any, inputs: Any, model: keras.Model) -> tuple[Any, bool]:
        """Compile a pure function of tensors that reads the variables of `model`.

        Args:
            function: From tensors to tensors.
            inputs: A `keras.InputSpec` for each tensor; the first axis is free.
            model: The model whose variables `function` reads.

        Returns:
            The compiled function, and whether it is compiled again for each number of rows.
        """

    def draw_order_seed(self) -> int:
        """Draw the seed of the order of batches; 0 where Keras repeats the order itself."""

    def fast_kernels(self, model: keras.Model) -> contextlib.AbstractContextManager[None]:
        """Return a context in which layers of `model` use the fastest ops of this backend."""

    def has_several_workers(self, model: Any = None) -> bool:
        """Return whether several processes train `model`, or without one, the current scope."""

    def host_values(self, x: Any) -> np.ndarray | None:
        """Return the values of an array or a tensor if that takes no copy, and None otherwise."""

    def is_traced(self, variable: Any) -> bool:
        """Return whether the value of `variable` is symbolic here, as in a step being compiled."""

    def mean_over_workers(self, model: keras.Model, value: float) -> float:
        """Return the mean of a number over all processes that train `model`; each must call it."""

    def random_state(self) -> np.ndarray:
        """Return the state of the backend's global random generator, uint8."""

    def replica_index(self) -> Any:
        """Return the index of the current replica, from 0."""

    def set_batch_order(self, seed: int, epoch: int) -> None:
        """Make the order of the batches of an epoch depend on `seed` and `epoch` alone."""

    def set_random_state(self, state: np.ndarray) -> None:
        """Restore the state that `random_state` returned."""

    def split_gradients(
        self, function: Any, x: Any, weights: list[Any]
    ) -> tuple[list[Any], list[Any]]:
        """Return the values of a function twice: with gradient in `x`, and in `weights` alone.

        Args:
            function: From `x` and `weights` to a list of tensors, without variables or state.
            x: A tensor.
            weights: Tensors.

        Returns:
            Twice the same list, the first with gradient in `x`, the second in `weights`.
        """

    def sum_over_replicas(self, x: Any) -> Any:
        """Return the sum of a tensor over all replicas that train together."""

    def sync_variables(self, model: keras.Model) -> None:
        """Write the values that a running training holds back to the variables of `model`."""

    def vjp(self, function: Any, x: Any, upstream: Any) -> Any:
        """Return the vector-Jacobian product: the gradient of sum(upstream * function(x)) in x.

        The result is differentiable itself.
        """


class Trainable:
    """The attributes of a model that a step uses; all but `loss_and_logs` are Keras's own."""

    loss_and_logs: Any
    built: bool
    optimizer: Any
    trainable_variables: Any
    non_trainable_variables: Any
    metrics_variables: Any


def after(tensor: Any, value: Any) -> Any:
    """Return `value`: functions run from top to bottom, or have no state, on this backend."""
    return value


compiles_networks = False


def call_function(function: Any, owner: Any, settings: Any, *inputs: Any) -> Any:
    """Return `function(owner, *inputs)`."""
    return function(owner, *inputs)


def call_method(layer: Any, name: str, *inputs: Any) -> Any:
    """Return what the method `name` of `layer` returns."""
    return getattr(layer, name)(*inputs)


def call_network(network: Any, inputs: Any, training: bool) -> Any:
    """Return `network(inputs, training=training)`."""
    return network(inputs, training=training)


def random_state() -> np.ndarray:
    """Return an empty state: Keras uses no global generator on this backend."""
    return np.zeros(0, "uint8")


def set_random_state(state: np.ndarray) -> None:
    """Do nothing: Keras uses no global generator on this backend."""


def draw_order_seed() -> int:
    """Return 0: Keras repeats the order of batches by itself."""
    return 0


def set_batch_order(seed: int, epoch: int) -> None:
    """Do nothing: Keras repeats the order of batches by itself."""


def has_several_workers(model: Any = None) -> bool:
    """Return False: only TensorFlow trains one model in several processes."""
    return False


def mean_over_workers(model: keras.Model, value: float) -> float:
    """Return `value`: one process trains."""
    return value


def fast_kernels(model: keras.Model) -> contextlib.AbstractContextManager[None]:
    """Return a context that changes nothing: Keras's own ops are the fastest here."""
    return contextlib.nullcontext()


def host_values(x: Any) -> np.ndarray | None:
    """Return `x` if it is a NumPy array, and None for tensors, whose values may be elsewhere."""
    return x if isinstance(x, np.ndarray) else None


def is_traced(variable: Any) -> bool:
    """Return False: steps are not compiled here."""
    return False


def split_gradients(function: Any, x: Any, weights: list[Any]) -> tuple[list[Any], list[Any]]:
    """Evaluate the function twice, of which XLA computes what is equal once.

    See `Backend.split_gradients`.
    """
    constant = [keras.ops.stop_gradient(weight) for weight in weights]
    return function(x, constant), function(keras.ops.stop_gradient(x), weights)
