"""The training step and the test step, in one module for each backend of Keras.

Everything else in the package is backend neutral. See `keras_vae.backend.common` for the way from
`fit` to a step, and for the functions that each backend provides.
"""

from typing import TYPE_CHECKING, Any

import keras

from keras_vae.backend.common import Backend
from keras_vae.errors import MissingExtraError

if TYPE_CHECKING or keras.backend.backend() == "tensorflow":
    from keras_vae.backend import on_tensorflow as backend
elif keras.backend.backend() == "torch":
    from keras_vae.backend import on_torch as backend
elif keras.backend.backend() == "jax":
    from keras_vae.backend import on_jax as backend
else:
    raise MissingExtraError(
        "Expected the tensorflow, jax or torch backend of Keras. "
        f"Received: KERAS_BACKEND={keras.backend.backend()!r}."
    )

_functions: Backend = backend
Step = backend.Step
after = _functions.after
call_function = _functions.call_function
call_method = _functions.call_method
call_network = _functions.call_network
compile_function = _functions.compile_function
compiles_networks = _functions.compiles_networks
draw_order_seed = _functions.draw_order_seed
fast_kernels = _functions.fast_kernels
has_several_workers = _functions.has_several_workers
host_values = _functions.host_values
is_traced = _functions.is_traced
mean_over_workers = _functions.mean_over_workers
random_state = _functions.random_state
replica_index = _functions.replica_index
set_batch_order = _functions.set_batch_order
set_random_state = _functions.set_random_state
split_gradients = _functions.split_gradients
sum_over_replicas = _functions.sum_over_replicas
sync_variables = _functions.sync_variables
vjp = _functions.vjp


class ReplicaSeedGenerator(keras.random.SeedGenerator):
    """A seed generator that gives each replica different noise.

    A single replica gets the noise of `keras.random.SeedGenerator`.
    """

    def next(self, ordered: bool = True) -> Any:
        """Return a seed that differs from call to call and from replica to replica."""
        seed, index = super().next(ordered), replica_index()
        if isinstance(index, int) and index == 0:
            return seed
        # A stride that keeps the seeds of a few thousand replicas apart from small user seeds.
        return seed + keras.ops.cast(keras.ops.stack([index * 715_827, 0]), seed.dtype)
