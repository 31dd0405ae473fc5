"""Tables in other forms than frames: structured arrays, rows, and texts of numbers."""

import datetime
import types

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


COMMAS = [text.replace(".", ",") for text in RENTS]
UNREAD = {
    "numbers": (RENTS, "texts of numbers, such as '500.00'.*pandas.read_csv.*float"),
    "numbers with commas": (COMMAS, "texts of numbers, such as '500,00'"),
    "few numbers and a hole": (["1", "2.5", "3", ""], "texts of numbers, such as '1'"),
    "an empty text": (
        ["Bern", "", "Rome"],
        r"None for missing in column 'rent'.*: '' in row 1.*pandas.read_csv",
    ),
    "a mark": (
        [None, "Bern", "n/a", "Rome"],
        "None for missing in column 'rent'.*: 'n/a' in row 2",
    ),
    "marks alone": (["NA", "nan"], "None for missing in column 'rent'.*: 'NA' in row 0"),
    "dates": (["2024-02-28", "", "2024-03-01"], "texts of dates, .*'2024-02-28'.*to_datetime"),
    "times": (["2024-02-28 10:30", "2024-03-01 09:00"], "texts of dates, .*'2024-02-28 10:30'"),
}


@pytest.mark.parametrize(("texts", "message"), UNREAD.values(), ids=UNREAD)
def test_texts_of_a_csv_are_refused_unless_they_are_said_to_be_categories(texts, message):
    frame = {"rent": texts}
    with pytest.raises(UsageError, match=f"^Expected .*{message}") as caught:
        Schema.infer(frame)
    assert "kinds={'rent': 'categorical'}" in str(caught.value)
    said = Schema.infer(frame, kinds={"rent": "categorical"})["rent"]
    assert said.kind == "categorical" and set(said.categories) == set(texts) - {None}


@pytest.mark.parametrize("texts", [[*RENTS, "unknown"], ["1st", "2nd"], ["True", "False"]])
def test_other_texts_are_categories(texts):
    assert Schema.infer({"rent": texts})["rent"].kind == "categorical"


class Stated:
    """A column of pandas whose type has texts of numbers as categories, or of polars' Enum."""

    def __init__(self, **dtype):
        self.dtype = types.SimpleNamespace(categories=("1", "2", "10"), **dtype)

    def to_numpy(self):
        return np.array(["1", "10", "2", "1"], object)


def test_a_type_with_categories_states_its_texts_and_an_enum_its_order():
    assert Schema.infer({"a": Stated(ordered=False)})["a"].kind == "categorical"
    assert Schema.infer({"a": Stated(ordered=True)})["a"].kind == "ordinal"
    assert Schema.infer({"a": Stated()})["a"].kind == "categorical"
    enum = Schema.infer({"a": Stated()}, kinds={"a": "ordinal"})["a"]
    assert enum.kind == "ordinal" and enum.categories == ("1", "2", "10")


def test_texts_become_ordinal_with_their_order_alone():
    frame, order = {"grade": ["mid", "low", "high", "low"]}, ["low", "mid", "high"]
    schema = Schema.infer(frame)
    message = "the order of the categories of column 'grade'.*: 'high', 'low', 'mid'. .*replace"
    for wrong in (
        lambda: schema.replace("grade", "ordinal"),
        lambda: Schema.infer(frame, kinds={"grade": "ordinal"}),
        lambda: Schema.infer({"grade": Stated(ordered=False)}, kinds={"grade": "ordinal"}),
    ):
        with pytest.raises(UsageError, match=message.split(".*:")[0]):
            wrong()
    with pytest.raises(UsageError, match=message):
        schema.replace("grade", "ordinal")
    ordered = schema.replace("grade", "ordinal", categories=order)
    assert ordered.to_array(frame).ravel().tolist() == [1, 0, 2, 0]
    assert ordered.replace("grade", "ordinal") == ordered
    flags = Schema.infer({"paid": [True, False, True]}).replace("paid", "ordinal")
    assert flags["paid"].categories == (False, True)


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
