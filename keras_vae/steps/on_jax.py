"""The steps with JAX: state in, state out."""

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import keras

from keras_vae.steps.common import Trainable
from keras_vae.steps.common import has_several_workers as has_several_workers
from keras_vae.steps.common import order_seed as order_seed
from keras_vae.steps.common import quick as quick
from keras_vae.steps.common import random_state as random_state
from keras_vae.steps.common import seed_order as seed_order
from keras_vae.steps.common import set_random_state as set_random_state


@contextlib.contextmanager
def kept(model: Any) -> Iterator[None]:
    """Puts the state of `model` back after an error, also after an interruption.

    Keras takes the values out of the variables while an epoch runs. If the first step fails,
    for one batch of a wrong shape, it does not put them back: the model has lost its weights.
    """
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *model.metrics_variables]
    variables += [] if optimizer is None else optimizer.variables
    before = [(v, v._value) for v in variables]
    try:
        yield
    except BaseException:
        model.jax_state_sync()
        for variable, value in before:
            # What a compiled step took over is deleted; Keras has put back newer values then.
            if variable._value is None and value is not None and not value.is_deleted():
                variable.assign(value)
        raise


def sum_over_replicas(x: Any) -> Any:
    """JAX shards one global batch, so a sum over it is global already."""
    return x


def replica() -> Any:
    """JAX shards one global batch, and its noise with it."""
    return 0


def pullback(function: Any, x: Any, upstream: Any) -> Any:
    """The gradient of sum(upstream * function(x)) for x, which is differentiable itself."""
    return jax.vjp(function, x)[1](upstream)[0]


def settle(model: Any) -> None:
    """Put the values that a training keeps outside the variables of its model into them."""
    model.jax_state_sync()


def compiled(function: Any, inputs: Any, model: Any) -> tuple[Any, bool]:
    """`function` compiled for each shape, with the variables as its first argument."""
    variables = model.variables

    @jax.jit
    def run(values: Any, *tensors: Any) -> Any:
        with keras.StatelessScope(list(zip(variables, values, strict=True))):
            return function(*tensors)

    return lambda *tensors: run([v.value for v in variables], *tensors), True


class Step(Trainable):
    """Train and test on one batch with JAX: state in, state out."""

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """`keras.Model.fit`; an error leaves the model with its last good state."""
        with kept(self):
            return super().fit(*args, **kwargs)  # type: ignore[misc]

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """`keras.Model.evaluate`; an error leaves the model with its state."""
        with kept(self):
            return super().evaluate(*args, **kwargs)  # type: ignore[misc]

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """`keras.Model.predict`; an error leaves the model with its state."""
        with kept(self):
            return super().predict(*args, **kwargs)  # type: ignore[misc]

    def train_step(self, state: Any, data: Any) -> tuple[dict[str, Any], Any]:
        """One step of the optimizer; returns the running means and the new state."""
        trainable, fixed, optimizer, metrics = state

        def loss_of(trainable: Any) -> tuple[Any, Any]:
            values = [*trainable, *fixed, *optimizer, *metrics]
            return self._pure_loss(values, data, training=True)

        gradients, (logs, fixed, metrics) = jax.grad(loss_of, has_aux=True)(trainable)
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
        return logs, (trainable, fixed, optimizer, metrics)

    def test_step(self, state: Any, data: Any) -> tuple[dict[str, Any], Any]:
        """The same objective without an update; returns the running means and the new state."""
        trainable, fixed, metrics = state
        values = [*trainable, *fixed, *metrics]
        _, (logs, fixed, metrics) = self._pure_loss(values, data, training=False)
        return logs, (trainable, fixed, metrics)

    def _pure_loss(self, values: Any, data: Any, training: bool) -> tuple[Any, Any]:
        """`loss_and_logs` as a function of the values of all variables."""
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
