"""Measurement of one model of the catalogue: training, exports, and runs in all runtimes."""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.base.parameters import count_parameters
from keras_vae.errors import ToleranceError
from keras_vae.export.verification.comparison import DATA_OUTPUT
from keras_vae.export.verification.measurement import compare_on, progress
from keras_vae.export.verification.report import Row
from keras_vae.training.tables import replace_nonfinite
from keras_vae.typing import LatentModel
from tools.catalogue.models import Entry

QUANTIZATIONS = {
    "litert": (None, "float16", "dynamic", "int8"),
    "onnx": (None, "dynamic", "int8"),
}
# The kind of the files of a format, and the runtime that it is for.
KINDS = {"litert": "tflite", "onnx": "onnx"}
TITLES = {"litert": "LiteRT", "onnx": "ONNX Runtime"}
# The first of these that an artifact has is timed.
TIMED = ("reconstruct", "serving_default")
LEARNING_RATE, BATCH = 2e-3, 64
# Number of examples that calibrate int8, and that files are compared on during their export.
CALIBRATING = 512
# A PSNR that every file reaches, to measure one that misses its tolerance.
NO_TOLERANCE = -1000.0


@dataclass(frozen=True)
class Plan:
    """The settings that all models share.

    Attributes:
        data: A `keras_vae.training.data.loading.Data`.
        train: Number of training images.
        epochs: Number of epochs.
        examples: Number of test images for the comparison.
        runtimes: Names of runtimes.
        libraries: Folders of libraries of other versions of TensorFlow.
    """

    data: Any
    train: int
    epochs: int
    examples: int
    runtimes: Sequence[str]
    libraries: Sequence[Path]


def measure_all(chosen: Mapping[str, Entry], plan: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and measurements of each model."""
    for number, (name, entry) in enumerate(chosen.items(), start=1):
        print(f"\n== {number}/{len(chosen)} {name}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            yield name, measure(entry, plan, Path(folder))


def measure(entry: Entry, plan: Plan, folder: Path) -> dict[str, Any]:
    """Train and export a model; return its size and scores, and a row for each artifact.

    Args:
        entry: Functions that make the model and its inputs.
        plan: Data and settings.
        folder: An empty folder for the artifacts.

    Raises:
        RuntimeError: If Keras does not run its own model.
    """
    from keras_vae.training.runs import run_directory

    x, labels = take_sample(plan.data.train, plan.data.train_labels, plan.train)
    inputs = entry.inputs(x, labels)
    with progress("training"):
        run = run_directory.Run(_train(entry, plan, inputs, folder), {})
    artifacts, refused = _export(entry, run, inputs, folder, plan.runtimes)
    test = entry.inputs(*take_sample(plan.data.test, plan.data.test_labels, plan.examples))
    source = f"test images of {plan.data.name}"
    report, rows = compare_on(
        run, artifacts, plan.runtimes, test, source, plan.libraries, timed=TIMED
    )
    return {
        "parameters": count_parameters(run.model()),
        "keras": report["keras"],
        "examples": report["examples"],
        "source": source,
        "date": report["date"],
        "machine": report["machine"],
        "rows": [summary(row) for row in (*rows, *refused)],
    }


def take_sample(
    images: np.ndarray, labels: np.ndarray | None, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return images from all over a data set, float32 in [0, 1], and their labels."""
    from keras_vae.export.calibration import take_evenly
    from keras_vae.training.data.loading import as_floats

    known = np.zeros(len(images), "int64") if labels is None else labels
    return as_floats(take_evenly(images, count)), take_evenly(known, count)


def summary(row: Row) -> dict[str, Any]:
    """Return the part of a row that the table needs; numbers that are not finite become None."""
    psnr = {
        name: outputs[DATA_OUTPUT].psnr
        for name, outputs in row.differences.items()
        if DATA_OUTPUT in outputs
    }
    return replace_nonfinite(
        {
            "runtime": row.runtime,
            "kind": row.kind,
            "version": row.version,
            "type": row.quantization or "float32",
            "size": row.size,
            "largest_error": row.largest_error,
            "psnr": psnr,
            "decibels": row.decibels,
            "nats": row.nats,
            "batch_1_ms": row.p50(1),
            "batch_64_ms": row.p50(64),
            "peak_memory": row.peak_memory,
            "missed": row.missed,
        }
    )


def _train(entry: Entry, plan: Plan, inputs: Any, folder: Path) -> Path:
    """Train the model and return the path of its file."""
    import keras

    keras.utils.set_random_seed(0)
    model = entry.make(plan.data.image_shape)
    model.compile(keras.optimizers.Adam(LEARNING_RATE))
    model.fit(inputs, epochs=plan.epochs, batch_size=BATCH, verbose=0)
    model.save(folder / "model.keras")
    return folder / "model.keras"


def _export(
    entry: Entry, run: Any, inputs: Any, folder: Path, runtimes: Sequence[str]
) -> tuple[list[Any], list[Row]]:
    """Return the artifacts that the runtimes read, and a row for each failed export."""
    from keras_vae.export.runtimes.registry import RUNTIMES
    from keras_vae.export.saved_model.program import write_version
    from keras_vae.export.verification.artifacts import identify

    artifacts, refused = [], []
    try:
        with progress("SavedModel"):
            artifacts.append(identify(write_version(run, folder / "served")))
    except (ValueError, RuntimeError) as error:
        refused.append(Row("SavedModel, C++", "", "saved_model", missed=[str(error)]))
    model = run.model()
    calibration = tuple(_few(a) for a in inputs) if isinstance(inputs, tuple) else _few(inputs)
    readable = {kind for name in runtimes for kind in RUNTIMES[name].reads}
    for format, quantizations in QUANTIZATIONS.items():
        for quantize in quantizations if KINDS[format] in readable else ():
            name = quantize or "float32"
            path = folder / (f"{name}.tflite" if format == "litert" else f"{name}-onnx")
            try:
                with progress(f"{TITLES[format]} {name}"):
                    _write(model, path, format, quantize, calibration)
                    artifacts.append(identify(path))
            except (ValueError, RuntimeError) as error:
                refused.append(
                    Row(TITLES[format], "", KINDS[format], quantize, missed=[str(error)])
                )
    return artifacts, refused


def _write(
    model: LatentModel, path: Path, format: str, quantize: str | None, calibration: Any
) -> None:
    """Write a file, even if it is outside of its tolerances, so that it can be measured."""
    options: dict[str, Any] = {
        "format": format,
        "quantize": quantize,
        "calibration": calibration,
    }
    try:
        model.export(path, **options)
    except ToleranceError:
        model.export(path, **options, min_psnr=NO_TOLERANCE)


def _few(array: np.ndarray) -> np.ndarray:
    from keras_vae.export.calibration import take_evenly

    return take_evenly(array, CALIBRATING)
