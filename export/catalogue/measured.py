"""One model of the catalogue: train it, export it to every format, run the results everywhere."""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.catalogue.models import Entry
from export.report import Row
from export.tables import finite
from export.verification import compare_on, progress
from keras_vae.exporting.comparison import DATA_OUTPUT

QUANTIZATIONS = (None, "float16", "dynamic", "int8")
# Timed is the first that an artifact has; ONNX Runtime and OpenVINO know the default one only.
TIMED = ("reconstruct", "serving_default")
LEARNING_RATE, BATCH = 2e-3, 64
# What calibrates int8, and what the files are compared on before they get their name.
CALIBRATING = 512
# Low enough for every file, to measure one that misses its bar.
NO_BAR = -1000.0


@dataclass(frozen=True)
class Plan:
    """What is the same for all models.

    Attributes:
        data: A `training.data.Data`.
        train: Training images to use.
        epochs: How often to go through them.
        examples: Test images to compare on.
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
    """`measure` for each model."""
    for number, (name, entry) in enumerate(chosen.items(), start=1):
        print(f"\n== {number}/{len(chosen)} {name}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            yield name, measure(entry, plan, Path(folder))


def measure(entry: Entry, plan: Plan, folder: Path) -> dict[str, Any]:
    """What the catalogue says about a model: its size and scores, and a row for each artifact.

    Args:
        entry: How to make the model.
        plan: What to train and measure it on.
        folder: An empty folder for the artifacts.

    Raises:
        RuntimeError: If Keras does not run its own model.
    """
    from training import runs

    x, labels = sampled(plan.data.train, plan.data.train_labels, plan.train)
    inputs = entry.inputs(x, labels)
    with progress("training"):
        run = runs.Run(_trained(entry, plan, inputs, folder), {})
    artifacts, refused = _exported(entry, run, inputs, folder)
    test = entry.inputs(*sampled(plan.data.test, plan.data.test_labels, plan.examples))
    source = f"test images of {plan.data.name}"
    report, rows = compare_on(
        run, artifacts, plan.runtimes, test, source, plan.libraries, timed=TIMED
    )
    return {
        "parameters": int(run.model().count_params()),
        "keras": report["keras"],
        "examples": report["examples"],
        "source": source,
        "date": report["date"],
        "machine": report["machine"],
        "rows": [summary(row) for row in (*rows, *refused)],
    }


def sampled(
    images: np.ndarray, labels: np.ndarray | None, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Images from all over a data set, float32 in [0, 1], and their labels."""
    from keras_vae.exporting.calibration import evenly
    from training.data import as_floats

    known = np.zeros(len(images), "int64") if labels is None else labels
    return as_floats(evenly(images, count)), evenly(known, count)


def summary(row: Row) -> dict[str, Any]:
    """What the table needs of a row; JSON has no NaN, so what is not known is None."""
    psnr = {
        name: outputs[DATA_OUTPUT].psnr
        for name, outputs in row.differences.items()
        if DATA_OUTPUT in outputs
    }
    return finite(
        {
            "runtime": row.runtime,
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


def _trained(entry: Entry, plan: Plan, inputs: Any, folder: Path) -> Path:
    """The file of the trained model."""
    import keras

    keras.utils.set_random_seed(0)
    model = entry.make(plan.data.image_shape)
    model.compile(keras.optimizers.Adam(LEARNING_RATE))
    model.fit(inputs, epochs=plan.epochs, batch_size=BATCH, verbose=0)
    model.save(folder / "model.keras")
    return folder / "model.keras"


def _exported(entry: Entry, run: Any, inputs: Any, folder: Path) -> tuple[list[Any], list[Row]]:
    """The artifacts; and a row for each that could not be made."""
    from export.artifacts import identify
    from export.saved_model import write_version

    artifacts, refused = [], []
    try:
        with progress("SavedModel"):
            artifacts.append(identify(write_version(run, folder / "served")))
    except (ValueError, RuntimeError) as error:
        refused.append(Row("SavedModel, C++", "", missed=[str(error)]))
    model = run.model()
    calibration = tuple(_few(a) for a in inputs) if isinstance(inputs, tuple) else _few(inputs)
    for quantize in QUANTIZATIONS:
        try:
            with progress(f"LiteRT {quantize or 'float32'}"):
                path = folder / f"{quantize or 'float32'}.tflite"
                _write_litert(model, path, quantize, calibration)
                artifacts.append(identify(path))
        except (ValueError, RuntimeError) as error:
            refused.append(Row("LiteRT", "", quantize, missed=[str(error)]))
    return artifacts, refused


def _write_litert(model: Any, path: Path, quantize: str | None, calibration: Any) -> None:
    """The file within its bars, or else the one that misses them, so that it can be measured."""
    options = {"format": "litert", "quantize": quantize, "calibration": calibration}
    try:
        model.export(path, **options)
    except ValueError as error:
        if "answers as the model does" not in str(error):
            raise
        model.export(path, **options, min_psnr=NO_BAR)


def _few(array: np.ndarray) -> np.ndarray:
    from keras_vae.exporting.calibration import evenly

    return evenly(array, CALIBRATING)
