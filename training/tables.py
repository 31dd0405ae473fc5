"""Markdown tables that also read well in a terminal, and numbers as JSON allows them."""

import math
from collections.abc import Sequence
from typing import Any

# A heading, and "l" or "r" for the side to which cells are aligned.
Column = tuple[str, str]


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns are as wide as their longest cell."""
    cells = [[heading for heading, _ in columns], *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    sides = [side for _, side in columns]
    lines = [_line(row, widths, sides) for row in cells]
    rule = (
        "-" * (width + 1) + (":" if side == "r" else "-")
        for width, side in zip(widths, sides, strict=True)
    )
    lines.insert(1, "|" + "|".join(rule) + "|")
    return "\n".join(lines)


def format_number(value: float | None, form: str) -> str:
    """Format `value`: empty for None or NaN, and without a minus sign if it is rounded to 0."""
    if value is None or math.isnan(value):
        return ""
    text = format(value, form)
    sign = "+" if "+" in form else ""
    return text if any(digit in text for digit in "123456789") else text.replace("-", sign)


def replace_nonfinite(value: Any) -> Any:
    """Replace numbers that are not finite by None, at any depth: JSON has no infinity."""
    if isinstance(value, dict):
        return {key: replace_nonfinite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [replace_nonfinite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _line(cells: Sequence[str], widths: Sequence[int], sides: Sequence[str]) -> str:
    padded = (
        cell.rjust(width) if side == "r" else cell.ljust(width)
        for cell, width, side in zip(cells, widths, sides, strict=True)
    )
    return "| " + " | ".join(padded) + " |"
