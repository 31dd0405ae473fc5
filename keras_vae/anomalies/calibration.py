"""The threshold and the reference codes that a detector takes from data after training."""

import dataclasses
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from keras_vae.anomalies import references, staleness, thresholds
from keras_vae.anomalies.references import Reference
from keras_vae.anomalies.thresholds import Threshold
from keras_vae.errors import UsageError
from keras_vae.validation.value_checks import FLOAT32_MAX

# The arguments of `fit_threshold` that only one of its methods uses.
OPTIONS = {"level": "tail", "block_size": "false_positive_rate"}


class Calibration:
    """A mixin with the threshold and the reference of a detector, which its files keep."""

    predict: Any
    model: Any
    _threshold: Threshold | None = None
    _reference: Reference | None = None
    # The state that "adapt" and "fit_threshold" saw; none for numbers that were assigned.
    _taken_from: Mapping[str, staleness.State] = MappingProxyType({})
    _without = "one without"

    @property
    def threshold(self) -> Threshold | None:
        """The `Threshold`; a number that is assigned becomes one."""
        return self._threshold

    @threshold.setter
    def threshold(self, value: Any) -> None:
        known = value is None or isinstance(value, Threshold)
        self._threshold = value if known else Threshold(value)
        self._note_state("fit_threshold", None)

    @property
    def reference(self) -> Reference | None:
        """The distribution of the codes of the training data."""
        return self._reference

    @reference.setter
    def reference(self, value: Any) -> None:
        self._reference = references.check(value)
        self._note_state("adapt", None)

    def fit_threshold(
        self,
        x: Any,
        quantile: float | None = None,
        false_positive_rate: float | None = None,
        tail: float | None = None,
        level: float | None = None,
        batch_size: int | None = None,
        block_size: int | None = None,
    ) -> Threshold:
        """Choose the threshold from normal examples that the model was not trained on.

        Call it again if the model is trained further. Until then, decisions come with a warning.

        Args:
            x: Held-out normal data: arrays, or a source of batches.
            quantile: Quantile of their scores, as in `keras_vae.anomalies.thresholds.quantile`.
            false_positive_rate: Rate for new normal examples, guaranteed for any number of
                held-out examples that do not depend on each other, as in
                `keras_vae.anomalies.thresholds.false_positive_rate`.
            tail: A rate too small to observe, extrapolated from the scores above the quantile
                `level`, as in `keras_vae.anomalies.thresholds.tail`.
            level: Only for `tail`; 0.98 by default.
            batch_size: Examples of arrays at a time; changes the speed only.
            block_size: Only for `false_positive_rate`, for examples in their order in time that
                depend on their neighbors, such as overlapping windows: the number of examples
                after which they no longer do. The guarantee then needs blocks that do not depend
                on each other, in place of examples.

        Raises:
            ValueError: If not exactly one of the three is given, `level` or `block_size` comes
                with another one than its own, a number is out of range, there are too few
                examples, or they do not fit the model.
        """
        asked = {"quantile": quantile, "false_positive_rate": false_positive_rate, "tail": tail}
        method, value = _choose_method(asked)
        options = _used_options(method, level=level, block_size=block_size)
        scores = self.predict(x, batch_size=batch_size, verbose=0)
        self.threshold = thresholds.METHODS[method](scores, value, **options)
        self._note_state("fit_threshold", self._state())
        return self.threshold

    def require_threshold(self) -> Threshold:
        """Return the threshold; raise ValueError if there is none."""
        if self._threshold is None:
            raise UsageError(
                f"Expected a detector with a threshold. Received: {self._without}. (Call "
                "detector.fit_threshold(held_out_data, false_positive_rate=0.01) first.)"
            )
        return self._threshold

    def warn_of_codes(self) -> None:
        """Warn if the weights of the model have changed since `adapt`."""
        staleness.warn_of_change("adapt", self._changed_since("adapt"))

    def warn_of_threshold(self) -> None:
        """Warn if weights or codes have changed since `fit_threshold`, but not since `adapt`.

        `warn_of_codes` tells you to call both again.
        """
        if not self._changed_since("adapt"):
            staleness.warn_of_change("fit_threshold", self._changed_since("fit_threshold"))

    def _changed_since(self, method: str) -> list[str]:
        before = self._taken_from.get(method)
        return staleness.changes(method, before, self._state()) if before else []

    def _state(self) -> staleness.State:
        return staleness.state_of(self.model, self._reference)

    def _note_state(self, method: str, state: staleness.State | None) -> None:
        others = {name: one for name, one in self._taken_from.items() if name != method}
        # Set without Keras, which would wrap the dictionary.
        object.__setattr__(self, "_taken_from", {**others, **({method: state} if state else {})})

    def save_own_variables(self, store: Any) -> None:
        """Save the threshold and the reference codes, and which weights they are of."""
        references.save(self._reference, store)
        if self._threshold is not None:
            store["threshold"] = _to_bytes(dataclasses.asdict(self._threshold))
        if self._taken_from:
            store["taken_from"] = _to_bytes(self._taken_from)

    def load_own_variables(self, store: Any) -> None:
        """Load what `save_own_variables` saved."""
        self._reference = references.load(store)
        if "threshold" in store.keys():
            self._load_threshold(_from_bytes(store["threshold"]))
        known = _from_bytes(store["taken_from"]) if "taken_from" in store.keys() else {}
        object.__setattr__(self, "_taken_from", known)

    def _load_threshold(self, stored: dict[str, Any]) -> None:
        """Take a threshold from a file; an infinite one, which older files may have, is none.

        It decides the same for all scores. So the detector loads, and has to be fitted again.
        """
        if abs(stored["value"]) <= FLOAT32_MAX:
            self._threshold = Threshold(**stored)
        else:
            self._without = f"one whose file has the threshold {stored['value']}, which is no limit"


def _to_bytes(values: Mapping[str, Any]) -> np.ndarray:
    return np.frombuffer(json.dumps(values).encode(), np.uint8)


def _from_bytes(stored: Any) -> dict[str, Any]:
    return json.loads(np.array(stored).tobytes())


def _choose_method(asked: dict[str, Any]) -> tuple[str, Any]:
    """Return the name and the value of the only argument that is given."""
    chosen = [(name, value) for name, value in asked.items() if value is not None]
    if len(chosen) != 1:
        raise UsageError(
            "Expected one of quantile=, false_positive_rate= and tail=. "
            f"Received: {', '.join(name for name, _ in chosen) or 'none'}."
        )
    return chosen[0]


def _used_options(method: str, **options: Any) -> dict[str, Any]:
    """Return the options that are given; raise ValueError for one that `method` does not use."""
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        if OPTIONS[name] != method:
            raise UsageError(
                f"Expected no {name} with {method}=, which has no use for it. Received: "
                f"{name}={value!r}. (Leave it out, or give {OPTIONS[name]}=.)"
            )
    return given
