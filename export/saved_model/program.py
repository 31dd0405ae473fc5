"""The program that writes a SavedModel as the next version of a served model."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import tyro

import keras_vae
from keras_vae import cli
from keras_vae.errors import UsageError
from keras_vae.files import outputs
from keras_vae.training.runs import run_directory
from keras_vae.typing import LatentModel


def export_saved_model(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")],
    name: str | None = None,
    version: int | None = None,
    endpoints: tuple[str, ...] = (),
) -> int:
    """Write a SavedModel as the next version of a model that TF Serving serves.

    Makes DIR/NAME/VERSION with the signatures, warm-up requests for the server, and
    model_card.json. TensorFlow's C++ code loads the files, and their answers are compared with the
    Keras model. Only then they are renamed into place, in one step. A server that polls DIR/NAME
    sees complete, tested versions only.

    Args:
        run: A run directory of keras-vae train, or a .keras file.
        folder: The folder of all models.
        name: Name of the model on the server; by default the name of the recipe or the file.
        version: Version number; by default one more than the last.
        endpoints: Signatures to write, all by default; the first is the default one.

    Returns:
        0.
    """
    from keras_vae.export.saved_model import versions

    opened = run_directory.open_run(run)
    base = versions.check_models_folder(folder) / versions.check_name(
        default_name(opened) if name is None else name
    )
    outputs.check_folder(base)
    versions.check_version(base, version)
    cli.prepare_tensorflow()
    target = write_version(opened, base, version, endpoints)
    print(_summary(target))
    return 0


def default_name(run: Any) -> str:
    """Return the name of a run's model: that of its recipe, or of its file."""
    return Path(str(run.config.get("recipe", run.path))).stem


def write_version(
    run: Any, base: Path, version: int | None = None, names: tuple[str, ...] = ()
) -> Path:
    """Write the model of a run as a version in the folder `base`, after verifying it.

    Args:
        run: A `keras_vae.training.runs.run_directory.Run`.
        base: The folder of the model, DIR/NAME.
        version: Version number; None for one more than the last.
        names: Signatures to write, all by default.

    Returns:
        The version folder.

    Raises:
        ValueError: If the model was never trained, a signature is unknown, or a server cannot run
            the file. Nothing is left of it then.
        ToleranceError: If the answers of the file differ from the model's.
        ConversionError: If the C++ loader refuses the file.
    """
    from keras_vae.export.endpoints import choose_endpoints
    from keras_vae.export.saved_model import model_card, versions, warmup
    from keras_vae.export.saved_model.writer import fill_saved_model, served_endpoints
    from keras_vae.files.folders import partial_folder

    model = run.model()
    _refuse_untrained(model)
    endpoints = served_endpoints(model, choose_endpoints(model, names or None))
    description = model_card.describe(model, run, default=next(iter(endpoints)))
    with partial_folder(base) as folder:
        fill_saved_model(model, folder, endpoints)
        rows = example_rows(model, endpoints)
        loader, found = verify(model, folder, endpoints, rows)
        warmup.write(folder, warmup.records(base.name, rows))
        model_card.write(folder, description, found, loader)
        return versions.publish_version(folder, base, version)


def example_rows(model: LatentModel, endpoints: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return inputs by signature, for warm-up and for the comparison.

    They are generated: files next to a model must not reveal training data.
    """
    from keras_vae.export.calibration import endpoint_rows, generate_examples
    from keras_vae.export.saved_model.png_endpoint import encode_png, white_of
    from keras_vae.export.saved_model.table_endpoints import table_requests
    from keras_vae.export.serving.signatures import DEFAULT

    offered = model.endpoints()
    plain = {name: endpoint for name, endpoint in endpoints.items() if name in offered}
    examples = generate_examples(model)
    rows = endpoint_rows(model, plain, examples)
    rows |= table_requests(model, endpoints, examples[0])
    if "reconstruct_png" in endpoints:
        images, *others = rows["reconstruct"].items()
        white = white_of(offered["reconstruct"].inputs[0]) or 1.0
        rows["reconstruct_png"] = {"image_bytes": encode_png(images[1], white), **dict(others)}
    return {DEFAULT: rows[next(iter(endpoints))], **rows}


def verify(
    model: LatentModel,
    folder: Path,
    endpoints: Mapping[str, Any],
    rows: Mapping[str, Mapping[str, Any]],
) -> tuple[str, dict[str, dict[str, Any]]]:
    """Compare the file with the model, run by TensorFlow's C++ code in a process of its own.

    Returns:
        Name and version of the loader, and the differences by signature and output.

    Raises:
        ToleranceError: If an output differs by more than rounding explains.
        ConversionError: If the C++ loader refuses the file.
    """
    from keras_vae.export.runtimes.c_api import libraries_folder
    from keras_vae.export.serving.signatures import DEFAULT
    from keras_vae.export.verification.comparison import differences, model_answers
    from keras_vae.export.verification.judge import gray_levels

    named = {DEFAULT: next(iter(endpoints.values())), **endpoints}
    expected = gray_levels(model_answers(model, named, rows))
    loader, received = run_in_cpp(folder, rows)
    found = differences(model, expected, gray_levels(received), rows)
    _refuse_different(found, libraries_folder())
    return loader, found


def run_in_cpp(
    folder: Path, rows: Mapping[str, Mapping[str, Any]]
) -> tuple[str, dict[str, dict[str, Any]]]:
    """Run all rows in the C++ loader, in a process without TensorFlow's Python.

    Returns:
        Name and version of the loader, and the outputs by signature.

    Raises:
        ConversionError: If the loader refuses the file.
    """
    from keras_vae.errors import ConversionError
    from keras_vae.export.runtimes import arrays

    with tempfile.TemporaryDirectory() as scratch:
        files = {key: Path(scratch, key) for key in ("inputs", "outputs", "report")}
        arrays.write(files["inputs"], rows)
        command = [
            sys.executable,
            "-m",
            "keras_vae.export.runtimes.cpp_loader",
            str(folder.resolve()),
        ]
        command += [word for key, file in files.items() for word in (f"--{key}", str(file))]
        done = subprocess.run(
            command, cwd=Path(keras_vae.__file__).parents[1], capture_output=True, text=True
        )
        report = json.loads(files["report"].read_text()) if files["report"].is_file() else {}
        if done.returncode:
            raise ConversionError(report.get("error") or done.stderr.strip())
        return report["loader"], arrays.read(files["outputs"])


def _refuse_untrained(model: LatentModel) -> None:
    if model.built and int(model.steps) == 0:
        raise UsageError(
            f"Expected a trained model. Received: {type(model).__name__} that has made no training "
            "step. (Train it first; model.export writes any model.)"
        )


def _refuse_different(found: Mapping[str, Mapping[str, Any]], libraries: Path) -> None:
    from keras_vae.errors import ToleranceError
    from keras_vae.export.verification.tolerances import RELATIVE_ERROR

    bad = [
        f"{signature}/{name} by {one.relative:.2g}"
        for signature, outputs in found.items()
        for name, one in outputs.items()
        if not one.relative <= RELATIVE_ERROR
    ]
    if bad:
        raise ToleranceError(
            f"Expected a file that answers as Keras does, to {RELATIVE_ERROR:g} of the largest "
            f"value, in the C++ loader of {libraries}. Received: {', '.join(bad)}. Nothing was "
            "written."
        )


def _summary(target: Path) -> str:
    from keras_vae.export.saved_model import model_card

    card = model_card.read(target)
    errors = [
        e for outputs in card["verification"]["relative_error"].values() for e in outputs.values()
    ]
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    return (
        f"{card['verification']['loader']} loads it and answers as Keras does, to "
        f"{max(errors):.1e} of the largest value, in {', '.join(card['signatures'])}.\n"
        f"Saved {target} ({size:,} bytes)"
    )


if __name__ == "__main__":
    cli.main(export_saved_model)
