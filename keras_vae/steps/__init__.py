"""The training and the test step, a file for each backend of Keras.

Everything else in the package is backend neutral. A step differentiates
`Autoencoder.loss_and_logs` and applies the optimizer, and does nothing else.
"""

from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING or keras.backend.backend() == "tensorflow":
    from keras_vae.steps import on_tensorflow as backend
elif keras.backend.backend() == "torch":
    from keras_vae.steps import on_torch as backend
elif keras.backend.backend() == "jax":
    from keras_vae.steps import on_jax as backend
else:
    raise ImportError(
        "Expected the tensorflow, jax or torch backend of Keras. "
        f"Received: KERAS_BACKEND={keras.backend.backend()!r}."
    )

Step = backend.Step
compiled = backend.compiled
has_several_workers = backend.has_several_workers
order_seed = backend.order_seed
pullback = backend.pullback
quick = backend.quick
random_state = backend.random_state
replica = backend.replica
seed_order = backend.seed_order
set_random_state = backend.set_random_state
settle = backend.settle
sum_over_replicas = backend.sum_over_replicas


class ReplicaSeedGenerator(keras.random.SeedGenerator):
    """A seed generator that gives each replica noise of its own, and one alone the usual noise."""

    def next(self, ordered: bool = True) -> Any:
        """A seed that differs from call to call and from replica to replica."""
        seed, number = super().next(ordered), replica()
        if isinstance(number, int) and number == 0:
            return seed
        # A stride that keeps the seeds of a few thousand replicas apart from small user seeds.
        return seed + keras.ops.cast(keras.ops.stack([number * 715_827, 0]), seed.dtype)
