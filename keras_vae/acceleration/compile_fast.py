"""Fast training: several steps in one execution, and XLA where it is faster."""

import math
import os
from collections.abc import Callable
from typing import Any

import keras

from keras_vae.base.autoencoder import Autoencoder
from keras_vae.errors import UsageTypeError
from keras_vae.validation import arguments, objects

MOST_STEPS = 32  # More gain nothing measurable: Python overhead is a few percent by then.
# 469 steps have the divisors 7 and 67: long executions are better than high Python overhead.
FEW_STEPS, PATIENT_STEPS = 8, 80
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


def compile_fast(
    model: keras.Model,
    optimizer: Any = "adam",
    steps_per_epoch: int | None = None,
    say: Callable[[str], Any] = print,
    **kwargs: Any,
) -> None:
    """Compile a model with the fastest settings for this backend and machine, and report them.

    Losses and weights are those of `model.compile(optimizer)` within rounding. Callbacks see
    every 32nd step only. Pass `steps_per_execution=1` if a callback has to act at each step.
    The page Benchmarks of the documentation has the rules and their reasons.

    Example:
        >>> model = keras_vae.ConvVAE((28, 28, 1), latent_dim=16)
        >>> keras_vae.compile_fast(model, keras.optimizers.Adam(1e-3))
        >>> model.fit(x, batch_size=128, epochs=10)

    Args:
        model: An autoencoder of this package, whose `fit` trains exactly the steps it is given.
        optimizer: The optimizer, as for `model.compile`. The one that the model was compiled with
            before is replaced, and the line says so if none is given.
        steps_per_epoch: The `steps_per_epoch` that `fit` will get, if any. The steps of one
            execution divide it.
        say: Called with one line of text that reports the settings.
        **kwargs: Other arguments of `model.compile`. A setting given here is not chosen.

    Raises:
        TypeError: If `model` is no autoencoder of this package.
        ValueError: If a number of steps is less than 1, or as `model.compile` does.
    """
    if not isinstance(model, Autoencoder):
        raise UsageTypeError(
            f"Expected an autoencoder of keras_vae. Received: {type(model).__name__}. "
            "(Use its own compile.)"
        )
    objects.function("say", say)
    if steps_per_epoch is not None:
        steps_per_epoch = arguments.integer("steps_per_epoch", steps_per_epoch)
    at_once = kwargs.pop("steps_per_execution", None)
    if at_once is None:
        at_once = _choose_steps(steps_per_epoch)
    at_once = arguments.integer("steps_per_execution", at_once)
    given = "jit_compile" in kwargs
    kwargs.setdefault("jit_compile", False if _on_cpu() else "auto")
    if kwargs.get("run_eagerly"):
        kwargs["jit_compile"] = False
    before = type(model.optimizer).__name__ if model.compiled else None
    model.compile(optimizer, steps_per_execution=at_once, **kwargs)
    hint = f" The optimizer is a new Adam in place of the {before} of before: give it, to keep it."
    say(_report(model, at_once, given) + (hint if before and optimizer == "adam" else ""))


def steps_at_once(*counts: int) -> int:
    """Return how many steps to run in one execution, a divisor of each of `counts`.

    It is the largest common divisor up to 32. If that is below 8, the next one up to 80 is used.
    """
    common = math.gcd(*counts)
    divisors = [n for n in range(1, PATIENT_STEPS + 1) if common % n == 0]
    most = max(n for n in divisors if n <= MOST_STEPS)
    return most if most >= FEW_STEPS else min((n for n in divisors if n > most), default=most)


def _choose_steps(steps_per_epoch: int | None) -> int:
    if keras.backend.backend() == "torch":
        return 1
    return MOST_STEPS if steps_per_epoch is None else steps_at_once(steps_per_epoch)


def _on_cpu() -> bool:
    """Return whether TensorFlow has no GPU."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_logical_devices("GPU")


def _report(model: keras.Model, at_once: int, given: bool) -> str:
    """Return the line of text that reports the settings and their reasons."""
    backend = keras.backend.backend()
    steps = f"{at_once} steps in one go" if at_once > 1 else "one step at a time"
    if backend == "torch":
        return f"Compiled for PyTorch: {steps}, the only way that Keras has there."
    reason = "as asked" if given else "which pays for its compilation there"
    xla = f"XLA ({reason})"
    if not model.jit_compile:
        reason = "as asked" if given else "it is no faster on a CPU"
        xla = f"no XLA ({reason})"
    text = f"Compiled for {backend}: {steps}, which is all that callbacks see; {xla}"
    return f"{text}; {_onednn()}." if backend == "tensorflow" and _on_cpu() else f"{text}."


def _onednn() -> str:
    """Return whether oneDNN is on, as text; it cannot change once TensorFlow is imported."""
    value = os.environ.get(ONEDNN)
    if value is None:
        return f"oneDNN as TensorFlow chose ({ONEDNN}=1 before it is imported turns it on)"
    return f"oneDNN {'on' if value == '1' else 'off'} by {ONEDNN}"
