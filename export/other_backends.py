"""Exports of models of another backend than that of the converter, in a process of its own.

The converters trace graphs of TensorFlow, and that of .pt2 files traces PyTorch. So a model of
another backend is saved as a .keras file, and a short process with the backend of the converter
loads and exports it. Before, the process compares the answers of the loaded model with those that
the first process has computed on its own backend.
"""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_vae import errors
from keras_vae.backend.keras_private import flatten_layers
from keras_vae.errors import (
    ConversionError,
    ToleranceError,
    UnavailableError,
    UsageError,
    UsageTypeError,
)
from keras_vae.export.calibration import endpoint_rows, examples_of
from keras_vae.export.endpoints import choose_endpoints
from keras_vae.export.runtimes import arrays
from keras_vae.export.verification.comparison import choose_rows, differences, model_answers
from keras_vae.export.verification.tolerances import differences_by_name
from keras_vae.typing import LatentModel

FILES = {"model": "model.keras", "rows": "rows.npz", "answers": "answers.npz", "job": "job.json"}
REPORT = "report.json"
# Largest error of one backend against another, as a fraction of the largest value. They add up
# numbers in other orders, so it is wider than that of a file.
BACKENDS_ERROR = 1e-4
REFUSED = 3
# The title of a backend, and how to install it.
BACKENDS = {
    "tensorflow": ("TensorFlow", 'pip install "keras-vae[tensorflow,litert]", or tensorflow-cpu'),
    "torch": ("PyTorch", "pip install torch"),
}
# Errors that are raised again as what they were. All others are errors of the conversion.
BUILT_IN: tuple[type[Exception], ...] = (
    *(FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError),
    *(PermissionError, OSError),
)


def export(
    model: LatentModel,
    path: Path,
    format: str,
    endpoints: Sequence[str] | None,
    overwrite: bool,
    options: Mapping[str, Any],
) -> Path:
    """Do what `export.writers.export` does, for a model of another backend than the converter's.

    Raises:
        RuntimeError: If that backend is not installed, or the process ends otherwise than it
            should.
        ValueError: If the process cannot import a class of the model; also what `writers.export`
            raises.
    """
    backend = needed_backend(format)
    title, way = BACKENDS[backend]
    if importlib.util.find_spec(backend) is None:
        raise UnavailableError(
            f"Expected {title} to be installed, which exports models of every backend to {format}. "
            f"Received: the {keras.backend.backend()} backend alone. ({way})"
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model.save(folder / FILES["model"])
        calibration = options.get("calibration")
        examples = examples_of(model, calibration)
        chosen = choose_endpoints(model, endpoints)
        rows = choose_rows(endpoint_rows(model, chosen, examples), 1)
        arrays.write(folder / FILES["rows"], rows)
        arrays.write(folder / FILES["answers"], model_answers(model, chosen, rows))
        if calibration is not None:
            np.savez(folder / "calibration.npz", *examples)
        job = {
            "path": str(path.resolve()),
            "backend": keras.backend.backend(),
            "modules": _modules_of_classes(model),
            "arguments": {
                "format": format,
                "endpoints": None if endpoints is None else list(chosen),
                "overwrite": overwrite,
                **{key: value for key, value in options.items() if key != "calibration"},
            },
        }
        try:
            (folder / FILES["job"]).write_text(json.dumps(job, default=_plain))
        except TypeError as error:
            raise UsageTypeError(
                f"Expected options of numbers and texts. Received: {dict(options)!r}."
            ) from error
        _run(folder, backend)
    return path


def needed_backend(format: str) -> str:
    """Return the backend whose graphs the converter to a format reads."""
    return "torch" if format == "torch" else "tensorflow"


def _plain(value: Any) -> Any:
    """Return a NumPy number or array as JSON has it."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError


def _modules_of_classes(model: LatentModel) -> list[str]:
    """Return the modules of the registered classes of the user in the model.

    Raises:
        ValueError: If a class is not registered with Keras, or in a program or notebook, which
            another process cannot import.
    """
    if unknown := _find_unregistered(model):
        raise UsageError(
            f"Expected registered classes, which another process can find. Received: "
            f"{', '.join(unknown)}. (Put @keras.saving.register_keras_serializable() in front of "
            "each, in a .py file.)"
        )
    text = json.dumps(keras.saving.serialize_keras_object(model), default=str)
    found = {}
    for name, kind in keras.saving.get_custom_objects().items():
        module = getattr(kind, "__module__", "keras")
        if f'"{name}"' in text and module.partition(".")[0] not in ("keras", "keras_vae"):
            found[name] = module
    if inside := sorted(name for name, module in found.items() if module == "__main__"):
        raise UsageError(
            "Expected classes in a module that another process can import. Received: "
            f"{', '.join(inside)}, of a program or a notebook. (Put them into a .py file, and "
            "import them from there. Or save the model, and export it with the KERAS_BACKEND of "
            "the converter: torch for format='torch', and else tensorflow.)"
        )
    return sorted(set(found.values()))


def _find_unregistered(model: LatentModel) -> list[str]:
    """Return the names of the user's classes in the model that Keras has no name for."""
    kinds = {type(one) for one in (model, *flatten_layers(model))}
    return sorted(
        kind.__name__
        for kind in kinds
        if kind.__module__.partition(".")[0] not in ("keras", "keras_vae")
        and keras.saving.get_registered_name(kind) == kind.__name__
    )


def _start(*folders: Path, backend: str = "tensorflow") -> subprocess.CompletedProcess[str]:
    """Run the exports of folders, one after another, in a process with a backend."""
    places = [str(Path(errors.__file__).parents[1]), *filter(None, sys.path)]
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(places)),
    }
    command = [sys.executable, "-m", "keras_vae.export.other_backends", *map(str, folders)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def _run(folder: Path, backend: str) -> None:
    """Run the export of a folder in a process with a backend, and raise what it raises."""
    done = _start(folder, backend=backend)
    report = folder / REPORT
    if done.returncode == REFUSED and report.is_file():
        told = json.loads(report.read_text())
        kinds = {**{kind.__name__: kind for kind in BUILT_IN}, **vars(errors)}
        raise kinds.get(told["type"], ConversionError)(told["text"])
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ConversionError(
            f"Expected a process with the {BACKENDS[backend][0]} backend to export the model. "
            f"Received: exit status {done.returncode}, {last}"
        )


def main(folder: Path) -> int:
    """Export the model of a folder; the status is REFUSED for an error, which is in the report."""
    from keras_vae import loading
    from keras_vae.export import writers

    try:
        job = json.loads((folder / FILES["job"]).read_text())
        for module in job["modules"]:
            importlib.import_module(module)
        model = loading.load_any(folder / FILES["model"], compile=False)
        check_answers(model, folder, job["backend"])
        writers.export(model, job["path"], **job["arguments"], **_calibration(folder))
    except Exception as error:  # The first process raises it once more.
        told = {"type": type(error).__name__, "text": str(error)}
        (folder / REPORT).write_text(json.dumps(told))
        return REFUSED
    return 0


def check_answers(model: LatentModel, folder: Path, backend: str) -> None:
    """Raise ToleranceError unless a model answers as the first process has written down."""
    rows, wanted = (arrays.read(folder / FILES[name]) for name in ("rows", "answers"))
    endpoints = choose_endpoints(model, list(rows))
    found = differences_by_name(differences(model, wanted, model_answers(model, endpoints, rows)))
    bad = {name: one.relative for name, one in found.items() if not one.relative <= BACKENDS_ERROR}
    if bad:
        numbers = ", ".join(f"{name} with a relative error of {e:.2g}" for name, e in bad.items())
        raise ToleranceError(
            f"Expected the model to answer on {keras.backend.backend()} as on {backend}, with an "
            f"error of at most {BACKENDS_ERROR:g}. Received: {numbers}. (Look for a layer that "
            "computes otherwise.)"
        )


def _calibration(folder: Path) -> dict[str, Any]:
    file = folder / "calibration.npz"
    if not file.is_file():
        return {}
    with np.load(file) as stored:
        examples = tuple(stored[name] for name in stored.files)
    return {"calibration": examples if len(examples) > 1 else examples[0]}


if __name__ == "__main__":
    sys.exit(max(main(Path(name)) for name in sys.argv[1:]))
