"""Memory that TensorFlow keeps of a compiled function when the function is gone.

TensorFlow keeps the kernels of each function that ran, by its name, until all of them are cleared.
A name is new for each trace, so functions that are compiled for one call pile up. The kernels of
other functions are made again at their next call, within a millisecond.
"""

import gc
import weakref
from typing import Any

import keras


def release_with(owner: Any) -> None:
    """Release the kernels of compiled functions once `owner`, which holds some, is gone."""
    weakref.finalize(owner, clear_kernels).atexit = False


def release_now() -> None:
    """Release the kernels of all functions that nothing refers to any more."""
    gc.collect()
    clear_kernels()


def clear_kernels() -> None:
    """Clear the kernels; does nothing with other backends than TensorFlow."""
    if keras.backend.backend() == "tensorflow":
        from tensorflow.python.eager import context

        context.context().clear_kernel_cache()
