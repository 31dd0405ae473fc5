"""model_card.json of a SavedModel: its inputs, its training, and the hash of every file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from keras_vae.base.parameters import count_parameters
from keras_vae.errors import UsageError
from keras_vae.export.saved_model.png_endpoint import is_image
from keras_vae.export.serving.signatures import TensorInfo, read_signatures
from keras_vae.export.verification.comparison import Difference
from keras_vae.export.verification.integrity import FILE, add_own_hash, hashes, read
from keras_vae.typing import LatentModel

__all__ = ["FILE", "describe", "hashes", "preprocessing", "read", "write"]

FORMAT = 1


def describe(model: LatentModel, run: Any, default: str) -> dict[str, Any]:
    """Return the entries of the card about a model and its training.

    Args:
        model: The built model.
        run: A `keras_vae.training.runs.run_directory.Run`.
        default: The signature that is also `serving_default`.
    """
    from keras_vae.training.runs import provenance

    likelihood = model.likelihood
    return {
        "format": FORMAT,
        "model": {
            "class": type(model).__name__,
            "name": model.name,
            "parameters": count_parameters(model),
            "training_steps": int(model.steps),
        },
        "likelihood": likelihood
        if isinstance(likelihood, str)
        else keras.saving.get_registered_name(likelihood),
        "event_shape": list(model.event_shape),
        "latent_shape": list(model.latent_shape),
        "preprocessing": preprocessing(model),
        "default_signature": default,
        "training": {key: run.config[key] for key in ("recipe", "settings") if key in run.config},
        "metrics": _metrics(run.path / "evaluation.json", int(model.steps)),
        "versions": provenance.versions(),
    }


def preprocessing(model: LatentModel) -> dict[str, Any]:
    """Describe how to make the input `x` from pixels, or from other data."""
    low, high = model.family.support
    support = [low, high] if abs(low) != float("inf") and abs(high) != float("inf") else None
    if not is_image(tuple(model.event_shape)):
        return {"x": "float32, as in training", "range": support}
    return {
        "x": "float32 pixels, height x width x channels: 8-bit values divided by 255",
        "divide_by": 255,
        "range": support or [0.0, 1.0],
        "image_bytes": "PNG or JPEG of exactly this size; turned upright by its EXIF orientation, "
        "transparent pixels made white, and divided by 255 in the graph",
    }


def write(
    folder: Path,
    description: Mapping[str, Any],
    found: Mapping[str, Mapping[str, Difference]],
    loader: str,
) -> Path:
    """Write the card of the SavedModel in `folder`, the last of its files.

    Args:
        folder: The version folder.
        description: From `describe`.
        found: Differences of the loaded file from Keras, by signature and output.
        loader: Name and version of the loader.
    """
    errors = {
        name: {output: one.relative for output, one in outputs.items()}
        for name, outputs in found.items()
    }
    card = {
        **description,
        "signatures": _signatures(folder),
        "verification": {"loader": loader, "relative_error": errors},
        "sha256": hashes(folder),
    }
    path = folder / FILE
    path.write_text(json.dumps(add_own_hash(card), indent=2, allow_nan=False) + "\n")
    return path


def _signatures(folder: Path) -> dict[str, Any]:
    return {
        name: {"inputs": _shapes(signature.inputs), "outputs": _shapes(signature.outputs)}
        for name, signature in read_signatures(folder).items()
    }


def _shapes(tensors: Mapping[str, TensorInfo]) -> dict[str, dict[str, Any]]:
    """Return types and shapes by name; None is the batch."""
    return {name: {"dtype": i.dtype, "shape": list(i.shape)} for name, i in tensors.items()}


def _metrics(path: Path, steps: int) -> dict[str, Any] | None:
    """Return the report of keras-vae evaluate on the model after `steps` steps, or None.

    Numbers that are not finite become None, since JSON has none.
    """
    if not path.is_file():
        return None
    try:
        report = json.loads(path.read_bytes(), parse_constant=lambda name: None)
        if not isinstance(report, dict):
            raise UsageError(f"a {type(report).__name__}")
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"Expected a report of keras-vae evaluate, a JSON object, in {path}. Received: "
            f"{error}. (Remove the file, or evaluate again, to export the model.)"
        ) from error
    # A run that was trained on since has an evaluation of other weights.
    return report if report.get("training_steps") == steps else None
