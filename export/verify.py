"""The program that compares exported artifacts with their Keras model, in every runtime."""

import json as json_format
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from keras_vae import cli, options
from keras_vae.errors import UsageError
from keras_vae.files import outputs
from keras_vae.training.runs import run_directory

EXAMPLES = 1000


def verify(
    artifacts: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="ARTIFACT")],
    against: Annotated[str, tyro.conf.arg(metavar="RUN")],
    examples: int | None = None,
    data: str | None = None,
    runtimes: tuple[str, ...] = (),
    libtensorflow: tuple[Path, ...] = (),
    json: Path | None = None,
    markdown: Path | None = None,
    budget: bool = False,
) -> int:
    """Compare exported artifacts with their Keras model, in every runtime that is installed.

    SavedModels run in TensorFlow's Python and C++ and in saved_model_cli, and their default
    signature in OpenVINO. .tflite files run in LiteRT, by its interpreter and as a CompiledModel,
    .onnx files in ONNX Runtime and OpenVINO, folders of .xml and .bin files in OpenVINO, and .pt2
    files in PyTorch. Each runs in a process of its own, on test examples.

    Tolerances against Keras: float32 within a relative error of 1e-5. Reconstructions at a PSNR of
    at least 80 dB (float16), 50 dB (dynamic) or 40 dB (int8), other outputs 10 dB less. Against the
    true images, int8 may be at most 0.1 dB and 0.3 nats worse than Keras.

    Args:
        artifacts: Version folders of SavedModels, .tflite files, .onnx, .xml or .pt2 files, and
            folders of them.
        against: The run directory, or .keras file, that they were exported from.
        examples: Number of test examples, from all over the test set; 1000 by default.
        data: A data set instead of that of the run. Without it, a lone .keras file is compared on
            generated inputs.
        runtimes: Runtimes among keras, python, cpp, cli, onnxruntime, openvino, litert,
            compiled_model and torch; all installed ones by default.
        libtensorflow: Folders of libtensorflow_cc.so.2 of other versions of TensorFlow, to load
            SavedModels with those too; scripts/old_tensorflow.sh fetches them.
        json: A file to write all measurements to.
        markdown: A file to write the tables to.
        budget: Pick the smallest and fastest artifact that meets the tolerances; others may miss
            them. All of them must have the same signatures.

    Returns:
        0, or 1 if a tolerance was missed. With --budget, 1 if no artifact meets the tolerances.
    """
    if not artifacts:
        raise UsageError("Expected an artifact to verify. Received: none.")
    options.at_least(1, examples=examples)
    opened = run_directory.open_run(against)
    has_data = bool(data or opened.config)
    options.only_with("a run directory, or with --data", has_data, examples=examples)
    chosen = _choose_runtimes(runtimes)
    for path in filter(None, (json, markdown)):
        outputs.check_file(path)
    outputs.check_apart((json, markdown), (*artifacts, Path(against)))
    _check_exist(artifacts)
    check_libraries(libtensorflow)
    folders = any(path.is_dir() for path in artifacts)
    given = " ".join(map(str, libtensorflow)) or None
    options.only_with("a SavedModel", folders, libtensorflow=given)
    cli.prepare_tensorflow()
    from keras_vae.export.verification import report as tables
    from keras_vae.export.verification.artifacts import identify
    from keras_vae.export.verification.measurement import compare

    found = [identify(path) for path in artifacts]
    check_runnable(found, chosen, runtimes)
    report, rows = compare(opened, found, chosen, examples or EXAMPLES, data, libtensorflow)
    text = tables.markdown(report, rows)
    print(text, end="", flush=True)
    best = pick_best(rows) if budget else None
    if budget:
        text += _verdict(best)
        print(_verdict(best), end="")
    if markdown:
        _save(markdown, text)
    if json:
        picked = {"picked": best.artifact} if best else {}
        content = tables.to_json({**report, **picked}, rows)
        _save(json, json_format.dumps(content, indent=1, allow_nan=False) + "\n")
    return int(best is None if budget else any(row.missed for row in rows))


def pick_best(rows: Sequence[Any]) -> Any:
    """Return the row of the artifact with the smallest product of size and time, or None.

    The time is the median for one example. An artifact that misses a tolerance in any runtime is
    out. If there are .tflite files, only these are compared with each other.

    Raises:
        ValueError: If the remaining ones have different signatures: one with fewer would be smaller
            for that reason alone.
    """
    bad = {row.artifact for row in rows[1:] if row.missed}
    good = [row for row in rows[1:] if row.artifact not in bad]
    _check_alike(good)
    left = [row for row in good if row.runtime == "LiteRT"] or good
    return min(left, key=lambda row: (row.size * row.seconds_each(), row.size), default=None)


def _check_alike(rows: Sequence[Any]) -> None:
    """Raise ValueError if artifacts have different signatures, over all runtimes."""
    signatures: dict[str, set[str]] = {}
    for row in rows:
        signatures.setdefault(row.artifact, set()).update(row.differences)
    if len({frozenset(names) for names in signatures.values()}) > 1:
        named = "; ".join(f"{path}: {', '.join(sorted(n))}" for path, n in signatures.items())
        raise UsageError(
            f"Expected artifacts with the same signatures to pick from. Received: {named}. (Export "
            "all of them with the same --endpoints.)"
        )


def _verdict(best: Any) -> str:
    if best is None:
        return "\nNo artifact meets the tolerances.\n"
    return f"\nSmallest and fastest within the tolerances: {best.artifact} in {best.runtime}\n"


def _choose_runtimes(names: Sequence[str]) -> list[str]:
    from keras_vae.export.runtimes.registry import RUNTIMES, list_installed

    unknown = sorted(set(names) - set(RUNTIMES))
    if unknown:
        raise UsageError(f"Expected runtimes among {', '.join(RUNTIMES)}. Received: {unknown}.")
    missing = sorted(set(names) - set(list_installed()))
    if missing:
        packages = sorted({package for name in missing for package in RUNTIMES[name].packages})
        raise UsageError(
            f"Expected runtimes that are installed. Received: {', '.join(missing)}. "
            f"(pip install {' '.join(packages)})"
        )
    return list(names) or list_installed()


def _check_exist(paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(
                f"Expected an artifact. Received: {path}, which does not exist."
            )


def check_runnable(
    artifacts: Sequence[Any], chosen: Sequence[str], asked: Sequence[str] = ()
) -> None:
    """Raise ValueError if no chosen runtime runs an artifact: it would look verified.

    Args:
        artifacts: From `keras_vae.export.verification.artifacts.identify`.
        chosen: Names of runtimes.
        asked: Those that the user has named. Each of them has to run an artifact.
    """
    from keras_vae.export.runtimes.registry import RUNTIMES

    for artifact in artifacts:
        able = [name for name, runtime in RUNTIMES.items() if artifact.kind in runtime.reads]
        if not {*able} & {*chosen}:
            raise UsageError(
                f"Expected a runtime that runs {artifact.path}: {', '.join(able)}. Received: "
                f"{', '.join(chosen)}."
            )
    kinds = {"keras", *(artifact.kind for artifact in artifacts)}
    if idle := [name for name in asked if not kinds & {*RUNTIMES[name].reads}]:
        raise UsageError(
            f"Expected runtimes that run an artifact, for --runtimes. Received: {', '.join(idle)}, "
            f"which read no {' and no '.join(sorted(kinds - {'keras'}))}. (Leave them out.)"
        )


def check_libraries(folders: Sequence[Path]) -> None:
    """Raise FileNotFoundError for a folder without TensorFlow's shared libraries."""
    from keras_vae.export.runtimes.c_api import check_folder

    for folder in folders:
        check_folder(folder)


def _save(path: Path, text: str) -> None:
    from keras_vae.files.atomic import write_atomically

    write_atomically(path, lambda new: new.write_text(text))
    print(f"Saved {path}")


if __name__ == "__main__":
    cli.main(verify)
