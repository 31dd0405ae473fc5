"""How training runs fast: many steps in one go, XLA where it pays, and one line that says so."""

import math
import os
from collections.abc import Callable
from typing import Any

import keras

MOST_STEPS = 32  # More gained nothing measurable: the time in Python is a few percent by then.
# 469 steps have the divisors 7 and 67: rather wait longer than go back to Python often.
FEW_STEPS, PATIENT_STEPS = 8, 80
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


def compile_fast(
    model: Any,
    optimizer: Any = "adam",
    steps_per_epoch: int | None = None,
    say: Callable[[str], Any] = print,
    **kwargs: Any,
) -> None:
    """`model.compile`, with what makes training fast chosen by rule and said in one line.

    Losses and weights are those of `model.compile(optimizer)` within rounding. Callbacks see
    every 32nd step only: give `steps_per_execution=1` if one has to act at each.
    docs/performance.md has the rules and their reasons.

    Example:
        >>> model = keras_vae.ConvVAE((28, 28, 1), latent_dim=16)
        >>> keras_vae.compile_fast(model, keras.optimizers.Adam(1e-3))
        >>> model.fit(x, batch_size=128, epochs=10)

    Args:
        model: An autoencoder of this package, whose `fit` keeps to the steps it is asked for.
        optimizer: As `model.compile` takes it.
        steps_per_epoch: Of the `fit` to come, if it is given that; what runs in one go divides it.
        say: Called with the line.
        **kwargs: Others of `model.compile`; what is given here is not chosen.

    Raises:
        TypeError: If `model` is no autoencoder of this package.
        ValueError: As `model.compile` does.
    """
    from keras_vae.autoencoder import Autoencoder

    if not isinstance(model, Autoencoder):
        raise TypeError(
            f"Expected an autoencoder of keras_vae. Received: {type(model).__name__}. "
            "(Use its own compile.)"
        )
    at_once = kwargs.pop("steps_per_execution", None) or _steps(steps_per_epoch)
    given = "jit_compile" in kwargs
    kwargs.setdefault("jit_compile", False if _on_cpu() else "auto")
    if kwargs.get("run_eagerly"):
        kwargs["jit_compile"] = False
    model.compile(optimizer, steps_per_execution=at_once, **kwargs)
    say(_line(model, at_once, given))


def steps_at_once(*counts: int) -> int:
    """The most steps up to 32 that divide each of `counts`; of fewer than 8, the next up to 80."""
    common = math.gcd(*counts)
    divisors = [n for n in range(1, PATIENT_STEPS + 1) if common % n == 0]
    most = max(n for n in divisors if n <= MOST_STEPS)
    return most if most >= FEW_STEPS else min((n for n in divisors if n > most), default=most)


def keep_to_steps(model: Any, *counts: int | None) -> None:
    """Lower `steps_per_execution` to what divides numbers of steps that were asked for.

    Keras runs past the end of an epoch of given length otherwise. None stands for all data, whose
    end it sees.

    Args:
        model: A compiled model.
        *counts: Steps of an epoch and of a validation, None for as many as there are.
    """
    given = [count for count in counts if count]
    if not given or not any(count % model.steps_per_execution for count in given):
        return
    model.steps_per_execution = math.gcd(model.steps_per_execution, *given)
    model.train_function = model.test_function = model.predict_function = None


def _steps(steps_per_epoch: int | None) -> int:
    if keras.backend.backend() == "torch":
        return 1
    return MOST_STEPS if steps_per_epoch is None else steps_at_once(steps_per_epoch)


def _on_cpu() -> bool:
    """Whether TensorFlow has nothing but processors."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_logical_devices("GPU")


def _line(model: Any, at_once: int, given: bool) -> str:
    """What was chosen, and why."""
    backend = keras.backend.backend()
    steps = f"{at_once} steps in one go" if at_once > 1 else "one step at a time"
    if backend == "torch":
        return f"Compiled for PyTorch: {steps}, the only way that Keras has there."
    reason = "as asked" if given else "which pays for its compilation there"
    xla = f"XLA ({reason})"
    if not model.jit_compile:
        reason = "as asked" if given else "its convolutions are slower on a CPU"
        xla = f"no XLA ({reason})"
    text = f"Compiled for {backend}: {steps}, which is all that callbacks see; {xla}"
    return f"{text}; {_onednn()}." if backend == "tensorflow" and _on_cpu() else f"{text}."


def _onednn() -> str:
    """Whether oneDNN is on, which is too late to change once TensorFlow is there."""
    value = os.environ.get(ONEDNN)
    if value is None:
        return f"oneDNN as TensorFlow chose ({ONEDNN}=1 before it is imported turns it on)"
    return f"oneDNN {'on' if value == '1' else 'off'} by {ONEDNN}"
