"""Writing a preset: into a new folder, or from there to the hub."""

import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.files import digests, folders, hashed_json, outputs
from keras_vae.presets import hub
from keras_vae.presets.card import write_card
from keras_vae.presets.contents import CARD, CONFIG, FORMAT, MODEL, VERSION


def save(
    model: Any,
    preset: str | os.PathLike[str],
    *,
    description: str | None = None,
    data: str | Mapping[str, Any] | None = None,
    labels: Sequence[str] | None = None,
    license: str | None = None,
    metrics: Mapping[str, Any] | None = None,
    exports: Sequence[Mapping[str, Any]] | None = None,
    weights_dtype: str = "float32",
) -> str:
    """Write a trained model or detector with its card, as `model.save_to_preset` does.

    The optimizer is left out. Likelihood, preprocessing, shapes, and threshold are those of the
    model.

    Example:
        >>> model.fit(images, epochs=10)
        >>> score = float(np.mean(model.score(test)))
        >>> path = model.save_to_preset("clothes", data="fashion_mnist", metrics={"score": score})
        >>> np.array(keras_vae.from_preset(path).encode(test)).shape
        (32, 16)

    Args:
        model: A built `keras_vae.Autoencoder` or `AnomalyDetector`.
        preset: A new folder, or `hf://USER/NAME` for a repository on the Hugging Face hub, which
            is made for you alone if it does not exist.
        description: One or two sentences for the card.
        data: Name of the data set, as `keras-vae evaluate --data` takes it; or a mapping with it as
            `name` and more, such as `license` and `url`.
        labels: The names of the classes, in order.
        license: License of the weights, such as "apache-2.0".
        metrics: Numbers by name; or for each a mapping with `value`, `unit` and `meaning`.
        exports: Rows of the table of exports: mappings with `format`, `endpoints`, `bytes`, and
            `error`, the largest relative difference from Keras.
        weights_dtype: "float32", or "float16" for half the size and rounded weights.

    Returns:
        The folder, or the address of the page on the hub.

    Raises:
        FileExistsError: If the folder exists.
        ValueError: If the model is not built, a weight is not finite or does not fit float16, or an
            argument has no such form.
        RuntimeError: If the hub refuses it.
        ImportError: If `hf://` needs the extra `hub`, which is not installed.
        TypeError: If an argument has another type.
    """
    from keras_vae.validation import arguments

    about = {
        "description": description,
        "data": {"name": data} if isinstance(data, str) else arguments.mapping("data", data),
        "labels": None if labels is None else arguments.names("labels", labels),
        "license": license,
        "metrics": _metrics(metrics),
        "exports": _exports(exports),
    }
    text = os.fspath(preset)
    if not hub.is_address(text):
        return str(write(model, Path(text), about, weights_dtype))
    with tempfile.TemporaryDirectory() as folder:
        name = text.rpartition("/")[2]
        return hub.upload(write(model, Path(folder) / name, about, weights_dtype), text)


def write(
    model: Any,
    folder: Path,
    about: Mapping[str, Any],
    weights_dtype: str = "float32",
    files: Mapping[str, bytes] | None = None,
) -> Path:
    """Write a preset into a new folder, which appears complete or not at all.

    Args:
        model: The model or detector.
        folder: The new folder; its name is that of the preset.
        about: Entries of config.json in addition to those that follow from the model.
        weights_dtype: As in `save`.
        files: Other files of the preset, by name.
    """
    from keras_vae.presets.weights import DTYPES, save_weights_only
    from keras_vae.validation import arguments
    from keras_vae.validation.value_checks import check_weights

    _check_type(model)
    arguments.choice("weights_dtype", weights_dtype, DTYPES)
    outputs.check_new(folder, "folder, one that does not exist yet")
    outputs.check_folder(folder)
    if not model.built:
        raise UsageError(
            f"Expected a trained model. Received: a {type(model).__name__} that is not built. "
            "(Train it first.)"
        )
    check_weights(model)
    config = {"format": FORMAT, "version": VERSION, "name": folder.name, **describe(model), **about}
    config["model"]["weights"] = weights_dtype
    with folders.partial_folder(folder.parent) as partial:
        new = partial / folder.name
        new.mkdir()
        save_weights_only(model, new / MODEL, weights_dtype)
        for name, content in (files or {}).items():
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_bytes(content)
        hashes = _hashes(new)
        (new / CARD).write_text(write_card(config, hashes), encoding="utf-8")
        config["files"] = hashes | {CARD: digests.of_file(new / CARD)}
        (new / CONFIG).write_text(hashed_json.to_text(config))
        return folders.publish(new, folder)


def describe(model: Any) -> dict[str, Any]:
    """Return the entries of config.json that follow from a model or a detector."""
    import keras

    from keras_vae.anomalies.detector import AnomalyDetector

    inner = model.model if isinstance(model, AnomalyDetector) else model
    likelihood = inner.likelihood
    name = likelihood if isinstance(likelihood, str) else None
    threshold = getattr(model, "threshold", None)
    return {
        "model": {
            "class": type(model).__name__,
            **({} if inner is model else {"of": type(inner).__name__, "score": model.score_name}),
            "parameters": int(inner.count_params()),
            "training_steps": int(inner.steps),
            "event_shape": list(inner.event_shape),
            "latent_shape": list(inner.latent_shape),
            "likelihood": name or keras.saving.get_registered_name(likelihood),
            "preprocess": inner.preprocess.describe() if inner.preprocess else None,
            "data_range": [_finite(limit) for limit in inner.data_range],
        },
        "threshold": threshold and threshold.value,
    }


def _check_type(model: Any) -> None:
    from keras_vae.anomalies.detector import AnomalyDetector
    from keras_vae.base.autoencoder import Autoencoder

    if not isinstance(model, Autoencoder | AnomalyDetector):
        raise UsageTypeError(
            f"Expected a model or a detector of keras_vae. Received: a {type(model).__name__}."
        )


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digests.of_file(path) for path in files}


def _metrics(metrics: Mapping[str, Any] | None) -> dict[str, dict[str, Any]] | None:
    from keras_vae.validation import arguments

    if metrics is None:
        return None
    found = {}
    for name, entry in arguments.mapping("metrics", metrics).items():
        entry = dict(entry) if isinstance(entry, Mapping) else {"value": entry}
        value = float(arguments.real(f"the value of the metric {name}", entry.get("value")))
        found[str(name)] = {**entry, "value": value}
    return found


def _exports(exports: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]] | None:
    keys = {"format", "endpoints", "bytes", "error"}
    rows = [dict(row) for row in exports or ()]
    if wrong := [row for row in rows if row.keys() != keys]:
        raise UsageError(f"Expected exports with {sorted(keys)}. Received: {wrong[0]}.")
    return rows or None


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
