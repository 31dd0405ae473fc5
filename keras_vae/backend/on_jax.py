"""The training step and the test step with JAX, as functions from state to state."""

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import keras

from keras_vae.backend.common import Trainable
from keras_vae.backend.common import after as after
from keras_vae.backend.common import call_function as call_function
from keras_vae.backend.common import call_method as call_method
from keras_vae.backend.common import call_network as call_network
from keras_vae.backend.common import compiles_networks as compiles_networks
from keras_vae.backend.common import draw_order_seed as draw_order_seed
from keras_vae.backend.common import fast_kernels as fast_kernels
from keras_vae.backend.common import has_several_workers as has_several_workers
from keras_vae.backend.common import host_values as host_values
from keras_vae.backend.common import mean_over_workers as mean_over_workers
from keras_vae.backend.common import random_state as random_state
from keras_vae.backend.common import set_batch_order as set_batch_order
from keras_vae.backend.common import set_random_state as set_random_state
from keras_vae.backend.common import split_gradients as split_gradients
from keras_vae.backend.keras_private import stored_value


@contextlib.contextmanager
def restore_on_error(model: keras.Model) -> Iterator[None]:
    """Restore the variables of `model` after an error or an interruption inside the context.

    Keras takes the values out of the variables while an epoch runs. If the first step fails, for
    example on a batch of a wrong shape, Keras does not put them back and the weights are lost.
    """
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *model.metrics_variables]
    variables += [] if optimizer is None else optimizer.variables
    before = [(v, stored_value(v)) for v in variables]
    try:
        yield
    except BaseException:
        model.jax_state_sync()
        for variable, value in before:
            # A compiled step deletes the values that it takes over; then Keras has newer ones.
            if stored_value(variable) is None and value is not None and not value.is_deleted():
                variable.assign(value)
        raise


def sum_over_replicas(x: Any) -> Any:
    """Return `x`: JAX shards one global batch, so a sum over it is global already."""
    return x


def replica_index() -> Any:
    """Return 0: JAX shards one global batch, and its noise with it."""
    return 0


def is_traced(variable: Any) -> bool:
    """Return whether the value of `variable` is symbolic here, as in a step being compiled."""
    return isinstance(variable.value, jax.core.Tracer)


def vjp(function: Any, x: Any, upstream: Any) -> Any:
    """Return the gradient of sum(upstream * function(x)) in x, which is differentiable itself."""
    return jax.vjp(function, x)[1](upstream)[0]


def sync_variables(model: keras.Model) -> None:
    """Write the values that a running training holds back to the variables of `model`."""
    model.jax_state_sync()


def compile_function(function: Any, inputs: Any, model: keras.Model) -> tuple[Any, bool]:
    """Compile `function` for each shape, with the variables of `model` as its first argument.

    See `keras_vae.backend.common.Backend.compile_function`.
    """
    variables = model.variables

    @jax.jit
    def run(values: Any, *tensors: Any) -> Any:
        with keras.StatelessScope(list(zip(variables, values, strict=True))):
            return function(*tensors)

    return lambda *tensors: run([v.value for v in variables], *tensors), True


class Step(Trainable):
    """Training and testing on one batch with JAX, from state to state."""

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """Run `keras.Model.fit`; after an error the model has its last good state."""
        with restore_on_error(self):
            return super().fit(*args, **kwargs)  # type: ignore[misc]

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Run `keras.Model.evaluate`; after an error the model has its state."""
        with restore_on_error(self):
            return super().evaluate(*args, **kwargs)  # type: ignore[misc]

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """Run `keras.Model.predict`; after an error the model has its state."""
        with restore_on_error(self):
            return super().predict(*args, **kwargs)  # type: ignore[misc]

    def train_step(self, state: Any, data: Any) -> tuple[dict[str, Any], Any]:
        """Take one step of the optimizer, and return the running means and the new state."""
        trainable, fixed, optimizer, metrics = state

        def compute_loss(trainable: Any) -> tuple[Any, Any]:
            values = [*trainable, *fixed, *optimizer, *metrics]
            return self._pure_loss(values, data, training=True)

        gradients, (logs, fixed, metrics) = jax.grad(compute_loss, has_aux=True)(trainable)
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
        return logs, (trainable, fixed, optimizer, metrics)

    def test_step(self, state: Any, data: Any) -> tuple[dict[str, Any], Any]:
        """Compute the loss without an update, and return the running means and the new state."""
        trainable, fixed, metrics = state
        values = [*trainable, *fixed, *metrics]
        _, (logs, fixed, metrics) = self._pure_loss(values, data, training=False)
        return logs, (trainable, fixed, metrics)

    def _pure_loss(self, values: Any, data: Any, training: bool) -> tuple[Any, Any]:
        """Compute `loss_and_logs` as a pure function of the values of all variables."""
        variables = [
            *self.trainable_variables,
            *self.non_trainable_variables,
            *(self.optimizer.variables if training else []),
            *self.metrics_variables,
        ]
        state = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state, collect_losses=True) as scope:
            loss, logs = self.loss_and_logs(data, training)
            if training:
                loss = self.optimizer.scale_loss(loss)
        fixed = [scope.get_current_value(v) for v in self.non_trainable_variables]
        metrics = [scope.get_current_value(v) for v in self.metrics_variables]
        return loss, (logs, fixed, metrics)
