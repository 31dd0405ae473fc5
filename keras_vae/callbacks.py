"""Keras callbacks: logs in a file, safe checkpoints, collapse of the posterior, exact resume."""

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_vae import latents
from keras_vae.backend import sync_variables
from keras_vae.checkpointing.exact_resume import TERMINATED, ExactResume, Position
from keras_vae.errors import UnavailableError
from keras_vae.estimators.codes import count_active
from keras_vae.files import outputs
from keras_vae.files.atomic import save_model, write_atomically
from keras_vae.latents.board import LatentBoard
from keras_vae.validation import arguments, data_checks, objects

__all__ = [
    "COLLAPSED",
    "TERMINATED",
    "ExactResume",
    "JsonLines",
    "LatentBoard",
    "LatentReport",
    "Position",
    "SafeCheckpoint",
    "StopOnNonFinite",
]

COLLAPSED = (
    "The posterior has collapsed: no latent unit changes with the input (variance of its "
    "mean code above 0.01), so the decoder ignores the codes and every reconstruction is the same. "
    "Check the scale of the likelihood first: 'normal' has a standard deviation of 1, too wide for "
    "pixels in [0, 1], and 'normal_learned_scale' or 'bernoulli' fit them. Or lower beta, warm it "
    "up over the first epochs, or make the decoder weaker."
)

NOT_FINITE = (
    "The codes are NaN or infinite, so active units cannot be counted: the training has diverged. "
    "Lower the learning rate, or set clipnorm=1.0 in the optimizer. StopOnNonFinite ends such a "
    "training."
)

# Before this many training steps, constant codes are no sign of a collapse yet.
STEPS_TO_COLLAPSE = 100


class JsonLines(keras.callbacks.Callback):
    """A log file with one JSON object per line, for each epoch.

    Each line has `epoch` (from 1), `seconds` (with validation) and the logs; numbers that are not
    finite are null. Lines reach the file at once, so that other programs can follow a training.

    Example:
        >>> log = keras_vae.callbacks.JsonLines("metrics.jsonl")
        >>> model.fit(images, epochs=2, callbacks=[log])
        >>> curves = keras_vae.plots.read_history("metrics.jsonl")

    Args:
        path: The file; existing lines stay.

    Raises:
        TypeError: If `path` is neither text nor a path.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = arguments.path("path", path)
        self._start: float | None = None
        self._before = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Raise OSError if the file cannot be made, before any training."""
        if not self.path.is_file():
            outputs.check_folder(self.path.parent)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Append a line."""
        seconds = round(self._elapsed(), 3)
        self._start, self._before = None, 0.0
        numbers = {name: _finite_or_none(value) for name, value in (logs or {}).items()}
        with self.path.open("a") as file:
            print(json.dumps({"epoch": epoch + 1, "seconds": seconds, **numbers}), file=file)
            file.flush()
            os.fsync(file.fileno())

    def resume_state(self) -> dict[str, Any]:
        """Return the state for `ExactResume`: the text of the file, and seconds of this epoch."""
        text = self.path.read_text() if self.path.is_file() else ""
        return {"text": text, "seconds": self._elapsed()}

    def resume_from(self, state: dict[str, Any]) -> None:
        """Restore the file to the state of the checkpoint, without epochs to train again."""
        self._before = state["seconds"]
        content = self.path.read_bytes() if self.path.is_file() else b""
        if content != state["text"].encode():
            print(f"{self.path} is put back to what it was at the checkpoint.")
            write_atomically(self.path, lambda path: path.write_text(state["text"]))

    def _elapsed(self) -> float:
        now = 0.0 if self._start is None else time.perf_counter() - self._start
        return self._before + now


class SafeCheckpoint(keras.callbacks.Callback):
    """An atomic checkpoint of the model and its optimizer after each epoch.

    A crash leaves the file of the epoch before.

    Example:
        >>> checkpoint = keras_vae.callbacks.SafeCheckpoint("model.keras")
        >>> model.fit(images, epochs=2, callbacks=[checkpoint])
        >>> model = keras_vae.load("model.keras")

    Args:
        path: A file that ends in .keras, replaced after each epoch.

    Raises:
        TypeError: If `path` is neither text nor a path.
        OSError: If the file cannot be written, at the end of an epoch. If its folder is a file or
            takes no files, before the first step.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = arguments.path("path", path)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Raise OSError if the file cannot be made, before any training."""
        outputs.check_folder(self.path.parent)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Replace the file."""
        save_model(self.model, self.path)


class StopOnNonFinite(keras.callbacks.Callback):
    """An error that names the loss term if a loss becomes NaN or infinite.

    It comes before the end of the epoch, so that no checkpoint of a broken model replaces a good
    one.

    Example:
        >>> stop = keras_vae.callbacks.StopOnNonFinite("run")
        >>> model.fit(images, epochs=2, callbacks=[stop])

    Args:
        folder: Folder for post_mortem.keras, the model at that moment with its optimizer, and
            post_mortem.json. The latter has the term, the epoch, the steps and the last finite
            means. None to write neither.

    Raises:
        TypeError: If `folder` is neither text nor a path.
        RuntimeError: If a loss is not finite, at the end of a step.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        super().__init__()
        self.folder = None if folder is None else arguments.path("folder", folder)
        self._epoch = 0
        self._finite: dict[str, float] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Raise OSError if the folder takes no files, before any training."""
        if self.folder is not None:
            outputs.check_folder(self.folder)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the number of the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Raise RuntimeError if a logged mean is not finite."""
        logs = logs or {}
        broken = {name: value for name, value in logs.items() if not math.isfinite(value)}
        if not broken:
            self._finite = dict(logs)
            return
        terms = [name for name in broken if name in self.model.terms]
        first, last = batch + 2 - self.model.steps_per_execution, batch + 1
        where = f"step {last}" if first == last else f"one of the steps {first} to {last}"
        name = (terms or list(broken))[0]
        found = f"{name}={broken[name]} in {where} of epoch {self._epoch + 1}"
        raise UnavailableError(
            f"Expected finite losses. Received: {found}. (Try a lower learning rate or "
            "clipnorm=1.0 in the optimizer; the last checkpoint, if there is one, is from before "
            "it happened."
            f"{self._post_mortem(found)})"
        )

    def _post_mortem(self, found: str) -> str:
        """Write the model for inspection, and return a sentence with its path."""
        if self.folder is None:
            return ""
        sync_variables(self.model)
        path = save_model(self.model, self.folder / "post_mortem.keras")
        text = json.dumps({"found": found, "last_finite_means": self._finite}, indent=2) + "\n"
        write_atomically(path.with_suffix(".json"), lambda new: new.write_text(text))
        return f" The model as it is now: {path}."


class LatentReport(keras.callbacks.Callback):
    """A count of the active latent units in the logs, `val_active_units`, and a warning at 0.

    Put it before callbacks that record the logs. For models without a posterior it does nothing.

    Example:
        >>> report = keras_vae.callbacks.LatentReport(test)
        >>> history = model.fit(images, epochs=2, callbacks=[report])
        >>> len(history.history["val_active_units"])
        2

    Args:
        x: Some hundred examples, `(batch, *event_shape)`, or for a conditional model a pair.
        say: Called once with a warning if training ends with a collapsed posterior, or if codes
            are NaN or infinite. Their count is NaN.
        least_steps: Training steps of the model below which there is no warning.
    """

    def __init__(
        self,
        x: Any,
        say: Callable[[str], Any] = print,
        least_steps: int = STEPS_TO_COLLAPSE,
    ) -> None:
        super().__init__()
        data_checks.require_arrays("x", x)
        self.x = x
        self.say = objects.function("say", say)
        self.least_steps = arguments.integer("least_steps", least_steps, 0)
        self.active: int | None = None
        self._said = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the active units, and add the count to the logs."""
        if hasattr(self.model, "posterior"):
            pair = getattr(self.model, "conditional", False)
            codes = latents.as_numpy(self.model.encode(self.x if pair else np.asarray(self.x)))
            self.active = count_active(codes) if np.isfinite(codes).all() else None
            if self.active is None and not self._said:
                self.say(NOT_FINITE)
                self._said = True
            if logs is not None:
                logs["val_active_units"] = math.nan if self.active is None else self.active

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Warn if the posterior has collapsed."""
        # With several replicas, int() does not accept the variable.
        steps = int(keras.ops.convert_to_numpy(self.model.steps))
        if self.active == 0 and steps >= self.least_steps:
            self.say(COLLAPSED)


def _finite_or_none(value: Any) -> float | int | None:
    number = value if isinstance(value, int) else float(value)
    return number if math.isfinite(number) else None
