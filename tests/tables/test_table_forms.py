"""Tables in other forms than frames: structured arrays, rows, and texts of numbers."""

import datetime

import numpy as np
import pytest

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.tables import Schema, TabularVAE

ROWS = [("Bern", 910.5, 3), ("Rome", 700.25, 2), ("Bern", 815.0, 4), ("Oslo", 640.0, 1)]
NAMES = ("city", "rent", "rooms")
PLAIN = {name: [row[i] for row in ROWS] for i, name in enumerate(NAMES)}
RENTS = [f"{500 + 1.5 * n:.2f}" for n in range(60)]


def test_a_structured_array_is_a_table_of_its_columns():
    given = np.array(ROWS, dtype=[("city", "U8"), ("rent", "f8"), ("rooms", "i8")])
    schema = Schema.infer(given)
    assert schema == Schema.infer(PLAIN)
    np.testing.assert_array_equal(schema.to_array(given), schema.to_array(PLAIN))


def test_rows_are_refused_with_the_way_to_columns():
    rows = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
    with pytest.raises(
        UsageTypeError, match=r"Received: list. \(Of dictionaries, one a row: (.*)\.\)"
    ):
        Schema.infer(rows)
    advised = {name: [row[name] for row in rows] for name in rows[0]}
    assert Schema.infer(advised) == Schema.infer(PLAIN)


@pytest.mark.parametrize("texts", [RENTS, [text.replace(".", ",") for text in RENTS]])
def test_texts_of_numbers_are_refused_unless_they_are_said_to_be_codes(texts):
    frame = {"rent": texts, "rooms": list(range(60))}
    message = r"60 different texts of numbers, such as '500.00'. \(Convert them: .*'categorical'"
    with pytest.raises(UsageError, match=message):
        Schema.infer(frame)
    assert Schema.infer(frame, kinds={"rent": "categorical"})["rent"].kind == "categorical"
    few = {"rent": texts[:20] * 3, "rooms": list(range(60))}
    assert Schema.infer(few)["rent"].kind == "categorical"
    words = {"rent": [*texts[:-1], "unknown"], "rooms": list(range(60))}
    assert Schema.infer(words)["rent"].kind == "categorical"


def test_a_kind_of_numbers_for_texts_names_some_of_them():
    schema = Schema.infer({"rent": [f"x{n}" for n in range(30)], "rooms": list(range(30))})
    with pytest.raises(UsageError, match=r"categories 'x0', 'x1'.* \.\.\. \(Convert") as error:
        schema.replace("rent", "positive")
    assert "x9'" not in str(error.value)


# Not in float32, next to gaps.
FINE = {
    "size": [16777217, 5, None, 33554435] * 3,
    "count": [16777216, 5, None, 33554440] * 3,
    "amount": [123456.789, 1.5, None, 9876543.21] * 3,
    "day": [datetime.datetime(2024, 3, day) for day in range(1, 13)],
    "kind": ["a", "b", "a", None] * 3,
}


@pytest.fixture(scope="module")
def model():
    schema = Schema.infer(FINE, kinds={"count": "count", "size": "numeric", "amount": "numeric"})
    return TabularVAE(schema, latent_dim=2, hidden=(4,), seed=0)


@pytest.mark.parametrize("draws", [None, 2])
def test_known_values_stay_beyond_the_precision_of_float32(model, draws):
    tables = model.impute(FINE, draws=draws, seed=0)
    for table in [tables] if draws is None else tables:
        for name, given in FINE.items():
            known = [found for found, value in zip(table[name], given, strict=True) if value]
            assert known == [value for value in given if value]
            assert None not in table[name]
    assert {type(value) for value in table["count"]} == {int}


@pytest.mark.parametrize(
    "day", [np.datetime64("2024-03-05"), datetime.datetime(2024, 3, 5)], ids=["NumPy", "Python"]
)
def test_a_condition_compares_dates(model, day):
    found = model.sample_table(20, seed=0, where=lambda columns: columns["day"] >= day)
    assert len(found["day"]) == 20
    assert min(found["day"]) >= datetime.datetime(2024, 3, 5)
