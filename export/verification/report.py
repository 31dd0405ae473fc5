"""The report of export.verify, as Markdown tables and as JSON."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from keras_vae.export.verification.comparison import DATA_OUTPUT, Difference
from keras_vae.training.tables import Column, format_number, replace_nonfinite, table

# Errors of image files are whole gray levels: they are judged, but not in the table.
ENCODED = "_bytes"
# The table has the latency of the first of these that an artifact has; JSON has all.
TIMED = ("reconstruct", "serving_default", "decode", "encode")


@dataclass
class Row:
    """The results of one artifact in one runtime.

    Attributes:
        runtime: Title of the runtime, such as "LiteRT".
        version: Version of the runtime.
        artifact: Path of the artifact.
        kind: Kind of the artifact, see `keras_vae.export.verification.artifacts.Artifact`.
        quantization: None for float32.
        size: Bytes.
        differences: Differences from Keras, by signature and output.
        decibels: Change of the PSNR against the true images, in dB; negative is worse.
        nats: Change of -ELBO, in nats; positive is worse.
        latency: By signature and batch: `p50_ms`, `p95_ms`, `runs`.
        load_seconds: Seconds to load it.
        peak_memory: Bytes of the whole process.
        missed: Descriptions of the tolerances that it does not meet.
    """

    runtime: str
    artifact: str
    kind: str = ""
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
    def timed_signature(self) -> str | None:
        """Signature whose latency is in the table, or None."""
        return next((name for name in TIMED if name in self.latency), None)

    @property
    def errors(self) -> list[Difference]:
        """Differences of all outputs except image files."""
        return [
            one
            for outputs in self.differences.values()
            for output, one in outputs.items()
            if not output.endswith(ENCODED)
        ]

    @property
    def largest_error(self) -> float:
        """Largest relative error of all outputs; NaN without answers."""
        return max((one.relative for one in self.errors), default=math.nan)

    @property
    def psnr(self) -> float:
        """Smallest PSNR of all reconstructions, in dB; NaN without any."""
        data = [o[DATA_OUTPUT] for o in self.differences.values() if DATA_OUTPUT in o]
        return min((one.psnr for one in data), default=math.nan)

    def p50(self, batch: int = 1) -> float:
        """Return the median milliseconds of the timed signature; infinite if it was not timed."""
        times = self.latency.get(self.timed_signature or "", {}).get(str(batch))
        return times["p50_ms"] if times else math.inf

    def seconds_each(self) -> float:
        """Return the seconds for an example, in the smallest timed batch; infinite without one."""
        times = self.latency.get(self.timed_signature or "", {})
        size = min(times, key=int, default=None)
        return math.inf if size is None else times[size]["p50_ms"] / 1e3 / int(size)


# Three tables of the same rows, each of which fits a terminal. Headings, then left or right.
WHAT: tuple[Column, ...] = (
    *(("#", "r"), ("runtime", "l"), ("artifact", "l"), ("type", "l"), ("verdict", "l")),
)
ERRORS: tuple[Column, ...] = (
    *(("#", "r"), ("largest error", "r"), ("mean error", "r"), ("PSNR, dB", "r")),
    *(("true PSNR, dB", "r"), ("-ELBO, nats", "r")),
)
COSTS: tuple[Column, ...] = (
    *(("#", "r"), ("KB", "r"), ("timed", "l"), ("batch 1, ms", "r"), ("batch 64, ms", "r")),
    ("peak MB", "r"),
)


def markdown(report: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Return the report as Markdown: three tables, the failures, and notes on the columns."""
    names = _short_names([row.artifact for row in rows])
    tables = (
        table(WHAT, _numbered(map(_what, rows, names))),
        table(ERRORS, _numbered(map(_errors, rows))),
        table(COSTS, _numbered(map(_costs, rows))),
    )
    missed = [
        f"- {row.runtime}, {name}: {words}"
        for row, name in zip(rows, names, strict=True)
        for words in row.missed
    ]
    return "\n".join(
        [
            "\n\n".join(tables),
            "",
            *(["Missed:", *missed, ""] if missed else []),
            *_notes(report),
            "",
        ]
    )


def to_json(report: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
    """Return the report with all measurements; infinite numbers become None."""
    return replace_nonfinite({**report, "rows": [asdict(row) for row in rows]})


def _numbered(rows: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [(str(number), *cells) for number, cells in enumerate(rows, 1)]


def _what(row: Row, name: str) -> tuple[str, ...]:
    verdict = "missed" if row.missed else "good"
    return row.runtime, name, row.quantization or "float32", verdict


def _errors(row: Row) -> tuple[str, ...]:
    return (
        format_number(row.largest_error, ".1e"),
        format_number(max(map(_mean_relative, row.errors), default=math.nan), ".1e"),
        format_number(row.psnr, ".1f"),
        format_number(row.decibels, "+.3f"),
        format_number(row.nats, "+.3f"),
    )


def _costs(row: Row) -> tuple[str, ...]:
    return (
        f"{row.size / 1e3:,.0f}" if row.size else "",
        row.timed_signature or "",
        _latency(row, 1),
        _latency(row, 64),
        f"{row.peak_memory / 1e6:,.0f}" if row.peak_memory else "",
    )


def _mean_relative(one: Difference) -> float:
    return one.mean * one.relative / one.largest if one.largest > 0 else 0.0


def _latency(row: Row, batch: int) -> str:
    times = row.latency.get(row.timed_signature or "", {}).get(str(batch))
    return f"{times['p50_ms']:.3g} / {times['p95_ms']:.3g}" if times else ""


def _short_names(paths: Sequence[str]) -> list[str]:
    """Return the last part of each path, or the last two of versions.

    Whole paths are returned if two short names would be equal.
    """
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
        f"{where['processor']}, {report['date'][:10]}.",
        "",
        "- **Error**: the largest difference from Keras over all signatures, divided by the "
        "largest value of the output. For codes and scores, the divisor is at least 1.",
        "- **PSNR**: that of reconstructions against Keras's.",
        "- **True PSNR and -ELBO**: changes against Keras on the true images. A positive PSNR is "
        "better, and a negative -ELBO.",
        "- **Latency**: the median / the 95th percentile of whole calls of the signature under "
        "timed. Each runtime has its default threads. Batch 64 is for artifacts that take any "
        "batch.",
        "- **Peak MB**: of the whole process.",
    ]


def _reference(keras: Mapping[str, float]) -> str:
    psnr = f", true PSNR {keras['true_psnr']:.2f} dB" if "true_psnr" in keras else ""
    return f"score {keras['score']:.2f} nats{psnr}"
