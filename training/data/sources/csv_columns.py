"""The columns of a table that are read: by their names, or all but some."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from keras_vae.errors import UsageError


def find(path: Path, named: Mapping[int, str], name: str, use: str) -> int:
    """Return the place of the only column of a name.

    Args:
        path: The file, for the message.
        named: The names of the columns by their places; all are empty without a heading.
        name: The name.
        use: What the column is for, for the message.

    Raises:
        ValueError: If no column has the name, or several have.
    """
    found = [place for place, one in named.items() if one and one == name]
    if len(found) != 1:
        has = ", ".join(named.values()) if any(named.values()) else "no names"
        raise UsageError(
            f"Expected a column {use}, in {path}. Received: {name!r}; the file has {has}."
        )
    return found[0]


def without(path: Path, named: Mapping[int, str], names: Sequence[str]) -> list[int]:
    """Return the places of all columns but those of some names.

    Args:
        path: As in `find`.
        named: As in `find`.
        names: The names of the columns to leave out.

    Raises:
        ValueError: If no column has one of the names, or none would be left.
    """
    if twice := [name for name in dict.fromkeys(names) if list(names).count(name) > 1]:
        raise UsageError(
            f"Expected each column to skip once. Received: {', '.join(twice)} more than once."
        )
    has = list(named.values())
    if all(has) and len(set(has)) == len(has) and set(has) <= set(names):
        raise UsageError(
            f"Expected at least one column to keep, in {path}. Received: all of them to skip, "
            f"{', '.join(names)}."
        )
    kept = dict(named)
    for name in names:
        del kept[find(path, kept, name, "to skip, of a name of its own, and others to keep")]
    return list(kept)


def in_order(
    path: Path, named: Mapping[int, str], names: Sequence[str], skipped: Sequence[str]
) -> list[int]:
    """Return the places of the columns of these names, in the order of the names.

    Other columns are passed over, and named on stderr. A file without a heading must have as many
    columns, which are taken as they are.

    Args:
        path: As in `find`.
        named: As in `find`.
        names: The names, those of the columns of a training.
        skipped: Names that the training left out, of which nothing is said.

    Raises:
        ValueError: If a column is missing, or several have its name.
    """
    has = list(named.values())
    if not any(has):
        if len(named) != len(names):
            raise UsageError(
                f"Expected the columns {', '.join(names)} in {path}, by name, or as many without "
                f"a heading. Received: {len(named)} columns without names."
            )
        return list(named)
    if missing := [name for name in names if name not in has]:
        raise UsageError(
            f"Expected the columns {', '.join(names)} in {path}, as in the training. Received: "
            f"{', '.join(has)}, without {', '.join(missing)}. (Name the columns as they were.)"
        )
    if others := [name for name in has if name not in {*names, *skipped}]:
        print(
            f"Passed over in {path}: {', '.join(map(repr, others))}, which the training had not.",
            file=sys.stderr,
        )
    return [find(path, named, name, "of a name of its own") for name in names]
