"""The threshold and the reference codes that a detector takes from data after training."""

import dataclasses
import json
from typing import Any

import numpy as np

from keras_vae.anomalies import references
from keras_vae.anomalies.references import Reference
from keras_vae.anomalies.thresholds import Threshold
from keras_vae.errors import UsageError
from keras_vae.validation import arguments


class Calibration:
    """A mixin with the threshold and the reference of a detector, which its files keep."""

    _threshold: Threshold | None = None
    _reference: Reference | None = None
    _without = "one without"

    @property
    def threshold(self) -> Threshold | None:
        """The `Threshold`; a number that is assigned becomes one."""
        return self._threshold

    @threshold.setter
    def threshold(self, value: Any) -> None:
        known = value is None or isinstance(value, Threshold)
        self._threshold = value if known else Threshold(value)

    @property
    def reference(self) -> Reference | None:
        """The distribution of the codes of the training data."""
        return self._reference

    @reference.setter
    def reference(self, value: Any) -> None:
        self._reference = references.check(value)

    def require_threshold(self) -> Threshold:
        """Return the threshold; raise ValueError if there is none."""
        if self._threshold is None:
            raise UsageError(
                f"Expected a detector with a threshold. Received: {self._without}. (Call "
                "detector.fit_threshold(held_out_data, false_positive_rate=0.01) first.)"
            )
        return self._threshold

    def save_own_variables(self, store: Any) -> None:
        """Save the threshold and the reference codes."""
        references.save(self._reference, store)
        if self._threshold is not None:
            text = json.dumps(dataclasses.asdict(self._threshold))
            store["threshold"] = np.frombuffer(text.encode(), np.uint8)

    def load_own_variables(self, store: Any) -> None:
        """Load what `save_own_variables` saved."""
        self._reference = references.load(store)
        if "threshold" in store.keys():
            self._load_threshold(json.loads(np.array(store["threshold"]).tobytes()))

    def _load_threshold(self, stored: dict[str, Any]) -> None:
        """Take a threshold from a file; an infinite one, which older files may have, is none.

        It decides the same for all scores. So the detector loads, and has to be fitted again.
        """
        if abs(stored["value"]) <= arguments.FLOAT32_MAX:
            self._threshold = Threshold(**stored)
        else:
            self._without = f"one whose file has the threshold {stored['value']}, which is no limit"
