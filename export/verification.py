"""Run artifacts in runtimes, each in a process of its own, and judge their answers by Keras's."""

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

from export import arrays
from export.artifacts import Artifact
from export.judge import Judge, grey_levels
from export.report import Row, machine
from export.runtimes import RUNTIMES
from export.signatures import DEFAULT

ROOT = Path(__file__).parent.parent
WORKER_SECONDS = 600
ENCODED_AT_ONCE = 250


@dataclass(frozen=True)
class Job:
    """Something to run in a process of its own.

    Attributes:
        runtime: Name of a runtime.
        artifact: What to run in it.
        libraries: Folder of the shared libraries of another version of TensorFlow, for "cpp".
        timed: Only the first of these signatures that an artifact has; all by default.
    """

    runtime: str
    artifact: Artifact
    libraries: Path | None = None
    timed: Sequence[str] = ()

    @property
    def options(self) -> list[str]:
        """What `export.worker` gets to know of this."""
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
    """What was measured on what, and the rows of the table, Keras first.

    Args:
        run: A `training.runs.Run`.
        artifacts: From `export.artifacts.identify`.
        chosen: Names of runtimes.
        examples: Test images to use.
        data: A data set instead of the run's own.
        libraries: Folders of shared libraries of other versions of TensorFlow to load SavedModels
            with, too.

    Raises:
        RuntimeError: If Keras does not run its own model.
    """
    x, source = true_examples(run, examples, data)
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
    """`compare` on given examples.

    Args:
        run: A `training.runs.Run`.
        artifacts: From `export.artifacts.identify`.
        chosen: Names of runtimes.
        x: Examples, or a tuple of arrays for a model of several inputs; None for generated ones.
        source: What `x` is, in words.
        libraries: As in `compare`.
        timed: Only the first of these signatures that an artifact has; all by default.

    Raises:
        RuntimeError: If Keras does not run its own model.
    """
    from training import runs

    model = run.model()
    given = _arrays(x)
    requests = requests_for(model, given)
    jobs = [Job("keras", Artifact(run.path, "keras", None), timed=timed)]
    jobs += _jobs(artifacts, chosen, libraries, timed)
    rows: list[Row] = []
    judge: Judge | None = None
    for number, job in enumerate(jobs, start=1):
        artifact = job.artifact
        row = Row(RUNTIMES[job.runtime].title, str(artifact.path), artifact.quantization)
        where = f" of {job.libraries}" if job.libraries else ""
        with progress(f"{number}/{len(jobs)} {row.runtime}{where}: {artifact.path}"):
            answers = _measured(row, job, requests)
            if judge is None:
                if row.missed:
                    raise RuntimeError(
                        f"Expected Keras to run its model. Received: {row.missed[0]}"
                    )
                answers[DEFAULT] = answers[next(iter(model.endpoints()))]
                judge = Judge(model, given[0] if given else None, answers)
            if not row.missed:
                _judge(row, judge, answers)
        rows.append(row)
    count = len(next(iter(requests["reconstruct"].values())))
    assert judge is not None
    return {
        "against": str(run.path),
        "model": type(model).__name__,
        "keras": judge.keras(),
        "examples": count,
        "source": source,
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": runs.versions(),
    }, rows


def true_examples(run: Any, count: int, name: str | None) -> tuple[np.ndarray | None, str]:
    """Test examples from all over the test set, float32 as the model takes them, and what they are.

    None for a lone model without data.
    """
    from keras_vae.exporting.calibration import evenly
    from training.data import as_floats

    if name is None and not run.config:
        return None, "generated inputs"
    data = run.data(name)
    return as_floats(evenly(data.test, count)), f"test {data.kind} of {data.name}"


def requests_for(model: Any, given: Sequence[np.ndarray] = ()) -> arrays.Grouped:
    """Inputs by signature: the given examples or generated ones, their codes, seeds.

    Args:
        model: The built model.
        given: An array for each of the first inputs of the model; the others are generated.
    """
    from keras_vae.exporting.calibration import generated_examples
    from keras_vae.exporting.pictures import as_png
    from keras_vae.exporting.saved_model import served_endpoints
    from keras_vae.random import row_seeds

    endpoints = model.endpoints()
    default = next(iter(endpoints))
    names = [spec.name for spec in endpoints["reconstruct"].inputs]
    examples = [*given, *generated_examples(model)[len(given) :]]
    count = len(examples[0])
    named = {
        name: rows[np.arange(count) % len(rows)] for name, rows in zip(names, examples, strict=True)
    }
    others = [s.name for s in endpoints["decode"].inputs if s.name not in named]
    named |= dict(zip(others, _codes(model, [named[name] for name in names]), strict=True))
    named["seed"] = row_seeds(count, 0)
    if "reconstruct_png" in (served := served_endpoints(endpoints)):
        named["image_bytes"] = as_png(examples[0])
    requests = {
        name: {spec.name: named[spec.name] for spec in endpoint.inputs}
        for name, endpoint in served.items()
    }
    return {**requests, DEFAULT: requests[default]}


def _codes(model: Any, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What `decode` takes, of all rows, in batches."""
    import keras

    parts = []
    for start in range(0, len(inputs[0]), ENCODED_AT_ONCE):
        rows = [array[start : start + ENCODED_AT_ONCE] for array in inputs]
        codes = model.encode(rows[0] if len(rows) == 1 else tuple(rows))
        parts.append([np.asarray(code) for code in keras.tree.flatten(codes)])
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def run_worker(job: Job, requests: arrays.Grouped) -> tuple[arrays.Grouped, dict[str, Any]]:
    """Answers of an artifact in a runtime, and what was measured, from a process of its own.

    Raises:
        RuntimeError: If the runtime does not take it.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = {key: Path(folder, key) for key in ("inputs", "outputs", "report")}
        arrays.write(files["inputs"], requests)
        path = str(job.artifact.path.resolve())
        command = [sys.executable, "-m", "export.worker", job.runtime, path]
        command += [word for key, file in files.items() for word in (f"--{key}", str(file))]
        command += job.options
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=WORKER_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"no answer within {WORKER_SECONDS} s") from error
        if done.returncode:
            raise RuntimeError(_why(done))
        return arrays.read(files["outputs"]), json.loads(files["report"].read_text())


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
        if RUNTIMES[name].reads == artifact.kind
    ]


def _arrays(x: Any) -> list[np.ndarray]:
    if x is None:
        return []
    return list(x) if isinstance(x, tuple) else [x]


def _measured(row: Row, job: Job, requests: arrays.Grouped) -> arrays.Grouped:
    """Answers in grey levels and numbers; `row` gets what was measured, or why there is nothing."""
    try:
        answers, report = run_worker(job, requests)
    except RuntimeError as error:
        row.missed.append(str(error))
        return {}
    for key in ("version", "size", "latency", "load_seconds", "peak_memory"):
        setattr(row, key, report[key])
    if job.libraries:
        row.runtime = f"{row.runtime} {row.version}"
    return grey_levels(answers)


def _judge(row: Row, judge: Judge, answers: arrays.Grouped) -> None:
    try:
        row.differences = judge.differences(answers)
    except ValueError as error:
        row.missed.append(str(error))
        return
    row.decibels, row.nats = judge.decibels(answers), judge.nats(answers)
    row.missed = judge.missed(row.differences, row.quantization, row.decibels, row.nats)


def _why(done: subprocess.CompletedProcess[str]) -> str:
    """The last line that says something about a process that failed."""
    if done.returncode < 0:
        return f"the process was killed by signal {-done.returncode}"
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    return lines[-1].removeprefix("Error: ") if lines else done.stderr.strip()[-300:]


@contextlib.contextmanager
def progress(text: str) -> Iterator[None]:
    """A line on stderr that says what takes the time, and then how long it took."""
    print(f"{text} ...", end="", file=sys.stderr, flush=True)
    start = time.perf_counter()
    try:
        yield
    finally:
        print(f" {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
