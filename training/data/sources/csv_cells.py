"""Cells of text files: which are numbers, which are gaps, and which are names of columns."""

import re
from collections.abc import Sequence

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)
WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
# A number with marks between groups of three digits.
THOUSANDS = re.compile(r"[+-]?\d{1,3}([ \u00a0\u202f'\u2019.,])\d{3}(\1\d{3})*([.,]\d+)?", re.ASCII)
# A whole number that begins with 0, as the digits behind a decimal comma do.
FRACTION = re.compile(r"0\d+", re.ASCII)
# Words for a number that is missing or infinite, which are no names of columns.
MISSING = ("nan", "na", "n/a", "null", "none", "inf", "+inf", "-inf", "?", "-")


def is_number(cell: str) -> bool:
    """Return whether a cell is a number, with a decimal point or comma."""
    return bool(NUMBER.fullmatch(cell) or DECIMAL_COMMA.fullmatch(cell))


def is_gap(cell: str) -> bool:
    """Return whether a cell stands for a missing number; infinity does not."""
    return not cell or (cell.lower() in MISSING and "inf" not in cell.lower())


def has_thousands(cell: str) -> bool:
    """Return whether a cell has marks of thousands; `1,234` and `1.234` may be decimals."""
    return bool(THOUSANDS.fullmatch(cell)) and not is_number(cell)


def is_heading(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row has a name where the column has numbers, or only names."""
    first, others = rows[0], rows[1:3]
    names = [n for n, cell in enumerate(first) if cell and not is_number(cell)]
    if any(first[n].lower() in MISSING or has_thousands(first[n]) for n in names):
        return False
    if _is_pandas_heading(first, [row[0] for row in others]):
        return True
    below = [n for n in names if any(len(row) > n and is_number(row[n]) for row in others)]
    return bool(below) or (bool(names) and not any(is_number(cell) for cell in first))


def _is_pandas_heading(first: Sequence[str], below: Sequence[str]) -> bool:
    """Return whether the first row has whole numbers as names, behind an empty one of the index."""
    if first[0] or len(first) < 2 or not all(map(WHOLE.fullmatch, first[1:])):
        return False
    return counts(first[1:]) or (bool(below) and counts(below))


def counts(cells: Sequence[str]) -> bool:
    """Return whether cells are 0, 1, 2, and so on."""
    return list(cells) == [str(n) for n in range(len(cells))]
