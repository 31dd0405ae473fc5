"""Tables in a TensorFlow graph: columns of texts and numbers to the array of a model, and back.

It does what `keras_vae.tables.Schema` does in Python, without resources that a server would have to
initialize. The vocabulary is a constant.
"""

import json
from collections.abc import Sequence

from keras_vae.distributions.columns import CLASSES, Column
from keras_vae.distributions.positive import SMALLEST
from keras_vae.typing import Tensor

# Days from 0000-03-01 to 1970-01-01. Years that begin in March have their leap day at the end.
EPOCH = 719_468
# Days from 1970-01-01 to the first and to the last day of the calendar of Python.
FIRST, LAST = -719_162, 2_932_896
DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
NO_DATE = "1970-01-01"
# Days of 400 years, of 100 without a leap day at the end, and of 4 without it.
DAYS_400, DAYS_100, DAYS_4 = 146_097, 36_524, 1_460


def is_text(column: Column) -> bool:
    """Return whether values of a column are texts: categories, and dates as 2024-02-29."""
    return column.kind in CLASSES or column.kind == "date"


def labels_of(column: Column) -> list[str]:
    """Return the categories of a column as texts, all different and none empty.

    If two would be equal or one empty, such as of 1 and "1", all are written as JSON.
    """
    texts = [str(category) for category in column.categories]
    if "" in texts or len(set(texts)) < len(texts):
        return [json.dumps(category, ensure_ascii=False) for category in column.categories]
    return texts


def to_array(columns: Sequence[Column], values: Sequence[Tensor]) -> Tensor:
    """Return columns as float32 `(rows, columns)`, as `Schema.to_array` does.

    A value that does not fit its column is an error when the graph runs.

    Args:
        columns: The columns of the table.
        values: A tensor `(rows,)` for each. Texts are empty where missing, and numbers NaN.
    """
    import tensorflow as tf

    found, checks = [], []
    for column, value in zip(columns, values, strict=True):
        numbers, fits = _texts(column, value) if is_text(column) else _numbers(column, value)
        wanted = f"one of {labels_of(column)}" if column.kind in CLASSES else column.meaning
        wanted = "a date, such as 2024-02-29" if column.kind == "date" else wanted
        missing = "an empty text" if is_text(column) else "NaN"
        text = f"Expected {wanted}, or {missing} for missing, in column {column.name!r}. Received:"
        bad = tf.boolean_mask(value, ~fits)[:1]
        checks.append(tf.raw_ops.Assert(condition=tf.reduce_all(fits), data=[text, bad]))
        found.append(numbers)
    with tf.control_dependencies(checks):
        return tf.stack(found, axis=1)


def to_columns(columns: Sequence[Column], x: Tensor) -> list[Tensor]:
    """Return the columns of an array without NaN, as `Schema.to_frame` does.

    Args:
        columns: The columns of the table.
        x: `(rows, columns)`.
    """
    return [_column(column, x[:, i]) for i, column in enumerate(columns)]


def _numbers(column: Column, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return numbers, and which of them are missing or in the support of their column."""
    import tensorflow as tf

    fits = tf.math.is_finite(values)
    if column.kind == "positive":
        fits &= values >= SMALLEST
    elif column.kind == "count":
        fits &= (values >= 0.0) & (values == tf.math.rint(values))
    return values, fits | tf.math.is_nan(values)


def _texts(column: Column, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return texts as numbers, NaN for an empty one, and which of them fit their column."""
    import tensorflow as tf

    if column.kind == "date":
        numbers, known = _parse_dates(values)
    else:
        equal = tf.equal(values[:, None], tf.constant(labels_of(column)))
        known = tf.reduce_any(equal, axis=1)
        numbers = tf.argmax(tf.cast(equal, tf.int32), axis=1, output_type=tf.int32)
    return tf.where(known, tf.cast(numbers, tf.float32), float("nan")), known | (values == "")


def _column(column: Column, numbers: Tensor) -> Tensor:
    """Return the values of a column of an array as texts or numbers."""
    import tensorflow as tf

    if column.kind == "date":
        return _format_dates(tf.math.floor(tf.cast(numbers, tf.float64) + 0.5))
    if column.kind in CLASSES:
        return tf.gather(tf.constant(labels_of(column)), tf.cast(numbers, tf.int32))
    return tf.maximum(tf.math.rint(numbers), 0.0) if column.kind == "count" else numbers


def _parse_dates(texts: Tensor) -> tuple[Tensor, Tensor]:
    """Return days since 1970-01-01, int32, and which texts are dates of the calendar."""
    import tensorflow as tf

    alike = tf.strings.regex_full_match(texts, DATE)
    safe = tf.where(alike, texts, NO_DATE)
    year, month, day = (
        tf.strings.to_number(tf.strings.substr(safe, start, length), tf.int32)
        for start, length in ((0, 4), (5, 2), (8, 2))
    )
    year -= tf.cast(month < 3, tf.int32)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = 365 * year + year // 4 - year // 100 + year // 400 + of_year - EPOCH
    # Those of other months, such as 2023-02-29, are other texts on the way back.
    return days, alike & (days >= FIRST) & (_format_dates(days) == texts)


def _format_dates(days: Tensor) -> Tensor:
    """Return texts such as 2024-02-29 of days since 1970-01-01, whole numbers of any type."""
    import tensorflow as tf

    one = tf.constant(1, days.dtype)
    days = tf.cast(tf.clip_by_value(days, FIRST * one, LAST * one), tf.int32) + EPOCH
    century, days = days // DAYS_400, days % DAYS_400
    year = (days - days // DAYS_4 + days // DAYS_100 - days // (DAYS_400 - 1)) // 365
    days -= 365 * year + year // 4 - year // 100
    month = (5 * days + 2) // 153
    day = days - (153 * month + 2) // 5 + 1
    month = (month + 2) % 12 + 1
    year += 400 * century + tf.cast(month < 3, tf.int32)
    parts = ((year, 4), (month, 2), (day, 2))
    texts = [tf.strings.as_string(part, width=width, fill="0") for part, width in parts]
    return tf.strings.join(texts, separator="-")
