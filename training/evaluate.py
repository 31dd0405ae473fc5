"""Measure a trained model on test examples.

    keras-vae evaluate runs/vae                                       # seconds
    keras-vae evaluate runs/vae --samples 5000 --probes --distances   # minutes

Slow measures are options. Each group of measures is a file of training/evaluation.
"""

import itertools
import json
import re
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import tyro

from keras_vae import cli, options
from keras_vae.files import outputs
from keras_vae.training.data.sources.registry import make_absolute
from keras_vae.training.runs import run_directory
from keras_vae.training.runs.provenance import provenance
from keras_vae.training.tables import table
from keras_vae.typing import LatentModel

# Entries that say what a report is of: with another value it is another report.
REPORT_OF = ("source", "protocol", "test_images", "repeats", "settings")
Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]


def evaluate(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    data: str | None = None,
    batch_size: int = 250,
    samples: int | None = None,
    distances: Flag = False,
    features: str | None = None,
    sampler: int | None = None,
    probes: Flag = False,
    factors: Flag = False,
    pca: Flag = False,
    protocol: str | None = None,
    limit: int | None = None,
) -> int:
    """Measure a trained model on test examples.

    Prints a table, and saves it in the run directory as evaluation.json and evaluation.md. With
    --data, the files are evaluation-DATA.json and evaluation-DATA.md; with --limit N,
    evaluation-limit-N.json and evaluation-limit-N.md. A lone .keras file needs --data, and its
    table is only printed. If the run has best.keras, that model is measured.
    Times below are for 10,000 images of 28x28 on two processor cores.

    Args:
        run: A run directory of keras-vae train, or a .keras file.
        data: A data set in place of the run's own; its test examples are used.
        batch_size: Examples in a batch; it changes the speed only.
        samples: Importance samples for -log p(x). The usual 5000 take about 9 minutes.
        distances: Compare generated examples with test examples, about a minute.
        features: The features for --distances: hog by default, or the .keras file of a network.
        sampler: For --distances, fit a mixture of this many Gaussians to the codes of the training
            examples, and sample codes from it in place of the prior. Minutes for wide codes.
        probes: Classify the codes, about a minute. The data need labels.
        factors: MIG and FactorVAE score on regenerated dSprites, about ten minutes.
        pca: Compare with the error of as many principal components of the training examples as the
            code has elements, about a minute.
        protocol: plain, held_out, or dynamic for binary images; by default that of the run.
        limit: Number of test examples to measure; all by default.

    Returns:
        0, or 1 if a measure is not a number or better than possible.
    """
    options.at_least(1, batch_size=batch_size, samples=samples, limit=limit, sampler=sampler)
    options.only_with("--distances", distances, features=features, sampler=sampler)
    opened = run_directory.open_run(run)
    if opened.path.is_dir():
        outputs.check_folder(opened.path)
    cli.prepare_tensorflow()
    from keras_vae.preprocessing.pipeline import fills_gaps
    from keras_vae.training.evaluation.asked import EvaluationOptions

    asked = EvaluationOptions(samples, distances, features or "hog", sampler, probes, factors, pca)
    protocol = protocol or opened.protocol
    model = opened.model()
    images = opened.data(data, gaps=fills_gaps(model))
    report = measure_model(model, images, batch_size, asked, protocol, limit)
    report["notes"] += opened.notes
    text = markdown(report)
    print(text, end="")
    if opened.path.is_dir():
        kind = "evaluation" if limit is None else f"evaluation-limit-{limit}"
        keep_report(report, text, opened.path, kind, data)
    return 1 if report["failures"] else 0


def measure_model(
    model: LatentModel,
    images: Any,
    batch_size: int,
    options: Any = None,
    protocol: str = "plain",
    limit: int | None = None,
) -> dict[str, Any]:
    """Measure a model, and return the content of evaluation.json.

    Args:
        model: A `keras_vae.Autoencoder`.
        images: A `keras_vae.training.data.loading.Data`.
        batch_size: Examples in a batch; it changes the speed only.
        options: A `keras_vae.training.evaluation.asked.EvaluationOptions`; by default no slow
            measure.
        protocol: The protocol of the test examples, see `keras_vae.training.data.splits`.
        limit: Number of test examples to measure; all by default.

    Raises:
        ValueError: If the model or the data do not fit a measure. This is checked before any work.
    """
    from keras_vae.training import evaluation, fits
    from keras_vae.training.data import splits
    from keras_vae.training.evaluation.asked import EvaluationOptions

    begin, cpu = time.perf_counter(), time.process_time()
    options = options or EvaluationOptions()
    fits.check_data(model, images)
    splits.check_binarizable(images, protocol)
    options.check(model, splits.limit_test_images(images, limit))
    data = splits.limit_test_images(splits.evaluation_data(images, protocol), limit)
    grey = splits.limit_test_images(images, limit) if protocol == "dynamic" else data
    rows = evaluation.measure(model, data.test, batch_size) | evaluation.of_rows(model, data)
    rows |= options.measure(model, data, grey, batch_size)
    return {
        "data": images.name,
        "protocol": protocol,
        "test_images": len(data.test),
        "kind": data.kind,
        "model": type(model).__name__,
        "training_steps": int(model.steps),
        "likelihood": evaluation.likelihood_name(model),
        "measures": {name: asdict(row) for name, row in rows.items()},
        "notes": evaluation.notes(model, rows),
        "failures": evaluation.failures(rows),
        "asked": asdict(options),
        "seconds": round(time.perf_counter() - begin, 2),
        "processor_seconds": round(time.process_time() - cpu, 2),
        **provenance(),
    }


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a Markdown table with a title and notes."""
    columns = [("measure", "l"), ("value", "l"), ("unit", "l"), ("what it is", "l")]
    rows = [
        (name, _format_value(row["value"]), row["unit"], row["meaning"])
        for name, row in report["measures"].items()
    ]
    from keras_vae.training.data.kinds import count_of

    tested = count_of(report["test_images"], f"test {report['kind']}")
    title = (
        f"{report['model']} with likelihood {report['likelihood']}, {tested} of "
        f"{report['data']}, protocol {report['protocol']}, mean of each "
        f"measure over them, {report['seconds']:.1f} s:"
    )
    return "\n\n".join([title, table(columns, rows), *report["notes"]]) + "\n"


def keep_report(
    report: dict[str, Any], text: str, folder: Path, kind: str, data: str | None
) -> None:
    """Save a report in a run directory, beside an earlier one that it does not replace.

    Args:
        report: The content of the JSON file.
        text: The content of the Markdown file.
        folder: The run directory.
        kind: The name of the files; the name of the data is added to it.
        data: The data set in place of the run's own, or None. The report keeps it as its source.
    """
    source = {} if data is None else {"source": make_absolute(data)}
    report = {**report, **source}
    stem = kind if data is None else f"{kind}-{as_file_name(report['data'])}"
    for path in quarantine(report, folder, stem):
        print(f"Kept the earlier report, which is of other data, settings, or measures: {path}")
    for path in save(report, text, folder, stem):
        print(f"Saved {path}")


def as_file_name(text: str) -> str:
    """Return text with a hyphen for each run of blanks, commas, slashes, and other such signs.

    Example:
        >>> as_file_name("wine, 50 % missing")
        'wine-50-missing'
    """
    return re.sub(r"[^\w.-]+", "-", text).strip("-")


def quarantine(report: dict[str, Any], folder: Path, stem: str) -> list[Path]:
    """Rename an older report by its date if the new one does not replace it.

    It does if it has all its measures or rows, of the same data and with the same settings.

    Args:
        report: The new report.
        folder: The run directory.
        stem: The name of the report's files, without suffix.

    Returns:
        The new paths of the older report; empty if there is nothing to keep.
    """
    old = folder / f"{stem}.json"
    if not old.is_file():
        return []
    try:
        found = json.loads(old.read_text())
        when = str(found["date"])[:19].replace(":", "-")
        if _replaces(report, found):
            return []
    except (ValueError, KeyError, TypeError, AttributeError):
        when = "unreadable"
    names = itertools.chain([f"{stem}-{when}"], (f"{stem}-{when}-{n}" for n in itertools.count(2)))
    new = next(name for name in names if not (folder / f"{name}.json").exists())
    moved = []
    for path in (old, old.with_suffix(".md")):
        if path.is_file():
            moved.append(path.rename(path.with_stem(new)))
    return moved


def _replaces(report: dict[str, Any], found: dict[str, Any]) -> bool:
    """Return whether a new report has all of an older one, of the same data and settings."""
    asked = {name: value for name, value in found.get("asked", {}).items() if value}
    same = all(found.get(key, report.get(key)) == report.get(key) for key in REPORT_OF)
    return (
        same
        and asked.items() <= report.get("asked", asked).items()
        and _parts(found) <= _parts(report)
    )


def _parts(report: dict[str, Any]) -> set[Any]:
    """Return the names of the measures of a report, and the numbers of labels of its rows."""
    return {*report.get("measures", ()), *(row["labels"] for row in report.get("rows", ()))}


def save(report: dict[str, Any], text: str, folder: Path, stem: str) -> list[Path]:
    """Write the report as JSON and Markdown, replace an older one, and return the paths."""
    from keras_vae.files.atomic import write_atomically

    json_text = json.dumps(report, indent=2) + "\n"
    return [
        write_atomically(folder / f"{stem}.json", lambda path: path.write_text(json_text)),
        write_atomically(folder / f"{stem}.md", lambda path: path.write_text(text)),
    ]


def _format_value(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return f"{value:.4g}" if abs(value) < 1 else f"{value:.2f}"


if __name__ == "__main__":
    cli.main(evaluate)
