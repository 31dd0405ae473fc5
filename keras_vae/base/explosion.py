"""The warning of `fit` about a loss that explodes."""

import math
import numbers
import warnings
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.validation.data_checks import are_arrays
from keras_vae.validation.examples import as_arrays, batches_of, first_input

GROWTH = 10.0
EXAMPLES = 32  # Rows for the loss of a model that knows nothing.
# A loss below this, in nats for each element, may be near 0 by chance, so that ten times it is not
# unusual.
SMALL = 0.5


def with_watch(given: dict[str, Any]) -> Any:
    """Return the callbacks in the arguments of `fit`, and one that warns of a loss that explodes.

    A `CallbackList` is returned as it is: it was made for its callbacks.
    """
    callbacks = given.get("callbacks")
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return callbacks
    return [*keras.tree.flatten(callbacks or []), LossWatch(given["x"], given.get("y"))]


class LossWatch(keras.callbacks.Callback):
    """A warning if the running mean of the loss grows tenfold, compared with the first steps.

    Only terms whose weight is a number count, with their weight at the start. So a warm-up of the
    KL term does not raise this loss. The logs are those that `fit` passes to callbacks anyway.

    If the first logs are of many steps, the explosion may be among them. So a large reconstruction
    term is compared with that of outputs 0 of the decoder, which a new model is close to.

    Args:
        x: The data of `fit`.
        y: Its target.
    """

    async_safe = True  # Keras may then call `on_train_batch_end` from other threads.

    def __init__(self, x: Any, y: Any = None) -> None:
        super().__init__()
        self._data, self._epoch = (x, y), 0
        self._first: float | None = None
        self._limit = math.inf
        self._suspect: tuple[float, str] | None = None
        self._found: tuple[float, str] | None = None
        self._warned = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Note the weights of the terms that count."""
        settings = {name: self.model.loss_weights.setting(name) for name in self.model.terms}
        self._weights = {n: float(w) for n, w in settings.items() if isinstance(w, numbers.Real)}
        self._floor = SMALL * math.prod(size or 1 for size in self.model.event_shape)
        self._shared = [ops.convert_to_numpy(p) for p in self.model.shared_parameters]

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the number of the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Compare the loss; warnings come from the thread of `fit`."""
        if not logs or self._found or not self._weights.keys() <= logs.keys():
            return
        loss = sum(weight * logs[name] for name, weight in self._weights.items())
        where = f"step {batch + 1} of epoch {self._epoch + 1}"
        if self._first is None:
            self._first, self._limit = loss, GROWTH * max(abs(loss), self._floor)
            if "reconstruction" in self._weights:
                term = logs["reconstruction"]
                self._suspect = (term, where) if term > GROWTH * self._floor else None
        elif not loss <= self._limit:
            self._found = loss, where

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Warn of what was found in the steps before."""
        self._report()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Warn of what was found in the last steps of the epoch."""
        self._report()

    def _report(self) -> None:
        suspect, self._suspect = self._suspect, None
        if suspect and not self._warned:
            start = self._untrained_term()
            if suspect[0] > GROWTH * max(abs(start), self._floor):
                self._warn("reconstruction term", f"about {start:.4g} without training", *suspect)
        if self._found and not self._warned:
            self._warn("loss", f"{self._first:.4g} in the first steps", *self._found)

    def _warn(self, what: str, before: str, value: float, where: str) -> None:
        self._warned = True
        family, scale = self.model.family, ""
        if not (np.isfinite(family.support).any() or family.by_column):  # Which take no scale.
            scale = (
                " Data far from 0 and 1 need a scale: "
                "preprocess=keras_vae.preprocessing.standardize(x)."
            )
        warnings.warn(
            f"Expected a loss that falls. Received: a {what} that has grown from {before} to "
            f"{value:.4g} nats, the mean up to {where}. (Lower the learning rate, or limit the "
            f"gradients with clipnorm=1.0 in the optimizer.{scale})",
            stacklevel=2,
        )

    def _untrained_term(self) -> float:
        """Return the reconstruction term of outputs 0 of the decoder; infinite if unknown.

        It is unknown if an output is a scale, whose bias may be far from 0.
        """
        model, target = self.model, _first_target(*self._data)
        decoder = getattr(model.decoder, "head", model.decoder)  # That of a ladder.
        outputs = keras.tree.flatten(getattr(decoder, "outputs", None) or [])
        names = model.family.output_names(len(outputs))
        if target is None or not outputs or set(names) & set(model.family.scales):
            return math.inf
        zeros = [ops.zeros((len(target), *output.shape[1:])) for output in outputs]
        density = model.preprocess.of_raw_data(model.family(*zeros, *self._shared))
        return float(ops.convert_to_numpy(ops.mean(-density.log_prob(target))))


def _first_target(x: Any, y: Any) -> Any:
    """Return the first rows of the target; None if they cannot be read again."""
    if not are_arrays(x):
        if not (hasattr(x, "__getitem__") or hasattr(x, "element_spec")):
            return None
        x, y, _ = keras.utils.unpack_x_y_sample_weight(next(iter(batches_of(x))))
    target = first_input(as_arrays(x if y is None else y))
    return np.asarray(ops.convert_to_numpy(target[:EXAMPLES]), "float32")
