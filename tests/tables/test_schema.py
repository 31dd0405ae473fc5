"""The columns of a table: inferred kinds, arrays and back, corrections, files, and refusals."""

import datetime
import json
import math

import keras
import numpy as np
import pytest

from keras_vae.tables import Column, Schema, TabularVAE
from tests.support.models import array

FRAME = {
    "age": [31, 58, None, 44, 19, 27],
    "city": ["Bern", "Rome", "Bern", None, "Oslo", "Rome"],
    "income": [3100.5, 0.1, 2750.25, 4000.0, float("nan"), 120.0],
    "delta": [-0.5, 1.25, 3.0, -2.0, 0.0, None],
    "member": [True, False, None, True, True, False],
    "flag": [0, 1, 1, 0, 0, None],
    "year": [1999, 2001, 2003, 2000, 2000, 2002],
}
SCHEMA = Schema.infer(FRAME)


class Series:
    """As much of a column of pandas or polars as is read."""

    def __init__(self, values, dtype=None):
        self._values, self.dtype = values, dtype

    def to_numpy(self):
        return self._values


class Frame:
    def __init__(self, **columns):
        self._columns, self.columns = columns, list(columns)

    def __getitem__(self, name):
        return self._columns[name]


class Ordered:
    categories, ordered = ("low", "mid", "high"), True


class NAType:
    """pandas.NA: comparisons with it have no truth."""

    def __eq__(self, other):
        return self

    def __ne__(self, other):
        return self

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")


def test_kinds_are_inferred():
    assert {column.name: column.kind for column in SCHEMA} == {
        "age": "count",
        "city": "categorical",
        "income": "positive",
        "delta": "numeric",
        "member": "boolean",
        "flag": "boolean",
        "year": "numeric",
    }
    assert SCHEMA["city"].categories == ("Bern", "Oslo", "Rome")
    assert SCHEMA["age"].mean == pytest.approx(35.8)
    assert SCHEMA["age"].scale == pytest.approx(np.std([31, 58, 44, 19, 27]))


def test_arrays_hold_numbers_indices_and_nan():
    x = SCHEMA.to_array(FRAME)
    assert x.dtype == "float32"
    np.testing.assert_array_equal(x[:, 1], [0, 2, 0, np.nan, 1, 2])
    np.testing.assert_array_equal(x[:, 0], np.array([31, 58, np.nan, 44, 19, 27]))
    np.testing.assert_array_equal(x[:, 4], [1, 0, np.nan, 1, 1, 0])


def test_a_table_comes_back_as_it_was():
    back = SCHEMA.to_frame(SCHEMA.to_array(FRAME))
    wanted = {**FRAME, "income": [3100.5, 0.1, 2750.25, 4000.0, None, 120.0]}
    assert back == wanted
    assert {type(value) for value in back["age"]} == {int, type(None)}
    assert {type(value) for value in back["member"]} == {bool, type(None)}


def test_counts_of_a_model_are_rounded():
    back = Schema((Column("visits", "count"),)).to_frame([[2.6], [-0.2], [np.nan]])
    assert back == {"visits": [3, 0, None]}


def test_data_frames_are_read_like_dictionaries():
    frame = Frame(
        size=Series(np.array(["high", "low", None, NAType()], object), Ordered()),
        weight=Series(np.array([1.5, np.nan, 2.5, 0.5])),
        member=Series(np.array([True, None, False, NAType()], object)),
        place=Series(np.array(["a", "b", "a", "b"])),
    )
    schema = Schema.infer(frame)
    assert [column.kind for column in schema] == ["ordinal", "positive", "boolean", "categorical"]
    assert schema["size"].categories == ("low", "mid", "high")
    wanted = [[2, 1.5, 1, 0], [0, np.nan, np.nan, 1], [np.nan, 2.5, 0, 0], [np.nan, 0.5, np.nan, 1]]
    np.testing.assert_array_equal(schema.to_array(frame), wanted)


def test_it_prints_as_a_table_to_correct():
    assert str(Schema.infer({"city": list("abcdefgh"), "age": [3.0, 5.0] * 4})) == (
        "column  kind         values\n"
        "city    categorical  a, b, c, d, e, f, and 2 more\n"
        "age     numeric      mean 4, scale 1"
    )


def test_a_kind_is_corrected_by_name():
    schema = SCHEMA.replace("age", "numeric").replace("city", "ordinal", ["Oslo", "Bern", "Rome"])
    assert schema["age"].kind == "numeric" and schema["age"].mean == SCHEMA["age"].mean
    np.testing.assert_array_equal(schema.to_array(FRAME)[:, 1], [1, 2, 1, np.nan, 0, 2])
    assert SCHEMA["age"].kind == "count"
    stars = Schema.infer({"stars": [1, 5, 3, 1]}, kinds={"stars": "ordinal"})
    assert stars["stars"].categories == (1, 3, 5)
    assert stars.to_frame(stars.to_array({"stars": [5, None]})) == {"stars": [5, None]}


def test_its_configuration_is_json():
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(SCHEMA)))
    again = keras.saving.deserialize_keras_object(config)
    assert again == SCHEMA
    assert [type(c) for c in again["member"].categories] == [bool, bool]


@pytest.mark.parametrize("kind", ["positive", "count"])
def test_units_are_the_moments_of_the_logarithm_of_a_log_normal_number(kind):
    normal = np.random.default_rng(0).normal(2.0, 0.5, 200_000)
    x = np.exp(normal) - (kind == "count")
    column = Column("a", kind, mean=float(x.mean()), scale=float(x.std()))
    np.testing.assert_allclose(column.units, [2.0, 0.5], atol=0.01)


def test_a_tensor_of_a_model_becomes_a_table():
    x = keras.ops.convert_to_tensor(SCHEMA.to_array(FRAME))
    assert SCHEMA.to_frame(x) == SCHEMA.to_frame(array(x))


def of(**changed):
    return {**FRAME, **changed}


BAD = {
    "an unknown category": (
        lambda: SCHEMA.to_array(of(city=["Bern"] * 4 + ["Paris", "Rome"])),
        r"one of \['Bern', 'Oslo', 'Rome'\], or None for missing, in column 'city'. Received: "
        "'Paris' in row 4",
    ),
    "a negative count": (
        lambda: SCHEMA.to_array(of(age=[31, -1, 3, 4, 5, 6])),
        "Expected a count.*'age'. Received: -1 in row 1",
    ),
    "a text among numbers": (
        lambda: SCHEMA.to_array(of(delta=[0.5, "3", 0, 0, 0, 0])),
        "Expected a number.*'delta'. Received: '3' in row 1",
    ),
    "infinity": (
        lambda: SCHEMA.to_array(of(delta=np.array([0.5, np.inf, 0, 0, 0, 0]))),
        "Expected a number.*'delta'. Received: inf in row 1",
    ),
    "no column": (lambda: SCHEMA.to_array({"age": [1]}), "Expected a column 'city'. Received: a t"),
    "fewer rows": (lambda: SCHEMA.to_array(of(age=[3])), "equally many rows. Received: .*'age': 1"),
    "only missing": (lambda: Schema.infer({"a": [None, math.nan]}), "a known value in column 'a'"),
    "one category": (lambda: Schema.infer({"a": ["b", "b"]}), "Expected at least 2 different"),
    "keys": (lambda: Schema.infer({"a": [f"name {i}" for i in range(1001)]}), "at most 1000.*1001"),
    "durations": (
        lambda: Schema.infer({"a": [datetime.timedelta(1)]}),
        "Expected numbers, texts, booleans, or dates",
    ),
    "no table": (lambda: Schema.infer(np.zeros((3, 2))), "Expected a data frame.*ndarray"),
    "numbers as names": (lambda: Schema.infer({0: [1, 2]}), "texts as names"),
    "a text for a column": (lambda: Schema.infer({"a": "bc"}), "Expected a sequence.*str"),
    "a matrix": (lambda: Schema.infer({"a": np.zeros((2, 2))}), "Expected a sequence.*ndarray"),
    "texts of a number": (
        lambda: Schema.infer({"a": ["b", "c"]}, kinds={"a": "count"}),
        "Expected a count, .*in column 'a'. Received: 'b' in row 0",
    ),
    "an unknown kind": (lambda: SCHEMA.replace("age", "real"), "Expected kind.*'real'"),
    "a kind of no column": (lambda: Schema.infer(FRAME, {"b": "count"}), r"Received: \['b'\]"),
    "an unknown name": (lambda: SCHEMA.replace("name", "count"), "Expected name.*'name'"),
    "no categories": (lambda: SCHEMA.replace("age", "ordinal"), "Expected the categories.*'age'"),
    "categories of texts": (lambda: SCHEMA.replace("city", "count"), "Expected a column of numb"),
    "two of one name": (lambda: Schema((Column("a", "count"),) * 2), "Expected columns of differ"),
    "an array of others": (lambda: SCHEMA.to_frame(np.zeros((2, 3))), r"\(rows, 7\).*\(2, 3\)"),
    "no such index": (
        lambda: Schema((SCHEMA["city"],)).to_frame([[0.0], [3.0]]),
        "Expected a category, 0 to 2, in column 'city'. Received: 3 in row 1",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_refused(name):
    call, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=message):
        call()


class Reordered(Frame):
    """A frame as models see it: an array that says nothing of names."""

    def to_numpy(self):
        return np.stack([column.to_numpy() for column in self._columns.values()], axis=1)


def test_models_read_a_frame_by_the_names_of_its_columns_or_refuse_it():
    columns = {"a": Series(np.array([1.0, 2.0, 3.5])), "b": Series(np.array([100.0, 220.0, 330.5]))}
    schema = Schema.infer(Frame(**columns))
    model = TabularVAE(schema, latent_dim=1, hidden=(2,), seed=0)
    wanted = model.predict(schema.to_array(Frame(**columns)), verbose=0)
    for names in ("ab", "ba"):
        frame = Reordered(**{name: columns[name] for name in names})
        np.testing.assert_array_equal(model.predict(frame, verbose=0), wanted)
        for verb in (model.encode, model.reconstruct, model.score):
            with pytest.raises(TypeError, match=r"Received: a Reordered. .Write model.schema.to_"):
                verb(frame)
    model.compile("sgd")
    assert len(model.fit(frame, epochs=1, verbose=0).epoch) == 1
    with pytest.raises(ValueError, match="Expected a column 'b'"):
        model.predict(Reordered(a=columns["a"]), verbose=0)
