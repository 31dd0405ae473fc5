"""Tables, columns, and arguments of wrong kinds are refused by their names."""

import decimal

import numpy as np
import pytest
from keras import ops

from keras_vae.errors import KerasVAEError
from keras_vae.tables import Column, Schema, TabularVAE, VAEImputer
from tests.support.models import array

FRAME = {"age": [1.5, 2.5, 4.5], "city": ["Bern", "Rome", "Bern"]}
SCHEMA = Schema.infer(FRAME)
MODEL = TabularVAE(SCHEMA, latent_dim=2, hidden=(3,), seed=0)
NONE = {"age": [], "city": []}


def infer(column):
    return Schema.infer({**FRAME, "x": column})


def categories(values):
    return SCHEMA.replace("age", "categorical", values)


class Lazy:
    """A query of polars, which has names and no values yet."""

    columns = ("age",)

    def collect(self):
        raise AssertionError("A query is collected by its owner.")


class Groups:
    """Groups of pandas, whose `keys` is a text."""

    keys = "city"


class Twice:
    columns = ("age", "age")


BAD = {
    "a query": (lambda: Schema.infer(Lazy()), r"a data frame.*Lazy. \(Give frame.collect\(\).\)"),
    "groups": (lambda: Schema.infer(Groups()), "a data frame.*Received: Groups"),
    "a column twice": (lambda: Schema.infer(Twice()), r"columns of different names.*'age', 'age'"),
    "a generator": (lambda: infer(i for i in range(3)), "a sequence of values in column 'x'.*gen"),
    "a set": (lambda: infer({1, 2, 5}), "a sequence of values in column 'x'.*set"),
    "a dictionary": (lambda: infer({1: 2, 2: 1, 3: 5}), "a sequence of values in column 'x'.*dict"),
    "numbers beyond float32": (
        lambda: infer([1.0, 1e300, 2.0]),
        "numbers in column 'x' that float32 can hold, up to .*1e[+]300 in row 1",
    ),
    "numbers of long keys": (
        lambda: infer([2**60, 2**60 + 1, 2**60 + 5]),
        "numbers in column 'x' that float32 can tell apart.*1152921504606846976",
    ),
    "decimals": (
        lambda: infer([None, decimal.Decimal("1.5"), decimal.Decimal(2)]),
        r"Decimal\('1.5'\) in row 1. \(Convert them: .*float",
    ),
    "bytes": (lambda: infer([b"a", b"b", b"a"]), r"b'a' in row 0. \(Decode them: .*decode"),
    "numbers as names": (lambda: Schema.infer({1: [1.5, 2.5]}), r"dict. \(Make names texts: .*str"),
    "texts as dates": (
        lambda: Schema((Column("day", "date"),)).to_array({"day": [None, "2024-02-29"]}),
        "a date.*'day'. Received: '2024-02-29' in row 1. .Convert it, such as by pandas.to_dat",
    ),
    "a dictionary to encode": (lambda: MODEL.encode(FRAME), "x of arrays.*model.schema.to_array"),
    "a dictionary to predict": (lambda: MODEL.predict(FRAME), "arrays or .*model.schema.to_array"),
    "text as categories": (lambda: categories("small"), "categories to be a list.*'small'"),
    "bytes as categories": (lambda: categories(b"ab"), "categories to be a list"),
    "a number as categories": (lambda: categories(2), "categories to be a list"),
    "a dictionary of categories": (lambda: categories({"a": 1, "b": 2}), "categories to be a list"),
    "nothing as a category": (lambda: categories([None, 1]), "categories to be a list"),
    "NaN as a category": (lambda: categories([1.0, np.nan]), "categories to be a list"),
    "lists as categories": (lambda: categories([[1], [2]]), "categories to be a list"),
    "a name of no text": (lambda: Column(3, "numeric"), "name to be text.*name=3"),
    "text as mean": (lambda: Column("a", "numeric", mean="2"), "mean to be a finite number"),
    "nothing as scale": (lambda: Column("a", "numeric", scale=None), "scale to be a finite number"),
    "no columns": (lambda: Schema(None), "columns to be a list of keras_vae.tables.Column"),
    "a column alone": (lambda: Schema(SCHEMA["age"]), "columns to be a list"),
    "names as columns": (lambda: Schema(["age", "city"]), "columns to be a list"),
    "a frame as schema": (lambda: TabularVAE(FRAME), "schema to be a .*Schema.*dict.*infer"),
    "text as an array": (lambda: SCHEMA.to_frame([["1", "0"]]), "real numbers in x"),
    "complex numbers": (lambda: SCHEMA.to_frame(np.ones((2, 2)) * 1j), "real numbers in x"),
    "a masked array": (
        lambda: SCHEMA.to_frame(np.ma.masked_equal([[1.0, 0.0]], 0)),
        "numbers or NaN in x",
    ),
    "rows of two lengths": (lambda: SCHEMA.to_frame([[1.0], [1.0, 0.0]]), "x of one shape"),
    "no rows to fill": (lambda: MODEL.impute(NONE), "a table of at least one row"),
    "no rows to score": (lambda: MODEL.column_scores(NONE), "a table of at least one row"),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_wrong_tables_are_refused_by_name(call, message):
    with pytest.raises(KerasVAEError, match=f"^Expected .*{message}") as caught:
        call()
    assert "Received" in str(caught.value)


class Categorical:
    """A type of polars whose categories are those of all columns, and have no length."""

    categories = object()


class Named:
    """A column of polars."""

    dtype = Categorical()

    def to_numpy(self):
        return np.array(["low", "high", "low"], object)


def test_a_categorical_of_polars_has_the_categories_of_its_values():
    assert infer(Named())["x"].categories == ("high", "low")


def test_tensors_are_columns():
    schema = infer(ops.convert_to_tensor([1.5, 2.5, 3.0]))
    assert schema["x"].kind == "positive" and schema["x"].mean == pytest.approx(7 / 3)


def test_categories_may_be_an_array():
    assert categories(np.array([1, 2]))["age"].categories == (1, 2)


ROWS = np.random.default_rng(0).normal(size=(20, 3))


def impute(x=ROWS, **options):
    return VAEImputer(epochs=1, samples=2, **options).fit_transform(x)


BAD_IMPUTING = {
    "text": (lambda: impute([["a", 1.0]]), "X, a table.*could not convert"),
    "rows of two lengths": (lambda: impute([[1.0], [1.0, 2.0]]), "X, a table"),
    "one row alone": (lambda: impute(ROWS[0]), "X, a table.*1D"),
    "dates": (lambda: impute(ROWS.astype("M8[s]")), "X of numbers.*datetime64"),
    "numbers beyond float32": (lambda: impute(ROWS * 1e300), "values in X that float32 can hold"),
    "a word as seed": (lambda: impute(random_state="a"), "random_state to be an integer.*'a'"),
    "a word as verbose": (lambda: impute(verbose="no"), "verbose to be 'auto', 0, 1 or 2"),
}


@pytest.mark.parametrize(("call", "message"), BAD_IMPUTING.values(), ids=BAD_IMPUTING)
def test_what_no_imputer_takes_is_refused_by_name(call, message):
    with pytest.raises(KerasVAEError, match=f"(?s)^Expected .*{message}") as caught:
        call()
    assert "Received" in str(caught.value)


@pytest.mark.slow
def test_numbers_too_far_from_those_of_training_have_no_mean():
    fitted = VAEImputer(epochs=1, samples=2, random_state=0).fit(ROWS)
    far = np.array([[np.nan, 1e30, 0.0]])
    with pytest.raises(ValueError, match="Expected X near the numbers of the training .*1e[+]30"):
        fitted.transform(far)
    assert np.isfinite(array(fitted.transform(far / 1e29))).all()


COUNTED = Schema.infer({"size": [1.5, 2.5, 4.5], "city": ["a", "b", "c"], "rooms": [1, 5, 90]})
COUNTS = TabularVAE(COUNTED, latent_dim=2, hidden=(3,), seed=0)
VERBS = {
    "encode": COUNTS.encode,
    "reconstruct": COUNTS.reconstruct,
    "score": COUNTS.score,
    "predict": lambda x: COUNTS.predict(x, verbose=0),
    "predict_on_batch": COUNTS.predict_on_batch,
}
IMPOSSIBLE = {
    "a category beyond the last": ([2.0, 7.0, 1.0], "a category, 0 to 2.*'city'.*7 in row 1"),
    "half a category": ([2.0, 0.5, 1.0], "a category, 0 to 2.*'city'.*0.5 in row 1"),
    "a negative count": ([2.0, 1.0, -1.0], "in column 'rooms'.*-1 in row 1"),
    "half a count": ([2.0, 1.0, 2.5], "in column 'rooms'.*2.5 in row 1"),
    "an amount of 0": ([0.0, 1.0, 1.0], "in column 'size'.*0 in row 1"),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_each_verb_refuses_what_no_row_can_have(verb, name):
    row, message = IMPOSSIBLE[name]
    with pytest.raises(KerasVAEError, match=f"^Expected .*{message}.*schema.to_array"):
        VERBS[verb](np.array([[2.0, np.nan, 1.0], row], "float32"))


@pytest.mark.parametrize("verb", ["encode", "reconstruct", "predict", "predict_on_batch"])
def test_rows_with_infinity_are_answered_with_nan(verb):
    rows = np.array([[2.0, np.inf, 1.0], [2.0, np.nan, 1.0]], "float32")
    assert np.isnan(array(VERBS[verb](rows))).any(1).tolist() == [True, False]
