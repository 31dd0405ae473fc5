"""The training step and the test step with TensorFlow."""

import contextlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_vae.backend import tensorflow_kernels
from keras_vae.backend.common import Trainable
from keras_vae.backend.common import draw_order_seed as draw_order_seed
from keras_vae.backend.common import random_state as random_state
from keras_vae.backend.common import set_batch_order as set_batch_order
from keras_vae.backend.common import set_random_state as set_random_state
from keras_vae.backend.keras_private import KnownShapes
from keras_vae.backend.tensorflow_calls import call_function as call_function
from keras_vae.backend.tensorflow_calls import call_method as call_method
from keras_vae.backend.tensorflow_calls import call_network as call_network
from keras_vae.backend.tensorflow_calls import compiles_networks as compiles_networks


def fast_kernels(model: keras.Model) -> contextlib.AbstractContextManager[None]:
    """Return a context in which layers of `model` use the fastest ops of TensorFlow."""
    return tensorflow_kernels.use_in_calls(model)


def after(tensor: Any, value: Any) -> Any:
    """Return `value` as soon as `tensor` is computed.

    A graph may count a step before it finds that the data have ended.
    """
    with tf.control_dependencies([tensor]):
        return tf.identity(value)


def sum_over_replicas(x: Any) -> Any:
    """Return the sum of `x` over all replicas that train together."""
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return x
    return tf.distribute.get_replica_context().all_reduce("SUM", x)


def replica_index() -> Any:
    """Return the index of the current replica, from 0."""
    context = tf.distribute.get_replica_context()
    return 0 if context is None else context.replica_id_in_sync_group


def host_values(x: Any) -> np.ndarray | None:
    """Return the values of an array, or of a tensor that has some in the memory of the host."""
    if isinstance(x, tf.Tensor):
        return x.numpy() if hasattr(x, "numpy") and x.device.endswith("CPU:0") else None
    return x if isinstance(x, np.ndarray) else None


def is_traced(variable: Any) -> bool:
    """Return whether the value of `variable` is symbolic here, as in a step being compiled."""
    return bool(tf.inside_function())


def vjp(function: Any, x: Any, upstream: Any) -> Any:
    """Return the gradient of sum(upstream * function(x)) in x, which is differentiable itself."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x, upstream, tf.UnconnectedGradients.ZERO)


def split_gradients(function: Any, x: Any, weights: list[Any]) -> tuple[list[Any], list[Any]]:
    """Evaluate the function once, and take both gradients of the same values.

    See `keras_vae.backend.common.Backend.split_gradients`.
    """

    @tf.custom_gradient
    def evaluate(x: Any, *weights: Any) -> Any:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([x, *weights])
            values = function(x, list(weights))

        def gradients(*upstream: Any) -> tuple[Any, ...]:
            of_x, of_weights = upstream[: len(values)], upstream[len(values) :]
            zero = tf.UnconnectedGradients.ZERO
            return (
                tape.gradient(values, x, list(of_x), zero),
                *tape.gradient(values, list(weights), list(of_weights), zero),
            )

        return [tf.identity(value) for value in (*values, *values)], gradients

    both = evaluate(*map(tf.convert_to_tensor, (x, *weights)))
    return both[: len(both) // 2], both[len(both) // 2 :]


def sync_variables(model: keras.Model) -> None:
    """Do nothing: the variables of a model in training are up to date."""


def compile_function(function: Any, inputs: Any, model: keras.Model) -> tuple[Any, bool]:
    """Compile `function` once for all numbers of rows.

    See `keras_vae.backend.common.Backend.compile_function`.
    """
    specs = [tf.TensorSpec(i.shape, i.dtype, name=i.name) for i in inputs]
    graph = tf.function(function, input_signature=specs, autograph=False)
    with fast_kernels(model):
        return graph.get_concrete_function(), False


def has_several_workers(model: Any = None) -> bool:
    """Return whether several processes train `model`, or without one, the current scope."""
    scope = tf.distribute.get_strategy
    strategy = scope() if model is None else model.distribute_strategy
    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    return several and strategy.cluster_resolver.cluster_spec().num_tasks("worker") > 1


def mean_over_workers(model: keras.Model, value: float) -> float:
    """Return the mean of a number over all processes that train `model`; each must call it."""
    if not has_several_workers(model):
        return value
    strategy = model.distribute_strategy
    values = strategy.run(lambda: tf.constant(value, "float64"))
    return float(strategy.reduce("MEAN", values, axis=None))


def logs_for_keras(logs: dict[str, Any]) -> dict[str, Any]:
    """Return the logs of a step in a form that Keras can average over workers.

    For several workers Keras 3.15 takes the mean of each log over its first axis, which a
    scalar does not have. `tests/training/test_workers.py` fails when this is no longer needed.
    """
    if not has_several_workers():
        return logs
    return {name: value[tf.newaxis] for name, value in logs.items()}


class Step(KnownShapes, Trainable):
    """Training and testing on one batch with TensorFlow."""

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take one step of the optimizer, and return the running means."""
        if not self.optimizer.built:  # A graph cannot make variables after an op of its own.
            self.optimizer.build(self.trainable_variables)
        with tensorflow_kernels.use_in_training(self):
            with tf.GradientTape() as tape:
                loss, logs = self.loss_and_logs(data, training=True)
                loss = self.optimizer.scale_loss(loss)
            gradients = tape.gradient(loss, self.trainable_variables)
            with tf.control_dependencies([loss]):  # As in `after`.
                self.optimizer.apply(gradients, self.trainable_variables)
        return logs_for_keras(logs)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Compute the loss without an update, and return the running means."""
        with tensorflow_kernels.use_in_training(self):
            return logs_for_keras(self.loss_and_logs(data, training=False)[1])
