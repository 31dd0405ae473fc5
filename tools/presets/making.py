"""The parts of a preset: the trained model, its metrics, its exports, and its page."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_vae.files import folders
from keras_vae.presets import Preset, saving
from keras_vae.presets.contents import read_folder
from keras_vae.training.runs import provenance
from tools.presets import detector
from tools.presets.entries import Entry

BATCH_SIZE = 250
LICENSE, WEIGHTS = "apache-2.0", "float16"
COMMAND = "python -m tools.presets"
QUANTIZATIONS = {None: "LiteRT, float32", "float16": "LiteRT, float16"}


def make(name: str, entry: Entry, runs: Path, folder: Path) -> Preset:
    """Make a preset: train, round the weights, and measure and export the rounded model.

    Args:
        name: Its name.
        entry: What to make.
        runs: The folder of run directories, from which an interrupted training goes on.
        folder: The new folder of the preset.
    """
    from keras_vae.training.data.loading import load

    run = runs / name
    trained = train_detector(entry) if entry.is_detector else train(entry, run)
    with tempfile.TemporaryDirectory() as scratch:
        rounded = read_folder(saving.write(trained, Path(scratch) / name, {}, WEIGHTS))
        # Two, because measuring moves the state of the random numbers, which is in the file.
        model, written = rounded.load(), rounded.load()
    data = load(recipe_of(entry).data)
    about = {
        "description": entry.description,
        "recipe": " ".join([entry.recipe, *entry.options]),
        "epochs": recipe_of(entry).epochs if entry.is_detector else epochs_of(run),
        "data": {"name": data.name, **entry.about},
        "labels": None if data.label_names is None else list(data.label_names),
        "license": LICENSE,
        "metrics": measure(model, data),
        "exports": list(exports(model)),
        "command": f"{COMMAND} {name}",
        "date": provenance.date(),
        "versions": provenance.versions(),
    }
    files = page(model, data) if entry.has_page else {}
    return read_folder(saving.write(written, folder, about, WEIGHTS, files, place=name))


def measure_again(preset: Preset) -> Preset:
    """Measure a preset as it is, and write its card anew, with the same weights and exports."""
    from keras_vae.training.data.loading import load

    metrics = measure(preset.load(), load(str(preset.data)))
    about = {"metrics": metrics, "date": provenance.date(), "versions": provenance.versions()}
    with folders.replacing(preset.path) as new:
        shutil.copytree(preset.path, new)
        saving.write_texts(new, preset.config | about, preset.name)
    return read_folder(preset.path)


def train(entry: Entry, run: Path) -> Any:
    """Train by the training program, and return the model."""
    from keras_vae.training.runs.run_directory import CONFIG, open_run

    resume = ["--resume"] if (run / CONFIG).is_file() else []
    words = ["train", entry.recipe, "--out", str(run), *entry.options, *resume]
    subprocess.run([sys.executable, "-m", "keras_vae", *words], check=True)
    return open_run(run).model()


def epochs_of(run: Path) -> int:
    """Return the number of epochs of a training."""
    from keras_vae.training.runs.run_directory import open_run

    return open_run(run).config["settings"]["epochs"]


def train_detector(entry: Entry) -> Any:
    """Train a detector, and return it."""
    from keras_vae.training.data.loading import load

    recipe = recipe_of(entry)
    return detector.make(recipe, load(recipe.data))


def recipe_of(entry: Entry) -> Any:
    """Return the recipe of an entry, with a new model."""
    from keras_vae.training import recipes

    return recipes.call(recipes.find(entry.recipe), {}, seed=0)


def measure(model: Any, data: Any) -> dict[str, Any]:
    """Return the metrics of a model or a detector on the test data, by name."""
    from keras_vae.anomalies import AnomalyDetector
    from keras_vae.training.evaluate import measure_model

    if isinstance(model, AnomalyDetector):
        return detector.measure(model, data)
    return measure_model(model, data, BATCH_SIZE)["measures"]


def exports(model: Any) -> Iterator[dict[str, Any]]:
    """Export a model in each format, and yield the rows of the table of exports."""
    from keras_vae.export.litert import writer

    with tempfile.TemporaryDirectory() as scratch:
        saved = model.export(Path(scratch) / "saved_model")
        yield _row("SavedModel", model, saved, saved_model_differences(model, saved))
        for number, (quantize, title) in enumerate(QUANTIZATIONS.items()):
            file = Path(scratch) / f"{number}.tflite"
            model.export(file, format="litert", quantize=quantize)
            yield _row(title, model, file, writer.verify(model, file))


def saved_model_differences(model: Any, folder: Path) -> Any:
    """Return the differences of a SavedModel, run by C++ code, by signature and output."""
    from keras_vae.export.endpoints import choose_endpoints
    from keras_vae.export.saved_model import program

    endpoints = choose_endpoints(model, None)
    return program.verify(model, folder, endpoints, program.example_rows(model, endpoints))[1]


def page(model: Any, data: Any) -> dict[str, bytes]:
    """Return the files of the explorer page of a VAE of images."""
    from keras_vae.export.explorer.page import own_files

    found = own_files(model, data, quantize="float16")
    return {f"explorer/{name}": content for name, content in found.items()}


def _row(title: str, model: Any, path: Path, found: Any) -> dict[str, Any]:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    errors = [one.relative for outputs in found.values() for one in outputs.values()]
    return {
        "format": title,
        "endpoints": ", ".join(model.endpoints()),
        "bytes": sum(one.stat().st_size for one in files),
        "error": max(errors),
    }
