"""The description of the model in a preset: taken from it, and compared with it after loading."""

import json
import math
from collections.abc import Mapping
from typing import Any

# Entries of `model` that are compared; later versions may count or name the others in another way.
COMPARED = ("class", "of", "event_shape", "latent_shape")


def describe(model: Any) -> dict[str, Any]:
    """Return the entries of config.json that follow from a model or a detector."""
    import keras

    from keras_vae.anomalies.detector import AnomalyDetector
    from keras_vae.base.parameters import count_parameters

    inner = model.model if isinstance(model, AnomalyDetector) else model
    likelihood = inner.likelihood
    name = likelihood if isinstance(likelihood, str) else None
    threshold = getattr(model, "threshold", None)
    return {
        "model": {
            "class": type(model).__name__,
            **({} if inner is model else {"of": type(inner).__name__, "score": model.score_name}),
            "parameters": count_parameters(inner),
            "training_steps": int(inner.steps),
            "event_shape": list(inner.event_shape),
            "latent_shape": list(inner.latent_shape),
            "likelihood": name or keras.saving.get_registered_name(likelihood),
            "preprocess": inner.preprocess.describe() if inner.preprocess else None,
            "data_range": [_finite(limit) for limit in inner.data_range],
        },
        "threshold": threshold and threshold.value,
    }


def find_difference(config: Mapping[str, Any], model: Any) -> tuple[str, Any, Any] | None:
    """Return the name of an entry that is not that of a model, its value, and the model's."""
    found = json.loads(json.dumps(describe(model)))
    for name in COMPARED:
        said, true = config["model"].get(name), found["model"].get(name)
        if said != true and (name in config["model"] or name in ("class", "of")):
            return name.replace("_", " "), said, true
    said, true = config.get("threshold"), found["threshold"]
    return None if said == true else ("threshold", said, true)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
