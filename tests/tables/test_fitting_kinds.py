"""Kinds that do not fit their values are refused when a schema is made, with those that fit."""

import numpy as np
import pytest

from keras_vae.errors import UsageError
from keras_vae.tables import Column, Schema, TabularVAE
from tests.support.models import array
from tests.tables.test_schema import Frame, Series

DAY = np.datetime64("2024-02-29")


def infer(values, kind=None):
    return Schema.infer(
        {"a": values, "b": [0.5] * len(values)}, {} if kind is None else {"a": kind}
    )


UNFIT = {
    "half a count": ([None, 1.5, 2.0], "count", "a count.*'a'. Received: 1.5 in row 1", "numeric"),
    "a negative count": ([3, None, -2], "count", "a count.*'a'. Received: -2 in row 2", "numeric"),
    "an amount of 0": ([2.5, 0.0], "positive", "above 0.*'a'. Received: 0.0 in row 1", "numeric"),
    "amounts below 0": ([-2.5, -1], "positive", "above 0.*'a'. Received: -2.5 in row 0", "numeric"),
    "three booleans": ([1, None, 0, 3], "boolean", "two.*'a'.* 3 in row 3, the third", "count"),
    "texts as counts": (["x", "y"], "count", "a count.*'a'. Received: 'x' in row 0", "boolean"),
    "a text among numbers": ([1, "x"], "numeric", "number.*'a'. Received: 'x' in row 1", "boolean"),
    "texts as dates": ([None, "today", "x"], "date", "dates.*'a'.*: 'today' in row 1", "boolean"),
    "texts in no order": (["x", "y"], "ordinal", "the order of .*'a'.*: .*'x', 'y'", "categorical"),
    "one class": ([4, 4], "categorical", r"at least 2 different.*'a'.*\[4\]", "count"),
    "too many classes": (list(range(1001)), "ordinal", "at most 1000.*'a'.*: 1001", "count"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_kind_that_does_not_fit_is_refused_with_the_value_and_the_kinds_that_fit(name):
    values, kind, message, fits = UNFIT[name]
    with pytest.raises(UsageError, match=f"(?s)^Expected .*{message}.*Kinds that fit: .*'{fits}'"):
        infer(values, kind)


@pytest.mark.parametrize("name", UNFIT)
def test_each_kind_that_is_named_as_fitting_is_taken_and_no_other(name):
    values, kind, *_ = UNFIT[name]
    with pytest.raises(UsageError) as caught:
        infer(values, kind)
    named = str(caught.value).split("Kinds that fit: ")[1].removesuffix(".)").split(", ")
    for other in ("numeric", "positive", "count", "ordinal", "categorical", "boolean"):
        if repr(other) in named:
            schema = infer(values, other)
            assert schema.to_array({"a": values, "b": [0.5] * len(values)}).shape[1] == 2
        else:
            with pytest.raises(UsageError):
                infer(values, other)


def test_an_unknown_kind_is_refused_with_its_column():
    with pytest.raises(UsageError, match="the kind of column 'a' to be 'numeric'.*'real'"):
        infer([1.5, 2.5], "real")


def test_columns_of_unequal_length_are_refused_with_their_names_and_lengths():
    frame = {"a": [1.5, 2.5, 3.5], "b": [1, 2]}
    for call in (Schema.infer, Schema((Column("a", "numeric"), Column("b", "count"))).to_array):
        with pytest.raises(UsageError, match="equally many rows. Received: {'a': 3, 'b': 2}"):
            call(frame)


def test_the_row_of_a_bad_date_counts_the_missing_ones():
    with pytest.raises(UsageError, match="2024-02-29 12:00:00 in row 2"):
        Schema.infer({"a": [None, DAY.item(), np.datetime64("2024-02-29T12:00").item()]})


WIDE = [16777217, 5, None, 33554435]


@pytest.mark.parametrize(
    "values", [WIDE, np.array(WIDE[:2]), np.array([np.nan if v is None else v for v in WIDE])]
)
def test_counts_that_float32_cannot_hold_are_refused_if_counts_are_asked_for(values):
    message = (
        "whole numbers that float32 can hold in column 'a'. Received: 16777217 in row 0, which "
        r"would become 16777216. .*kinds={'a': 'numeric'}.*Kinds that fit: 'numeric', 'positive'"
    )
    with pytest.raises(UsageError, match=message):
        infer(values, "count")
    assert infer(values, "numeric")["a"].kind == "numeric"
    found = Schema((Column("a", "count"),)).to_array({"a": values})
    assert found.dtype == "float32" and found[0, 0] == 2**24  # A trained model takes all rows.


@pytest.mark.parametrize(
    "values, kind",
    [
        (np.linspace(1000, 1_400_000_001, 500).astype("int64"), "positive"),
        (np.linspace(0, 1_400_000_001, 500).astype("int64"), "numeric"),
        (1_700_000_001 + 63_000 * np.arange(500), "positive"),
        ([16777217, 5, None, 33554435], "positive"),
    ],
    ids=["populations", "with 0", "seconds of a year", "with a gap"],
)
def test_large_whole_numbers_have_another_kind_than_counts(values, kind):
    assert infer(values)["a"].kind == kind


def test_counts_of_an_array_are_refused_by_their_column():
    model = TabularVAE(Schema((Column("b", "numeric"), Column("a", "count"))), 1, (2,), seed=0)
    for dtype in ("int64", "float64"):
        x = np.array([[1, 2], [3, 16777217]], dtype)
        for call in (model.score, model.encode, model.observation(np.zeros((2, 1))).log_prob):
            with pytest.raises(UsageError, match="column 'a' of x. Received: 16777217 in row 1"):
                call(x)
        assert np.isfinite(array(model.score(x[:, ::-1] % 1000))).all()


KEYS = [2**53, 2**53 + 1, 2**53, 2**53 + 3]


@pytest.mark.parametrize("values", [KEYS, np.array(KEYS), np.array(KEYS, "uint64")])
def test_long_keys_stay_apart_as_categories(values):
    schema = infer(values, "categorical")
    assert schema["a"].categories == (2**53, 2**53 + 1, 2**53 + 3)
    x = schema.to_array({"a": values, "b": [0.5] * 4})
    np.testing.assert_array_equal(x[:, 0], [0, 1, 0, 2])
    assert schema.to_frame(x)["a"] == KEYS


def test_keys_that_floats_have_merged_are_no_categories():
    with pytest.raises(UsageError, match="float64 can tell apart. Received: 9007199254740992.0 in"):
        infer(np.array([2.0**53, 5.0, 7.0]), "categorical")


SECONDS = np.arange(50.0)
STAMPS = {
    "amounts within an hour": (1.7e9 + 60 * SECONDS + 0.5, "positive"),
    "numbers within a minute": (1.7e9 + SECONDS + 0.5, "numeric"),
    "numbers within minutes": (1.7e9 + 8 * SECONDS + 0.5, "numeric"),
}


@pytest.mark.parametrize("name", STAMPS)
def test_numbers_whose_differences_float32_loses_are_refused(name):
    values, kind = STAMPS[name]
    message = (
        "column 'a' that float32 can tell apart.*Received: 170.*(% of|than) their standard dev"
    )
    with pytest.raises(UsageError, match=message):
        infer(values, kind)
    assert infer(values - values[0] + 1.0, kind)["a"].kind == kind


def test_keys_are_advised_to_be_left_out():
    with pytest.raises(UsageError, match="by more than their standard deviation.*Leave out keys"):
        infer([10**12 + n for n in range(50)])


def test_numbers_that_keep_their_differences_are_taken():
    assert infer(1.7e9 + 86_400 * SECONDS, "numeric")["a"].kind == "numeric"
    assert infer(2**24 + 2 * SECONDS, "numeric")["a"].kind == "numeric"  # Each is in float32.
    assert infer(np.full(5, 1.7e9), "positive")["a"].scale == 1.0


@pytest.mark.parametrize("value", [1e300, 10**400, -(10**39), np.inf], ids="abcd")
def test_numbers_beyond_float32_are_refused_with_their_row(value):
    with pytest.raises(UsageError, match="'a' that float32 can hold, up to 3.4e.38.* in row 1"):
        infer([1.5, value, 2.5])
    with pytest.raises(UsageError, match="Expected a number, .*in column 'a'.*in row 0"):
        Schema((Column("a", "numeric"),)).to_array({"a": [value]})


def test_amounts_are_numeric_where_float32_loses_their_logarithms_alone():
    pascals = 101_325.0 + 0.03125 * SECONDS
    assert (
        infer(pascals)["a"].kind == "numeric" and infer(pascals / 1e4 - 9)["a"].kind == "positive"
    )
    with pytest.raises(UsageError, match="can tell apart.*or give kinds={'a': 'numeric'}"):
        infer(pascals, "positive")


def test_declared_categories_may_have_another_kind():
    class Ordered:
        categories, ordered = (1, 2, 3), True

    frame = Frame(a=Series(np.array([1, 3, None], object), Ordered()))
    assert Schema.infer(frame)["a"].kind == "ordinal"
    assert Schema.infer(frame, {"a": "count"})["a"].kind == "count"
