"""The training and the test step, once for each backend of Keras.

Everything else in the package is backend neutral. A step differentiates
`Autoencoder.loss_and_logs` and applies the optimizer, and does nothing else.
"""

import contextlib
from typing import Any

import keras
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


if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    from keras_vae import kernels

    quick = kernels.in_calls

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

elif keras.backend.backend() == "torch":
    import torch

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

    class Step(Trainable):  # type: ignore[no-redef]
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

elif keras.backend.backend() == "jax":
    from collections.abc import Iterator

    import jax

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

    class Step(Trainable):  # type: ignore[no-redef]
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

else:
    raise ImportError(
        "Expected the tensorflow, jax or torch backend of Keras. "
        f"Received: KERAS_BACKEND={keras.backend.backend()!r}."
    )


class ReplicaSeedGenerator(keras.random.SeedGenerator):
    """A seed generator that gives each replica noise of its own, and one alone the usual noise."""

    def next(self, ordered: bool = True) -> Any:
        """A seed that differs from call to call and from replica to replica."""
        seed, number = super().next(ordered), replica()
        if isinstance(number, int) and number == 0:
            return seed
        # A stride that keeps the seeds of a few thousand replicas apart from small user seeds.
        return seed + keras.ops.cast(keras.ops.stack([number * 715_827, 0]), seed.dtype)
