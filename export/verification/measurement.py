"""Runs of artifacts, each in a process of its own, and their comparison with Keras."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import keras_vae
from keras_vae.errors import ConversionError, UnavailableError
from keras_vae.export.runtimes import arrays
from keras_vae.export.runtimes.registry import RUNTIMES
from keras_vae.export.serving.signatures import DEFAULT
from keras_vae.export.verification.artifacts import Artifact
from keras_vae.export.verification.judge import Judge, gray_levels
from keras_vae.export.verification.report import Row
from keras_vae.typing import LatentModel

# Where this package lies: site-packages, or a clone.
ROOT = Path(keras_vae.__file__).parents[1]
WORKER_SECONDS = 600
ENCODED_AT_ONCE = 250


@dataclass(frozen=True)
class Job:
    """An artifact to run in a process of its own.

    Attributes:
        runtime: Name of a runtime.
        artifact: The artifact to run.
        libraries: Folder of the shared libraries of another version of TensorFlow, for "cpp".
        timed: Time only the first of these signatures that an artifact has; all by default.
    """

    runtime: str
    artifact: Artifact
    libraries: Path | None = None
    timed: Sequence[str] = ()

    @property
    def options(self) -> list[str]:
        """Further command-line options of `keras_vae.export.runtimes.worker`."""
        libraries = ["--libraries", str(self.libraries.resolve())] if self.libraries else []
        return libraries + (["--timed", *self.timed] if self.timed else [])


def compare(
    run: Any,
    artifacts: Sequence[Artifact],
    chosen: Sequence[str],
    examples: int = 1000,
    data: str | None = None,
    libraries: Sequence[Path] = (),
) -> tuple[dict[str, Any], list[Row]]:
    """Run the artifacts, compare them with Keras, and return the facts and the rows of the table.

    Args:
        run: A `keras_vae.training.runs.run_directory.Run`.
        artifacts: From `keras_vae.export.verification.artifacts.identify`.
        chosen: Names of runtimes.
        examples: Number of test examples.
        data: A data set instead of that of the run.
        libraries: Folders of shared libraries of other versions of TensorFlow, which load
            SavedModels too.

    Raises:
        RuntimeError: If Keras does not run its own model.
    """
    x, source = load_test_examples(run, examples, data)
    return compare_on(run, artifacts, chosen, x, source, libraries)


def compare_on(
    run: Any,
    artifacts: Sequence[Artifact],
    chosen: Sequence[str],
    x: Any,
    source: str,
    libraries: Sequence[Path] = (),
    timed: Sequence[str] = (),
) -> tuple[dict[str, Any], list[Row]]:
    """Do what `compare` does, on given examples.

    Args:
        run: A `keras_vae.training.runs.run_directory.Run`.
        artifacts: From `keras_vae.export.verification.artifacts.identify`.
        chosen: Names of runtimes.
        x: Examples, or a tuple of arrays for a model of several inputs; None for generated ones.
        source: Description of `x`.
        libraries: As in `compare`.
        timed: Time only the first of these signatures that an artifact has; all by default.

    Raises:
        RuntimeError: If Keras does not run its own model.
    """
    from keras_vae.training.runs.provenance import provenance

    model = run.model()
    given = _arrays(x)
    requests = make_requests(model, given)
    jobs = [Job("keras", Artifact(run.path, "keras", None), timed=timed)]
    jobs += _jobs(artifacts, chosen, libraries, timed)
    rows: list[Row] = []
    judge: Judge | None = None
    for number, job in enumerate(jobs, start=1):
        artifact = job.artifact
        title = RUNTIMES[job.runtime].title
        row = Row(title, str(artifact.path), artifact.kind, artifact.quantization)
        where = f" of {job.libraries}" if job.libraries else ""
        with progress(f"{number}/{len(jobs)} {row.runtime}{where}: {artifact.path}"):
            answers = _run_and_measure(row, job, requests)
            if judge is None:
                if row.missed:
                    raise UnavailableError(
                        f"Expected Keras to run its model. Received: {row.missed[0]}"
                    )
                answers[DEFAULT] = answers[next(iter(model.endpoints()))]
                judge = Judge(model, given[0] if given else None, answers, requests)
            if not row.missed:
                _judge(row, judge, answers)
        rows.append(row)
    count = len(next(iter(requests["reconstruct"].values())))
    assert judge is not None
    return {
        "against": str(run.path),
        "model": type(model).__name__,
        "keras": judge.reference(),
        "examples": count,
        "source": source,
        **provenance(),
    }, rows


def load_test_examples(run: Any, count: int, name: str | None) -> tuple[np.ndarray | None, str]:
    """Return examples from all over the test set, float32, and their description.

    None for a lone model without data.
    """
    from keras_vae.export.calibration import take_evenly
    from keras_vae.training.data.loading import as_floats

    if name is None and not run.config:
        return None, "generated inputs"
    data = run.data(name)
    return as_floats(take_evenly(data.test, count)), f"test {data.kind} of {data.name}"


def make_requests(model: LatentModel, given: Sequence[np.ndarray] = ()) -> arrays.Grouped:
    """Return inputs by signature: the given examples or generated ones, their codes, seeds.

    Args:
        model: The built model.
        given: An array for each of the first inputs of the model; the others are generated.
    """
    from keras_vae.export.calibration import generate_examples, sample_inputs
    from keras_vae.export.saved_model.png_endpoint import encode_png, white_of
    from keras_vae.export.saved_model.table_endpoints import table_requests
    from keras_vae.export.saved_model.writer import served_endpoints

    endpoints = model.endpoints()
    default = next(iter(endpoints))
    names = [spec.name for spec in endpoints["reconstruct"].inputs]
    examples = [*given, *generate_examples(model)[len(given) :]]
    count = len(examples[0])
    named = {
        name: rows[np.arange(count) % len(rows)] for name, rows in zip(names, examples, strict=True)
    }
    others = [s.name for s in endpoints["decode"].inputs if s.name not in named]
    named |= dict(zip(others, _decoder_inputs(model, [named[name] for name in names]), strict=True))
    named |= sample_inputs(endpoints, count)
    served = served_endpoints(model, endpoints)
    if "reconstruct_png" in served:
        white = white_of(endpoints["reconstruct"].inputs[0]) or 1.0
        named["image_bytes"] = encode_png(examples[0], white)
    tables = table_requests(model, served, examples[0])
    requests = {
        name: {spec.name: named[spec.name] for spec in endpoint.inputs}
        for name, endpoint in served.items()
        if name not in tables
    }
    return {**requests, **tables, DEFAULT: requests[default]}


def _decoder_inputs(model: LatentModel, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the inputs of `decode` for all rows, computed in batches."""
    import keras

    from keras_vae.acceleration.batching import map_batches

    x = inputs[0] if len(inputs) == 1 else tuple(inputs)
    size = min(ENCODED_AT_ONCE, len(inputs[0]))
    return keras.tree.flatten(map_batches(model.encode, x, size))


def run_worker(job: Job, requests: arrays.Grouped) -> tuple[arrays.Grouped, dict[str, Any]]:
    """Run an artifact in a runtime in a process of its own; return answers and measurements.

    Raises:
        RuntimeError: If the runtime does not run it.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = {key: Path(folder, key) for key in ("inputs", "outputs", "report")}
        arrays.write(files["inputs"], requests)
        path = str(job.artifact.path.resolve())
        command = [sys.executable, "-m", "keras_vae.export.runtimes.worker", job.runtime, path]
        command += [word for key, file in files.items() for word in (f"--{key}", str(file))]
        command += job.options
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=WORKER_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise ConversionError(f"no answer within {WORKER_SECONDS} s") from error
        report = json.loads(files["report"].read_text()) if files["report"].is_file() else {}
        if done.returncode:
            raise ConversionError(report.get("error") or _describe_exit(done))
        return arrays.read(files["outputs"]), report


def _jobs(
    artifacts: Sequence[Artifact],
    chosen: Sequence[str],
    libraries: Sequence[Path],
    timed: Sequence[str],
) -> list[Job]:
    ways: list[tuple[str, Path | None]] = [(name, None) for name in chosen]
    ways += [("cpp", folder) for folder in libraries]
    return [
        Job(name, artifact, folder, timed)
        for artifact in artifacts
        for name, folder in ways
        if artifact.kind in RUNTIMES[name].reads
    ]


def _arrays(x: Any) -> list[np.ndarray]:
    if x is None:
        return []
    return list(x) if isinstance(x, tuple) else [x]


def _run_and_measure(row: Row, job: Job, requests: arrays.Grouped) -> arrays.Grouped:
    """Return the answers in gray levels and numbers.

    Measurements are written into `row`, or else the reason why there are none.
    """
    try:
        answers, report = run_worker(job, requests)
    except RuntimeError as error:
        row.missed.append(str(error))
        return {}
    for key in ("version", "size", "latency", "load_seconds", "peak_memory"):
        setattr(row, key, report[key])
    if job.libraries:
        row.runtime = f"{row.runtime} {row.version}"
    return gray_levels(answers)


def _judge(row: Row, judge: Judge, answers: arrays.Grouped) -> None:
    try:
        row.differences = judge.differences(answers)
    except ValueError as error:
        row.missed.append(str(error))
        return
    row.decibels, row.nats = judge.decibels(answers), judge.nats(answers)
    row.missed = judge.list_failures(row.differences, row.quantization, row.decibels, row.nats)


def _describe_exit(done: subprocess.CompletedProcess[str]) -> str:
    """Describe the end of a process that wrote no report."""
    if done.returncode < 0:
        return f"the process was killed by signal {-done.returncode}"
    return done.stderr.strip()[-300:]


@contextlib.contextmanager
def progress(text: str) -> Iterator[None]:
    """Print a line on stderr for the work inside the block, and then the seconds it took."""
    print(f"{text} ...", end="", file=sys.stderr, flush=True)
    start = time.perf_counter()
    try:
        yield
    finally:
        print(f" {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
