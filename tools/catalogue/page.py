"""The section of a page that a program replaces, and the section of the catalogue."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keras_vae.errors import UsageError
from keras_vae.training.tables import Column, format_number, table

COMMAND = "python -m tools.catalogue"
TITLE = "# Exported artifacts\n"

Model = Mapping[str, Any]
Models = Mapping[str, Model]


def marks(command: str = COMMAND) -> tuple[str, str]:
    """Return the comments around the section of a program."""
    return f"<!-- Begin: {command} -->", f"<!-- End: {command} -->"


def replace_section(page: str, section: str, command: str = COMMAND) -> str:
    """Replace the text between the two comments of a program, or add both at the end.

    Args:
        page: The text of the page.
        section: The text that `command` prints.
        command: Name in the comments.

    Raises:
        ValueError: If one comment is there without the other, or twice.
    """
    begin, end = marks(command)
    counts = page.count(begin), page.count(end)
    marked = f"{begin}\n\n{section.strip()}\n\n{end}"
    if counts == (0, 0):
        return f"{page.rstrip() or TITLE.rstrip()}\n\n{marked}\n"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    if counts != (1, 1) or end not in rest:
        raise UsageError(
            f"Expected {begin} and then {end}, once each. Received: {counts[0]} and {counts[1]} of "
            "them. (Mend the page by hand; nothing was written.)"
        )
    return before + marked + after


def section(models: Models, numbers: str, unmeasured: Sequence[str] = ()) -> str:
    """Return the section of the catalogue as Markdown.

    Args:
        models: Measurements from `measured.measure`, by name.
        numbers: Name of the file of all measurements, next to the page.
        unmeasured: Models without numbers so far.
    """
    misses = [f"- {line}" for line in list_failures(models)]
    parts = [
        "## Measurements",
        _introduction(models, numbers),
        "### SavedModel",
        saved_model_table(models),
        _SAVED_MODEL_NOTE,
        "### LiteRT",
        litert_table(models),
        _LITERT_NOTE,
        "### ONNX",
        onnx_table(models),
        _ONNX_NOTE,
        *([f"Not measured yet: {', '.join(unmeasured)}."] if unmeasured else []),
        *(
            ["Tolerances that are missed:", "\n".join(misses)]
            if misses
            else ["All tolerances are met."]
        ),
    ]
    return "\n\n".join(parts) + "\n"


def saved_model_table(models: Models) -> str:
    """Return a table with a row for each model: errors in each runtime, latency in C++."""
    loaders = _unique(r["runtime"] for m in models.values() for r in _rows(m, "SavedModel, C++"))
    others = ("SavedModel, Python", "saved_model_cli")
    columns = [*loaders, *others]
    titles = [_loader(name, models) for name in loaders] + ["Python", *others[1:]]
    head: list[Column] = [
        ("model", "l"),
        ("parameters", "r"),
        ("KB", "r"),
        *((t, "r") for t in titles),
    ]
    head += [("-ELBO, nats", "r"), ("batch 1, ms", "r"), ("batch 64, ms", "r"), ("verdict", "l")]
    return table(head, [_saved_model(name, model, columns) for name, model in models.items()])


def litert_table(models: Models) -> str:
    """Return a table with four rows for each model, one for each quantization."""
    return _table_of_files(models, "LiteRT", "CompiledModel")


def onnx_table(models: Models) -> str:
    """Return a table with three rows for each model, one for each quantization."""
    return _table_of_files(models, "ONNX Runtime", "OpenVINO", "onnx")


def _table_of_files(models: Models, runtime: str, second: str, kind: str | None = None) -> str:
    """Return a table with the errors of two runtimes, and all else of the first."""
    head: list[Column] = [("model", "l"), ("type", "l"), ("KB", "r"), (second, "r")]
    head += [("largest error", "r"), ("decode, dB", "r"), ("reconstruct, dB", "r")]
    head += [("true PSNR, dB", "r"), ("-ELBO, nats", "r"), ("batch 1, ms", "r"), ("verdict", "l")]
    lines = []
    for name, model in models.items():
        for row in _rows(model, runtime, kind):
            others = [r for r in _rows(model, second, kind) if r["type"] == row["type"]]
            there = [row, *others]
            error = _error(others[0]) if others else ""
            lines.append([name, row["type"], _kilobytes(row), error, *_cells(row), _verdict(there)])
    return table(head, lines)


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [
        format_number(row["largest_error"], ".1e"),
        format_number(row["psnr"].get("decode"), ".1f"),
        format_number(row["psnr"].get("reconstruct"), ".1f"),
        format_number(row["decibels"], "+.3f"),
        format_number(row["nats"], "+.3f"),
        format_number(row["batch_1_ms"], ".3g"),
    ]


def _saved_model(name: str, model: Model, columns: Sequence[str]) -> list[str]:
    rows = {row["runtime"]: row for row in model["rows"]}
    cpp = rows.get("SavedModel, C++", {})
    there = [rows[column] for column in columns if column in rows]
    nats = [row["nats"] for row in there if row["nats"] is not None]
    return [
        name,
        f"{model['parameters']:,}",
        _kilobytes(cpp),
        *(_error(rows.get(column)) for column in columns),
        format_number(max(nats, key=abs, default=None), "+.4f"),
        format_number(cpp.get("batch_1_ms"), ".3g"),
        format_number(cpp.get("batch_64_ms"), ".3g"),
        _verdict(there),
    ]


def _introduction(models: Models, numbers: str) -> str:
    every = models.values()
    machines = _unique(
        f"{m['machine']['cores']} cores of {m['machine']['processor']}" for m in every
    )
    sources = _unique(f"{m['examples']} {m['source']}" for m in every)
    dates = [m["date"][:10] for m in every]
    when = " to ".join(_unique((min(dates), max(dates))))
    return (
        f"{len(models)} public model classes with small networks, trained for some seconds. Each "
        f"is exported to every format and run in every runtime, on {' or '.join(sources)}. The "
        f"machine has {' and '.join(machines)}. It had other work at the same time, so latencies "
        f"are upper bounds. Dates: {when}. This command writes the section and "
        f"[{numbers}]({numbers}):\n\n"
        f"    {_command(models)}"
    )


def _command(models: Models) -> str:
    """Return the command that repeats all measurements."""
    loaders = {row["runtime"] for model in models.values() for row in model["rows"]}
    others = [name for name in loaders if name.startswith("SavedModel, C++ ")]
    options = " --libtensorflow $(scripts/old_tensorflow.sh)" if others else ""
    return f"python -m tools.catalogue{options}"


_SAVED_MODEL_NOTE = (
    "- **Columns of runtimes**: the largest error against Keras over all signatures that the "
    "runtime reads. It is a fraction of the largest value of an output, at least of 1 for codes "
    "and scores. For integer codes, it is the fraction that differs. The tolerance is 1e-5.\n"
    "- **saved_model_cli** runs the default signature, `reconstruct`.\n"
    "- **C++** is the loader of TF Serving, of three versions of TensorFlow.\n"
    "- **-ELBO** is the largest change of the mean score.\n"
    "- **Latency** is the median of `reconstruct` in C++."
)
_LITERT_NOTE = (
    "All signatures are in one file, with a batch of 1 and one thread. **CompiledModel** is the "
    "largest error in that runtime, all other columns are of LiteRT's interpreter. True PSNR is "
    "better when positive, -ELBO (the mean score) when negative. Tolerances:\n\n"
    "- **float32**: a relative error of 1e-5.\n"
    "- **`decode`**: 80, 50, and 40 dB from Keras for float16, dynamic, and int8; outputs of the "
    "encoder 10 dB less.\n"
    "- **Integer codes**: 99 %, 95 %, and 95 % equal.\n"
    "- **int8** on true images: at most 0.1 dB and 0.3 nats worse than Keras."
)

_ONNX_NOTE = (
    "A file for each endpoint, for any batch size. KB is the sum of all files. **OpenVINO** is the "
    "largest error there, all other columns are of ONNX Runtime with its default threads. "
    "Tolerances are those of LiteRT."
)


def _loader(runtime: str, models: Models) -> str:
    """Return "C++" and the version of the loader."""
    rows = [r for m in models.values() for r in m["rows"] if r["runtime"] == runtime]
    return f"C++ {rows[-1]['version']}"


def _rows(model: Model, runtime: str, kind: str | None = None) -> list[Mapping[str, Any]]:
    return [
        row
        for row in model["rows"]
        if row["runtime"].startswith(runtime) and kind in (None, row.get("kind"))
    ]


def _error(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    return "refused" if row["largest_error"] is None else f"{row['largest_error']:.0e}"


def _verdict(rows: Sequence[Mapping[str, Any]]) -> str:
    return "missed" if any(row["missed"] for row in rows) else "good"


def _kilobytes(row: Mapping[str, Any]) -> str:
    return f"{row['size'] / 1e3:,.0f}" if row.get("size") else ""


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def list_failures(models: Models) -> list[str]:
    """Describe each tolerance that is not met; empty if all are."""
    return [
        f"{name}, {row['runtime']} {row['type']}: {words}"
        for name, model in models.items()
        for row in model["rows"]
        for words in row["missed"]
    ]
