"""The rows of a table for training and for testing, told by a column of words.

Rows that were held out are never mixed into the training data: what is unclear is refused.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.file_search import tell_passed_over
from keras_vae.training.data.parts import TEST, TRAIN, VALIDATION, part_of
from keras_vae.training.data.sources.base import hold_out
from keras_vae.training.data.sources.columns import check_no_nulls

# The names that such a column has, in any case.
NAMES = ("split", "partition", "subset")
PARTS = (TRAIN, TEST, VALIDATION)
ADVICE = "(Write train and test into a column split, or remove the column.)"


def part_column(schema: Any, where: str) -> str | None:
    """Return the name of the column of a `pyarrow.Schema` that tells the part of each row.

    Args:
        schema: The columns.
        where: The name of the file, for messages.

    Returns:
        None if there is none.

    Raises:
        ValueError: If a column speaks of parts in another way than by words.
    """
    import pyarrow as pa

    found = None
    for field in schema:
        is_named = field.name.lower() in NAMES
        if (is_named and not _is_text(field.type)) or (
            pa.types.is_boolean(field.type) and part_of(field.name)[0]
        ):
            raise UsageError(
                f"Expected the parts as words such as train and test in {where}. Received: the "
                f"column {field.name} ({field.type}). {ADVICE}"
            )
        found = found or (field.name if is_named else None)
    return found


def parse_parts(array: Any, where: str) -> np.ndarray:
    """Return the place in `PARTS` of each word, int8 `(rows,)`.

    Args:
        array: A `pyarrow.Array` of words.
        where: The name of its column, for messages.

    Raises:
        ValueError: If a word speaks of no part, or is missing.
    """
    check_no_nulls(array, where)
    array = array if hasattr(array, "dictionary") else array.dictionary_encode()
    words = array.dictionary.to_pylist()
    known = {word: part_of(str(word))[0] for word in words}
    if unclear := [word for word, part in known.items() if part is None]:
        raise UsageError(
            f"Expected words such as train and test in {where}. Received: "
            f"{', '.join(map(repr, unclear[:3]))}. {ADVICE}"
        )
    places = [PARTS.index(known[word] or TRAIN) for word in words]
    return np.array(places, np.int8)[array.indices.to_numpy()]


def parts_of_rows(path: Path, rows: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows for training and for testing, as a column says, or every tenth.

    Args:
        path: The file or folder, for messages.
        rows: The rows, which have `parts`, see `parse_parts`.

    Raises:
        ValueError: If there are no rows for training.
    """
    places = rows.parts()
    if places is None:
        return hold_out(len(rows))
    train, test, passed = _choose_rows(places, f"the column split of {path}")
    tell_passed_over(path, passed)
    return (train, test) if len(test) else hold_out(len(rows))


def _choose_rows(places: np.ndarray, where: str) -> "tuple[np.ndarray, np.ndarray, Counter[str]]":
    """Return the rows for training, those for testing, and the number of rows of neither kind.

    Args:
        places: From `parse_parts`.
        where: The name of the column, for messages.

    Returns:
        The rows for validation are for testing if there are no others. There are no rows for
        testing if all are for training.

    Raises:
        ValueError: If there are no rows for training.
    """
    train, test, validation = (np.flatnonzero(places == place) for place in range(len(PARTS)))
    if not len(train):
        raise UsageError(f"Expected rows for training in {where}. Received: none. {ADVICE}")
    if not len(test):
        return train, validation, Counter()
    left = {"rows for validation, next to those for testing": len(validation)}
    return train, test, +Counter(left)


def check_rows(places: np.ndarray, is_train: bool, where: str) -> None:
    """Raise ValueError if rows of files for one part are of another one, by their column."""
    wrong = int(((places == PARTS.index(TRAIN)) != is_train).sum())
    if wrong:
        raise UsageError(
            f"Expected rows for {'training' if is_train else 'testing'} in {where}, as the names "
            f"of the files say. Received: {wrong:,} others. (Rename the files, or remove the "
            "column.)"
        )


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    kind = getattr(kind, "value_type", kind) if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)
