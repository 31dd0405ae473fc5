"""The table of export.verify, as Markdown that reads well in a terminal and as JSON."""

import math
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from export.tables import finite, number, table
from keras_vae.exporting.comparison import DATA_OUTPUT, Difference

# Errors of encoded pictures are whole grey levels: they are judged, but not in the table.
ENCODED = "_bytes"
# The latency in the table is of the first of these that an artifact has; JSON has all.
TIMED = ("reconstruct", "serving_default", "decode", "encode")


@dataclass
class Row:
    """One artifact in one runtime.

    Attributes:
        runtime: For people, "LiteRT".
        version: Of the runtime.
        artifact: Path of what was run.
        quantization: None for float32.
        size: Bytes.
        differences: From Keras, by signature and output.
        decibels: Change of the PSNR against the true images, in dB; negative is worse.
        nats: Change of -ELBO, in nats; positive is worse.
        latency: By signature and batch: `p50_ms`, `p95_ms`, `runs`.
        load_seconds: Until it could be run.
        peak_memory: Bytes of the whole process.
        missed: Bars that it misses, in words.
    """

    runtime: str
    artifact: str
    quantization: str | None = None
    version: str = ""
    size: int = 0
    differences: dict[str, dict[str, Difference]] = field(default_factory=dict)
    decibels: float | None = None
    nats: float | None = None
    latency: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    load_seconds: float = 0.0
    peak_memory: int = 0
    missed: list[str] = field(default_factory=list)

    @property
    def timed(self) -> str | None:
        """The signature whose latency stands in the table."""
        return next((name for name in TIMED if name in self.latency), None)

    @property
    def errors(self) -> list[Difference]:
        """Those of all outputs but encoded pictures."""
        return [
            one
            for outputs in self.differences.values()
            for output, one in outputs.items()
            if not output.endswith(ENCODED)
        ]

    @property
    def largest_error(self) -> float:
        """The worst over all outputs, relative; NaN without answers."""
        return max((one.relative for one in self.errors), default=math.nan)

    @property
    def psnr(self) -> float:
        """The least of all reconstructions, in dB; NaN without any."""
        data = [o[DATA_OUTPUT] for o in self.differences.values() if DATA_OUTPUT in o]
        return min((one.psnr for one in data), default=math.nan)

    def p50(self, batch: int = 1) -> float:
        """Milliseconds of the timed signature; infinite if it was not timed."""
        times = self.latency.get(self.timed or "", {}).get(str(batch))
        return times["p50_ms"] if times else math.inf

    def seconds_each(self) -> float:
        """Seconds for an example, in the smallest batch that was timed; infinite if none was."""
        times = self.latency.get(self.timed or "", {})
        size = min(times, key=int, default=None)
        return math.inf if size is None else times[size]["p50_ms"] / 1e3 / int(size)


COLUMNS: tuple[tuple[str, str], ...] = (  # Heading, then left or right.
    ("runtime", "l"),
    ("artifact", "l"),
    ("type", "l"),
    ("KB", "r"),
    ("largest error", "r"),
    ("mean error", "r"),
    ("PSNR, dB", "r"),
    ("true PSNR, dB", "r"),
    ("-ELBO, nats", "r"),
    ("batch 1, ms", "r"),
    ("batch 64, ms", "r"),
    ("peak MB", "r"),
    ("verdict", "l"),
)


def markdown(report: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """The report as text: the table, what is missed, what the columns are."""
    names = _short_names([row.artifact for row in rows])
    cells = [_cells(row, name) for row, name in zip(rows, names, strict=True)]
    missed = [
        f"- {row.runtime}, {name}: {words}"
        for row, name in zip(rows, names, strict=True)
        for words in row.missed
    ]
    return "\n".join(
        [
            table(COLUMNS, cells),
            "",
            *(["Missed:", *missed, ""] if missed else []),
            *_notes(report),
            "",
        ]
    )


def as_json(report: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
    """The report with all that was measured; JSON has no infinity, so that is None."""
    return finite({**report, "rows": [asdict(row) for row in rows]})


def machine() -> dict[str, Any]:
    """What was measured on."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        found = re.search(r"model name\s*: (.*)", information.read_text())
        processor = found.group(1) if found else processor
    return {"processor": processor, "cores": os.cpu_count(), "system": platform.system()}


def _cells(row: Row, name: str) -> tuple[str, ...]:
    return (
        row.runtime,
        name if row.timed in (None, *TIMED[:2]) else f"{name} ({row.timed})",
        row.quantization or "float32",
        f"{row.size / 1e3:,.0f}" if row.size else "",
        number(row.largest_error, ".1e"),
        number(max(map(_mean_relative, row.errors), default=math.nan), ".1e"),
        number(row.psnr, ".1f"),
        number(row.decibels, "+.3f"),
        number(row.nats, "+.3f"),
        _latency(row, 1),
        _latency(row, 64),
        f"{row.peak_memory / 1e6:,.0f}" if row.peak_memory else "",
        "missed" if row.missed else "good",
    )


def _mean_relative(one: Difference) -> float:
    return one.mean * one.relative / one.largest if one.largest > 0 else 0.0


def _latency(row: Row, batch: int) -> str:
    times = row.latency.get(row.timed or "", {}).get(str(batch))
    return f"{times['p50_ms']:.3g} / {times['p95_ms']:.3g}" if times else ""


def _short_names(paths: Sequence[str]) -> list[str]:
    """The last part of each path, two of versions; whole paths if that leaves two alike."""
    short = [
        "/".join(path.parts[-2:]) if path.name.isdecimal() else path.name
        for path in map(Path, paths)
    ]
    alike = any(len({p for p, s in zip(paths, short, strict=True) if s == n}) > 1 for n in short)
    return list(paths) if alike else short


def _notes(report: Mapping[str, Any]) -> list[str]:
    where = report["machine"]
    return [
        f"{report['model']} of {report['against']}: {_reference(report['keras'])} in Keras, on "
        f"{report['examples']:,} {report['source']}. {where['cores']} cores of "
        f"{where['processor']}, {report['date']}.",
        "",
        "Errors are against Keras, the worst over all signatures, divided by the greatest value of "
        "an output (at least by 1 for codes and scores). PSNR is that of reconstructions against "
        "Keras's. True PSNR and -ELBO are changes against Keras on the true images: the former is "
        "better when positive, the latter when negative. Latency is the median / the 95th "
        "percentile of whole calls of reconstruct, or of the signature in parentheses, with each "
        "runtime's default threads; batch 64 is for artifacts that take any batch. Peak MB is of "
        "the whole process.",
    ]


def _reference(keras: Mapping[str, float]) -> str:
    psnr = f", true PSNR {keras['true_psnr']:.2f} dB" if "true_psnr" in keras else ""
    return f"score {keras['score']:.2f} nats{psnr}"
