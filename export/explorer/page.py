"""The folder of the explorer page: its files, the decoder, and a description of the model."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.export.explorer.page_files import assemble_page, write_files
from keras_vae.latents import kl_per_dimension
from keras_vae.training.data.kinds import kind_of
from keras_vae.typing import LatentModel


def write_page(
    folder: Path, model: LatentModel, data: Any, points: int = 600, cache: Path | None = None
) -> Path:
    """Write the page, the decoder, and the description of the model into a new folder.

    Args:
        folder: The new folder; it must not exist yet.
        model: A VAE of images with a flat code, or any model of images with a fitted prior.
        data: `keras_vae.training.data.loading.Data` whose test images are shown on the map.
        points: Number of test images.
        cache: See `keras_vae.export.explorer.runtime.load_runtime`.

    Returns:
        `folder`.

    Raises:
        FileExistsError: If `folder` exists.
        ValueError: If the model is of something else.
    """
    if folder.exists():
        raise FileExistsError(
            f"Expected a folder that does not exist yet. Received: {folder}. (Nothing was changed.)"
        )
    return write_files(folder, assemble_page(own_files(model, data, points), cache))


def own_files(
    model: LatentModel, data: Any, points: int = 600, quantize: str | None = None
) -> dict[str, bytes]:
    """Return the files of the page that belong to a model, by name.

    Args:
        model: As in `write_page`.
        data: As in `write_page`.
        points: As in `write_page`.
        quantize: None for a decoder in float32, or "float16" for half its size.

    Raises:
        ValueError: As `write_page`.
    """
    about = json.dumps(describe(model, data, points)).encode()
    with tempfile.TemporaryDirectory() as temporary:
        decoder = Path(temporary) / "decoder.tflite"
        has_prior = getattr(model, "sampler", None) is not None
        names = ("decode", "sample") if has_prior else ("decode",)
        model.export(decoder, format="litert", endpoints=names, quantize=quantize)
        return {"model.json": about, "decoder.tflite": decoder.read_bytes()}


def describe(model: LatentModel, data: Any, points: int) -> dict[str, Any]:
    """Return the content of model.json.

    It has the shape of images and how samples are drawn. For a VAE with a flat code, it also has
    ranges, order of the dimensions, and encoded images.

    Raises:
        ValueError: If the model is no VAE of images with a flat code and has no fitted prior, or
            codes are not finite.
    """
    check_model(model)
    classes = getattr(model.sampler, "classes", 0)
    names = _label_names(data, data.test_labels) or []
    return {
        "model": type(model).__name__,
        "data": data.name,
        "image_shape": list(model.event_shape),
        "has_prior": model.sampler is not None,
        "classes": [names[i] if i < len(names) else str(i) for i in range(classes)],
        **(_codes(model, data, points) if _is_flat(model) else {"latent_dim": 0}),
    }


def check_model(model: LatentModel) -> None:
    """Raise ValueError unless a page can show the model."""
    if len(model.event_shape) != 3 or model.event_shape[-1] not in (1, 3, 4):
        kind = kind_of(model.event_shape)
        raise UsageError(
            "Expected a model of grey or color images, which the page shows. Received: "
            f"{type(model).__name__} of {kind} of shape {tuple(model.event_shape)}."
        )
    takes = _decoder_takes(model)
    if takes != ["z"]:
        raise UsageError(
            "Expected a model that decodes codes alone, which the sliders set. Received: "
            f"{type(model).__name__}, which decodes {' and '.join(takes)}."
        )
    if not _is_flat(model) and model.sampler is None:
        raise UsageError(
            "Expected a VAE with a flat code, whose dimensions can be sliders, or a model with a "
            f"prior to draw from. Received: {type(model).__name__}, codes of shape "
            f"{tuple(model.latent_shape)}. (keras-vae fit-prior fits a prior.)"
        )


def _decoder_takes(model: LatentModel) -> list[str]:
    return [spec.name for spec in model.endpoints()["decode"].inputs]


def _is_flat(model: LatentModel) -> bool:
    """Return whether the dimensions of the code can be sliders."""
    return hasattr(model, "posterior") and len(model.latent_shape) == 1


def _codes(model: LatentModel, data: Any, points: int) -> dict[str, Any]:
    """Return what the sliders and the map show, of a flat code."""
    from keras_vae.training.data.loading import as_floats

    x = as_floats(data.test[:points])
    mean = np.asarray(model.encode(x))
    kl = kl_per_dimension(model, x)
    if not (np.isfinite(mean).all() and np.isfinite(kl).all()):
        raise UsageError(
            f"Expected finite codes of {data.name}. Received: NaN or infinity. (The training has "
            "diverged. Train again, for example with a lower learning rate.)"
        )
    labels = None if data.test_labels is None else data.test_labels[:points]
    return {
        "latent_dim": int(mean.shape[1]),
        "range": max(3.0, float(np.ceil(np.abs(mean).max()))),
        "mean": _round(mean.mean(axis=0)),
        "kl": _round(kl),
        "order": [int(i) for i in np.argsort(-kl)],
        "labels": _label_names(data, labels),
        "label_means": _label_means(data, mean, labels),
        "points": _points(mean, labels),
    }


def _points(mean: np.ndarray, labels: np.ndarray | None) -> list[dict[str, Any]]:
    """Return the codes, and their positions on the plane of the two main directions."""
    centered = mean - mean.mean(axis=0)
    plane = np.zeros((len(mean), 2))  # A line, if there is one dimension or one image.
    axes = np.linalg.svd(centered, full_matrices=False)[2][:2]
    plane[:, : len(axes)] = centered @ axes.T
    return [
        {
            "z": _round(mean[i]),
            "at": _round(plane[i]),
            **({} if labels is None else {"label": int(labels[i])}),
        }
        for i in range(len(mean))
    ]


def _label_names(data: Any, labels: np.ndarray | None) -> list[str] | None:
    if labels is None:
        return None
    names = data.label_names or range(int(data.test_labels.max()) + 1)
    return [str(name) for name in names]


def _label_means(
    data: Any, mean: np.ndarray, labels: np.ndarray | None
) -> list[list[float]] | None:
    """Return the mean code of each label; the mean of all codes for labels without images."""
    names = _label_names(data, labels)
    if names is None or labels is None:
        return None
    groups = [mean[labels == index] for index in range(len(names))]
    return [_round((group if len(group) else mean).mean(axis=0)) for group in groups]


def _round(values: np.ndarray) -> list[float]:
    return [round(float(value), 4) for value in values]
