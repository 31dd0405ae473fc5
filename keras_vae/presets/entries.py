"""The entries of config.json and their forms, the same when a preset is written and read."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# Nested lists and dictionaries: more than a card needs.
DEEPEST = 20


@dataclass(frozen=True)
class Form:
    """The form of an entry.

    Args:
        what: The form as text, for messages.
        kind: Its type.
        fits: Returns whether a value of this type has the form.
        needed: Whether it may not be None.
    """

    what: str
    kind: type | tuple[type, ...]
    fits: Callable[[Any], bool]
    needed: bool = False


def find_wrong(config: Mapping[str, Any]) -> str | None:
    """Return the name of the first entry that has another form, or None."""
    for name, form in FORMS.items():
        value = config.get(name)
        if value is None and not form.needed:
            continue
        if not isinstance(value, form.kind) or not form.fits(value):
            return name
    return None


def _is_text(value: Any) -> bool:
    """Return whether a value is text that UTF-8 can hold."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _is_number(value: Any) -> bool:
    try:
        is_real = isinstance(value, int | float) and not isinstance(value, bool)
        return is_real and math.isfinite(value)
    except OverflowError:  # An integer that float64 does not hold.
        return False


def _is_plain(value: Any, depth: int = DEEPEST) -> bool:
    """Return whether JSON can hold a value as it is."""
    if isinstance(value, dict):
        return all(map(_is_text, value)) and _is_plain(list(value.values()), depth)
    if isinstance(value, list):
        return depth > 0 and all(_is_plain(one, depth - 1) for one in value)
    return value is None or isinstance(value, bool) or _is_text(value) or _is_number(value)


def _is_model(model: dict[str, Any]) -> bool:
    return _is_text(model.get("class")) and _is_plain(model)


def _is_data(data: dict[str, Any]) -> bool:
    return _is_plain(data) and (data.get("name") is None or _is_text(data["name"]))


def _are_metrics(metrics: dict[str, Any]) -> bool:
    return _is_plain(metrics) and all(name and _is_metric(one) for name, one in metrics.items())


def _is_metric(metric: Any) -> bool:
    if not isinstance(metric, dict) or not _is_number(metric.get("value")):
        return False
    return all(_is_text(metric.get(name, "")) for name in ("unit", "meaning"))


def _are_exports(rows: list[Any]) -> bool:
    return all(isinstance(row, dict) and _is_export(row) for row in rows)


def _is_export(row: dict[str, Any]) -> bool:
    texts, numbers = ("format", "endpoints"), ("bytes", "error")
    return all(_is_text(row.get(name)) for name in texts) and all(
        _is_number(row.get(name)) for name in numbers
    )


FORMS: Mapping[str, Form] = {
    "name": Form("text", str, _is_text, needed=True),
    "model": Form("a dictionary with its class", dict, _is_model, needed=True),
    "files": Form("a dictionary from names to hashes", dict, _is_plain, needed=True),
    "description": Form("text", str, _is_text),
    "license": Form("text", str, _is_text),
    "labels": Form("a list of names", list, lambda labels: all(map(_is_text, labels))),
    "data": Form(
        "a dictionary of texts and numbers, with the name of the data set as name", dict, _is_data
    ),
    "metrics": Form(
        "numbers by name, or for each a dictionary with value, unit and meaning", dict, _are_metrics
    ),
    "exports": Form(
        "a list of dictionaries with format and endpoints as text, and bytes and error as numbers",
        list,
        _are_exports,
    ),
    "threshold": Form("a number", (int, float), _is_number),
}
