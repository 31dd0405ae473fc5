"""The card of a preset, README.md: its YAML head is for the hub, the rest for readers."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keras_vae.presets.contents import CONFIG

LOAD = """\
```python
import keras_vae as kv

model = kv.from_preset({place})
```
"""


def write_card(config: Mapping[str, Any], hashes: Mapping[str, str], place: str) -> str:
    """Return the card of a preset.

    Args:
        config: The content of its config.json, without the hashes.
        hashes: The SHA-256 of each file but the card and config.json.
        place: The name by which the preset is loaded.
    """
    parts = [
        f"# {' '.join(config['name'].split())}",
        config.get("description") or f"A trained {config['model']['class']} of keras_vae.",
        LOAD.format(place=json.dumps(place, ensure_ascii=False)),
        f"## Model\n\n{_model(config)}",
        f"## Data\n\n{_data(config)}",
        f"## Metrics\n\n{_metrics(config)}",
        f"## Exports\n\n{_exports(config)}",
        f"## License\n\n{config.get('license') or 'Not given.'}",
        f"## Files\n\n`{CONFIG}` has these hashes too, with that of this card.\n\n"
        + _table(("file", "SHA-256"), [(name, f"`{value}`") for name, value in hashes.items()]),
    ]
    return f"---\n{_head(config)}\n---\n\n" + "\n\n".join(map(str.strip, parts)) + "\n"


def _head(config: Mapping[str, Any]) -> str:
    """Return YAML that the hub reads."""
    data = (config.get("data") or {}).get("name")
    head: dict[str, Any] = {
        "license": config.get("license") or "unknown",
        "library_name": "keras_vae",
        "tags": ["keras", "autoencoder", config["model"]["class"]],
        **({"datasets": [data]} if data else {}),
        "model-index": [{"name": config["name"], "results": _results(config)}],
    }
    return "\n".join(_yaml(head))


def _yaml(value: Any) -> list[str]:
    """Return the lines of a value as YAML, an entry of a list or mapping on lines of its own."""
    if not value or not isinstance(value, dict | list):
        return [_scalar(value)]
    lines: list[str] = []
    for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
        first, *rest = _yaml(entry)
        if isinstance(value, list):
            lines += [f"- {first}", *_indent(rest)]
        elif entry and isinstance(entry, dict | list):
            lines += [f"{key}:", *_indent([first, *rest])]
        else:
            lines.append(f"{key}: {first}")
    return lines


def _indent(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _scalar(value: Any) -> str:
    """Return JSON that is YAML 1.1 too: 1.0e-05 and no halves of characters."""
    text = json.dumps(value, ensure_ascii=False).encode("ascii", "backslashreplace").decode()
    return re.sub(r"^(-?\d+)e", r"\1.0e", text) if isinstance(value, float) else text


def _results(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    metrics = config.get("metrics") or {}
    data = (config.get("data") or {}).get("name") or "unknown"
    found = [{"type": name, "value": entry["value"]} for name, entry in metrics.items()]
    split = {"split": "test"} if config.get("recipe") else {}  # Others may be of any part.
    dataset = {"name": data, "type": data, **split}
    task = {"type": "reconstruction"}
    return [{"task": task, "dataset": dataset, "metrics": found}] if found else []


def _model(config: Mapping[str, Any]) -> str:
    model = config["model"]
    rows = [(name.replace("_", " "), _text(value)) for name, value in model.items()]
    if config.get("threshold") is not None:
        rows.append(("threshold", f"{config['threshold']:.6g}"))
    return _table(("property", "value"), rows)


def _data(config: Mapping[str, Any]) -> str:
    labels = config.get("labels")
    rows = [(name, _text(value)) for name, value in (config.get("data") or {}).items()]
    rows += [("labels", ", ".join(labels))] if labels else []
    return _table(("property", "value"), rows) if rows else "Not given."


def _metrics(config: Mapping[str, Any]) -> str:
    metrics = config.get("metrics") or {}
    rows = [
        (name, f"{entry['value']:.4g}", entry.get("unit", ""), entry.get("meaning", ""))
        for name, entry in metrics.items()
    ]
    table = _table(("metric", "value", "unit", "meaning"), rows) if rows else "Not given."
    return "\n\n".join([table, *_commands(config)])


def _commands(config: Mapping[str, Any]) -> Iterator[str]:
    name = config["name"]
    if config.get("command"):
        is_detector = "of" in config["model"]
        again = f"{config['command']} --measure" if is_detector else f"keras-vae evaluate {name}"
        yield f"`{again}` measures them again."
        yield (
            f"`{config['command']}` trains the recipe `{config.get('recipe')}` for "
            f"{config.get('epochs')} epochs, measures the model as it is in this folder, and "
            f"writes this card ({config.get('date', 'no date')})."
        )


def _exports(config: Mapping[str, Any]) -> str:
    rows = [
        (row["format"], row["endpoints"], f"{row['bytes'] / 1000:,.0f} kB", f"{row['error']:.1e}")
        for row in config.get("exports") or ()
    ]
    head = ("format", "endpoints", "size", "largest difference from Keras")
    return _table(head, rows) if rows else "Not measured."


def _text(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; a | or a line break in a cell does not end it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
