"""Measure a trained model on test images.

    python -m training.evaluate runs/vae                                       # seconds
    python -m training.evaluate runs/vae --samples 5000 --probes --distances   # minutes

The measures that take long are options; training/measures has a file for each group.
"""

import json
import os
import platform
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import tyro

from training import cli, runs

Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]


def evaluate(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    data: str | None = None,
    batch_size: int = 250,
    samples: int | None = None,
    distances: Flag = False,
    features: str = "hog",
    sampler: int | None = None,
    probes: Flag = False,
    factors: Flag = False,
    protocol: str | None = None,
    limit: int | None = None,
) -> int:
    """Measure a trained model on test images.

    Prints a table, and saves it in the run directory as evaluation.json and evaluation.md; with
    --data as evaluation-DATA.json and evaluation-DATA.md. A lone .keras file needs --data, and
    its table is only printed. Of a run with best.keras, that model is measured. Times below are
    for 10,000 images of 28x28 on two processor cores.

    Args:
        run: A run directory of training.train, or a .keras file.
        data: Another data set than the run's own; its test images are used.
        batch_size: Images at once; changes the speed only.
        samples: Importance samples for -log p(x); the usual 5000 take about 9 minutes.
        distances: Compare generated with test images, about a minute.
        features: What --distances compares in: hog, or the .keras file of a network.
        sampler: For --distances, draw codes from so many Gaussians, fitted to the codes of the
            training images, instead of the prior; minutes for wide codes.
        probes: Classify the codes, about a minute; the data need labels.
        factors: MIG and FactorVAE score on regenerated dSprites, about ten minutes.
        protocol: plain, held_out, or dynamic for binary images; that of the run if left out.
        limit: Measure only the first so many test images.

    Returns:
        0, or 1 if a measure is not a number or too good to be true.
    """
    for name, value in (("batch-size", batch_size), ("samples", samples), ("limit", limit)):
        if value is not None and value < 1:
            raise ValueError(f"Expected --{name} of at least 1. Received: {value}.")
    opened = runs.open_run(run)
    cli.prepare_tensorflow()
    from training.measures.asked import Asked

    asked = Asked(samples, distances, features, sampler, probes, factors)
    protocol = protocol or opened.protocol
    report = measured(opened.model(), opened.data(data), batch_size, asked, protocol, limit)
    report["notes"] += opened.notes
    text = markdown(report)
    print(text, end="")
    if opened.path.is_dir():
        stem = "evaluation" if data is None else f"evaluation-{Path(report['data']).stem}"
        for path in put_aside(report, opened.path, stem):
            print(f"Kept the one from before, which has other measures: {path}")
        for path in save(report, text, opened.path, stem):
            print(f"Saved {path}")
    return 1 if report["failures"] else 0


def measured(
    model: Any,
    images: Any,
    batch_size: int,
    asked: Any = None,
    protocol: str = "plain",
    limit: int | None = None,
) -> dict[str, Any]:
    """All that evaluation.json holds.

    Args:
        model: A `keras_vae.Autoencoder`.
        images: A `training.data.Data`.
        batch_size: Images at once; changes the speed only.
        asked: A `training.measures.asked.Asked`; by default nothing that takes long.
        protocol: See `training.splits`.
        limit: Measure only the first so many test images.

    Raises:
        ValueError: If the model or the data cannot give what is asked for; nothing is done then.
    """
    from training import measures, splits
    from training.measures.asked import Asked

    begin, cpu = time.perf_counter(), time.process_time()
    asked = asked or Asked()
    asked.check(model, images)
    data = splits.first_test(splits.for_measuring(images, protocol), limit)
    grey = splits.first_test(images, limit) if protocol == "dynamic" else data
    rows = measures.measure(model, data.test, batch_size)
    rows |= asked.measure(model, data, grey, batch_size)
    return {
        "data": images.name,
        "protocol": protocol,
        "test_images": len(data.test),
        "model": type(model).__name__,
        "training_steps": int(model.steps),
        "likelihood": measures.likelihood_name(model),
        "measures": {name: asdict(row) for name, row in rows.items()},
        "notes": measures.notes(model, rows),
        "failures": measures.failures(rows),
        "asked": asdict(asked),
        "seconds": round(time.perf_counter() - begin, 2),
        "processor_seconds": round(time.process_time() - cpu, 2),
        "machine": f"{platform.machine()}, {os.cpu_count()} processor cores",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": runs.versions(),
    }


def markdown(report: dict[str, Any]) -> str:
    """The report as a table that reads well in a terminal too."""
    rows = [("measure", "value", "unit", "what it is")]
    for name, row in report["measures"].items():
        rows.append((name, _number(row["value"]), row["unit"], row["meaning"]))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    title = (
        f"{report['model']} with likelihood {report['likelihood']}, {report['test_images']:,} "
        f"test images of {report['data']}, protocol {report['protocol']}, mean of each measure "
        f"over them, {report['seconds']:.1f} s:"
    )
    return "\n\n".join([title, "\n".join(lines), *report["notes"]]) + "\n"


def put_aside(report: dict[str, Any], folder: Path, stem: str) -> list[Path]:
    """Rename an older report of this name by its date, if it has a measure that this one lacks."""
    old = folder / f"{stem}.json"
    if not old.is_file():
        return []
    try:
        found = json.loads(old.read_text())
        if set(found["measures"]) <= set(report["measures"]):
            return []
        when = str(found["date"])[:19].replace(":", "-")
    except (ValueError, KeyError, TypeError):
        when = "unreadable"
    moved = []
    for path in (old, old.with_suffix(".md")):
        if path.is_file():
            moved.append(path.rename(path.with_stem(f"{stem}-{when}")))
    return moved


def save(report: dict[str, Any], text: str, folder: Path, stem: str) -> list[Path]:
    """Write the report as JSON and Markdown; an older report of the same name is replaced."""
    from keras_vae.files import write_atomically

    json_text = json.dumps(report, indent=2) + "\n"
    return [
        write_atomically(folder / f"{stem}.json", lambda path: path.write_text(json_text)),
        write_atomically(folder / f"{stem}.md", lambda path: path.write_text(text)),
    ]


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return f"{value:.4g}" if abs(value) < 1 else f"{value:.2f}"


if __name__ == "__main__":
    cli.main(evaluate)
