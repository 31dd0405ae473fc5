"""Measure a trained model on test images."""

import json
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import tyro

from training import cli, runs


def evaluate(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    data: str | None = None,
    batch_size: int = 250,
) -> int:
    """Measure a trained model on test images.

    Prints a table, and saves it in the run directory as evaluation.json and evaluation.md; with
    --data as evaluation-DATA.json and evaluation-DATA.md. A lone .keras file needs --data, and
    its table is only printed.

    Args:
        run: A run directory of training.train, or a .keras file.
        data: Another data set than the run's own; its test images are used.
        batch_size: Images at once; changes the speed only.

    Returns:
        0, or 1 if a measure is not a number.
    """
    if batch_size < 1:
        raise ValueError(f"Expected --batch-size of at least 1. Received: {batch_size}.")
    opened = runs.open_run(run)
    cli.prepare_tensorflow()
    images = opened.data(data)
    report = measured(opened.model(), images, batch_size)
    text = markdown(report)
    print(text, end="")
    if opened.path.is_dir():
        stem = "evaluation" if data is None else f"evaluation-{Path(images.name).stem}"
        for path in save(report, text, opened.path, stem):
            print(f"Saved {path}")
    values = [row["value"] for row in report["measures"].values()]
    return 1 if any(math.isnan(value) for value in values) else 0


def measured(model: Any, images: Any, batch_size: int) -> dict[str, Any]:
    """All that evaluation.json holds."""
    from training import measures

    begin = time.perf_counter()
    rows = measures.measure(model, images.test, batch_size)
    return {
        "data": images.name,
        "test_images": len(images.test),
        "model": type(model).__name__,
        "likelihood": measures.likelihood_name(model),
        "measures": {name: asdict(row) for name, row in rows.items()},
        "notes": measures.notes(model, rows),
        "seconds": round(time.perf_counter() - begin, 2),
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
        f"test images of {report['data']}, mean of each measure over them, "
        f"{report['seconds']:.1f} s:"
    )
    return "\n\n".join([title, "\n".join(lines), *report["notes"]]) + "\n"


def save(report: dict[str, Any], text: str, folder: Path, stem: str) -> list[Path]:
    """Write the report as JSON and Markdown; an older report of the same name is replaced."""
    from keras_vae.files import write_atomically

    json_text = json.dumps(report, indent=2) + "\n"
    return [
        write_atomically(folder / f"{stem}.json", lambda path: path.write_text(json_text)),
        write_atomically(folder / f"{stem}.md", lambda path: path.write_text(text)),
    ]


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}" if value < 1 else f"{value:.2f}"


if __name__ == "__main__":
    cli.main(evaluate)
