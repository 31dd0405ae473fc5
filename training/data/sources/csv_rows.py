"""Rows of cells from text files: their encoding, delimiter, and comments."""

import codecs
import csv
import re
from collections.abc import Sequence
from pathlib import Path

from keras_vae.errors import UsageError

DELIMITERS = (";", "\t", "|", ",")
# The first line with which Excel states the delimiter.
STATED = re.compile(r'"?sep=([^\w"])"?', re.IGNORECASE)
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_rows(path: Path, keep_empty: bool = False) -> tuple[list[list[str]], list[int], str]:
    """Return the cells of each line that is not empty, its number, and the delimiter.

    Args:
        path: A text file.
        keep_empty: Whether to keep lines of delimiters alone that have others below them.

    Raises:
        ValueError: If the file is no text, or a cell has several lines.
    """
    lines = re.split(r"\r\n|\r|\n", _decode(path))
    stated = STATED.fullmatch(lines[0])
    numbered = ((n, line) for n, line in enumerate(lines) if n or not stated)
    first = next((n for n, line in numbered if line[:1] != "#" and line.strip()), bool(stated))
    lines = lines[first:]
    delimiter = stated[1] if stated else _delimiter(lines)
    try:
        if delimiter == " ":
            cells = [line.split() for line in lines]
        else:
            cells = [
                [cell.strip() for cell in row]
                for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
            ]
    except csv.Error as error:
        raise UsageError(f"Expected a table of numbers in {path}. Received: {error}.") from error
    if len(cells) != len(lines):
        raise UsageError(
            f"Expected a row of numbers in each line of {path}. Received: a cell of several lines. "
            "(A quotation mark is not closed, or a cell has text.)"
        )
    # Cells are empty in rows of spreadsheets that have nothing but delimiters.
    last = max((n for n, row in enumerate(cells, first + 1) if any(row)), default=0)
    kept = [
        (n, row)
        for n, row in enumerate(cells, first + 1)
        if any(row) or (keep_empty and len(row) > 1 and n < last)
    ]
    return [row for _, row in kept], [n for n, _ in kept], delimiter


def _decode(path: Path) -> str:
    """Return the text of a file; its encoding is known by its first bytes."""
    content = path.read_bytes()
    encoding = next((name for bom, name in BOMS.items() if content.startswith(bom)), None)
    if encoding is None and b"\0" in content:
        raise UsageError(
            f"Expected text in {path}. Received: a zero byte at {content.index(0):,}, as binary "
            "files and UTF-16 without a mark have. (Save it as UTF-8.)"
        )
    try:
        return content.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise UsageError(
                f"Expected {encoding} in {path}, as its first bytes say. Received: {error}. "
                "(Save it as UTF-8.)"
            ) from error
    # An accent or a unit in the heading, as Windows writes it. Numbers are the same in both.
    return content.decode("cp1252", errors="replace")


def _delimiter(lines: Sequence[str]) -> str:
    """Return the character between cells: the one that all of the first lines have."""
    sample = [line for line in lines if line.strip()][:100]
    for mark in DELIMITERS:
        if sample and all(mark in line for line in sample):
            return mark
    if any(mark in line for line in sample for mark in DELIMITERS):
        # Ragged, or a decimal comma under a heading; both are refused with their rows.
        return max(DELIMITERS, key=lambda mark: sum(mark in line for line in sample))
    # The name of a single column may have blanks.
    return " " if any(len(line.split()) > 1 for line in sample[1:] or sample) else ","
