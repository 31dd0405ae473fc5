"""Writing a preset: into a new folder, or from there to the hub."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.files import digests, folders, hashed_json, outputs
from keras_vae.presets import hub
from keras_vae.presets.card import write_card
from keras_vae.presets.contents import CARD, CONFIG, FORMAT, LARGEST_CONFIG, MODEL, VERSION
from keras_vae.presets.description import describe
from keras_vae.presets.entries import FORMS, find_wrong
from keras_vae.presets.places import as_text, place_of


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
    text = as_text(preset)
    if not hub.is_address(text):
        path = arguments.path("preset", text)
        return place_of(write(model, path, about, weights_dtype))
    address = hub.check_writable(text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / address.rpartition("/")[2]
        return hub.upload(write(model, path, about, weights_dtype, place=address), address)


def write(
    model: Any,
    folder: Path,
    about: Mapping[str, Any],
    weights_dtype: str = "float32",
    files: Mapping[str, bytes] | None = None,
    place: str | None = None,
) -> Path:
    """Write a preset into a new folder, which appears complete or not at all.

    Args:
        model: The model or detector.
        folder: The new folder; its name is that of the preset.
        about: Entries of config.json in addition to those that follow from the model.
        weights_dtype: As in `save`.
        files: Other files of the preset, by name.
        place: The name by which the code on the card loads it; by default ./NAME.
    """
    from keras_vae.presets.weights import DTYPES, save_weights_only, stored_types
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
    config["model"]["weights"] = stored_types(model, weights_dtype)
    _check_about(config)
    with folders.partial_folder(folder.parent) as partial:
        new = partial / folder.name
        new.mkdir()
        save_weights_only(model, new / MODEL, weights_dtype)
        for name, content in (files or {}).items():
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_bytes(content)
        write_texts(new, config, place or f"./{folder.name}")
        return folders.publish(new, folder)


def write_texts(folder: Path, config: Mapping[str, Any], place: str) -> None:
    """Write README.md and config.json next to the other files of a preset.

    Args:
        folder: The folder of the preset.
        config: The content of its config.json, but for the hashes.
        place: The name by which the code on the card loads it.
    """
    hashes = _hashes(folder)
    (folder / CARD).write_text(write_card(config, hashes, place), "utf-8")
    files = hashes | {CARD: digests.of_file(folder / CARD)}
    (folder / CONFIG).write_text(_to_text({**config, "files": files}))


def _check_type(model: Any) -> None:
    from keras_vae.anomalies.detector import AnomalyDetector
    from keras_vae.base.autoencoder import Autoencoder

    if not isinstance(model, Autoencoder | AnomalyDetector):
        raise UsageTypeError(
            f"Expected a model or a detector of keras_vae. Received: a {type(model).__name__}."
        )


def _hashes(folder: Path) -> dict[str, str]:
    texts = {folder / CARD, folder / CONFIG}
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path not in texts)
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


def _exports(exports: Any) -> list[dict[str, Any]] | None:
    from keras_vae.validation import arguments

    if exports is None:
        return None
    if not arguments.is_list(exports):
        raise UsageTypeError(
            f"Expected exports to be a list of dictionaries. Received: exports={exports!r}."
        )
    keys = {"format", "endpoints", "bytes", "error"}
    rows = list(exports)
    if wrong := [row for row in rows if not isinstance(row, Mapping) or row.keys() != keys]:
        raise UsageError(f"Expected exports with {sorted(keys)}. Received: {wrong[0]}.")
    for row in rows:
        size = arguments.integer("bytes of an export", row["bytes"], 0)
        error = float(arguments.real("error of an export", row["error"], 0))
        row |= {"bytes": size, "error": error}
    return rows or None


def _check_about(config: Mapping[str, Any]) -> None:
    """Raise unless the entries of a user have the form in which presets are read."""
    if name := find_wrong({**config, "files": {MODEL: ""}}):
        form, value = FORMS[name], config[name]
        error = UsageError if isinstance(value, form.kind) else UsageTypeError
        raise error(f"Expected {name} to be {form.what}. Received: {name}={str(value)[:100]!r}.")


def _to_text(config: Mapping[str, Any]) -> str:
    text = hashed_json.to_text(config)
    if len(text) > LARGEST_CONFIG:
        raise UsageError(
            f"Expected entries of at most {LARGEST_CONFIG >> 20} MB together. Received: "
            f"{len(text):,} bytes. (Shorten the description, the labels, or the data.)"
        )
    return text
