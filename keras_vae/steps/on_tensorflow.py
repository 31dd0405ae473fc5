"""The steps with TensorFlow."""

import contextlib
from typing import Any

import tensorflow as tf

from keras_vae import kernels
from keras_vae.steps.common import Trainable
from keras_vae.steps.common import order_seed as order_seed
from keras_vae.steps.common import random_state as random_state
from keras_vae.steps.common import seed_order as seed_order
from keras_vae.steps.common import set_random_state as set_random_state


def quick(model: Any) -> contextlib.AbstractContextManager[None]:
    """Where layers of `model` compute in the fastest way that this backend has for them."""
    return kernels.in_calls(model)


def sum_over_replicas(x: Any) -> Any:
    """The sum of `x` over all replicas that train in step."""
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return x
    return tf.distribute.get_replica_context().all_reduce("SUM", x)


def replica() -> Any:
    """Which of the replicas this is, from 0."""
    context = tf.distribute.get_replica_context()
    return 0 if context is None else context.replica_id_in_sync_group


def pullback(function: Any, x: Any, upstream: Any) -> Any:
    """The gradient of sum(upstream * function(x)) for x, which is differentiable itself."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x, upstream, tf.UnconnectedGradients.ZERO)


def settle(model: Any) -> None:
    """The variables of a model in training are up to date."""


def compiled(function: Any, inputs: Any, model: Any) -> tuple[Any, bool]:
    """`function` of tensors compiled, and whether each number of rows is compiled anew.

    Args:
        function: Pure, of tensors.
        inputs: A `keras.InputSpec` for each of them; the first axis is free.
        model: Whose variables it reads.
    """
    specs = [tf.TensorSpec(i.shape, i.dtype, name=i.name) for i in inputs]
    graph = tf.function(function, input_signature=specs, autograph=False)
    with quick(model):
        return graph.get_concrete_function(), False


def has_several_workers(model: Any = None) -> bool:
    """Whether several processes train `model`, or what is in scope."""
    of_scope = tf.distribute.get_strategy
    strategy = of_scope() if model is None else model.distribute_strategy
    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    return several and strategy.cluster_resolver.cluster_spec().num_tasks("worker") > 1


def for_keras(logs: dict[str, Any]) -> dict[str, Any]:
    """Logs of a step as Keras can reduce them over replicas.

    For several workers Keras 3.15 takes the mean of each log over its first axis, which a
    number does not have. Needed until `tests/test_workers.py` says that it is not.
    """
    if not has_several_workers():
        return logs
    return {name: value[tf.newaxis] for name, value in logs.items()}


class Step(Trainable):
    """Train and test on one batch with TensorFlow."""

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Make the variables of the optimizer; the model has its own since it was built.

        Keras 3.15 draws a batch and averages it over the workers instead, which fails for
        bytes. It means to find out shapes, which this model knows.
        """
        strategy = getattr(self, "_distribute_strategy", None)
        if strategy is None or not self.built:
            super()._maybe_symbolic_build(iterator, data_batch)  # type: ignore[misc]
        elif self.optimizer is not None and not self.optimizer.built:
            with strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step of the optimizer; returns the running means."""
        with kernels.in_training(self):
            with tf.GradientTape() as tape:
                loss, logs = self.loss_and_logs(data, training=True)
                loss = self.optimizer.scale_loss(loss)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply(gradients, self.trainable_variables)
        return for_keras(logs)

    def test_step(self, data: Any) -> dict[str, Any]:
        """The same objective without an update; returns the running means."""
        with kernels.in_training(self):
            return for_keras(self.loss_and_logs(data, training=False)[1])
