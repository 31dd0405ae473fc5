"""Columns of dates: read from every kind of array, as days of NumPy's calendar, and back."""

import datetime

import keras
import numpy as np
import pytest

from keras_vae.tables import Column, Schema, TabularVAE
from keras_vae.tables.mixed_networks import sentinels
from tests.support.models import array
from tests.tables.test_schema import Frame, Series

DAYS = np.array(["2024-02-28", "2024-02-29", "NaT", "1969-12-31", "2400-03-01"], "M8[D]")
NUMBERS = np.where(np.isnat(DAYS), np.nan, DAYS.astype("int64"))  # NumPy counts days from 1970 too.
BACK = [None if np.isnat(day) else datetime.datetime.fromisoformat(f"{day}") for day in DAYS]


class Timestamp(datetime.datetime):
    """A subclass of datetime, as that of pandas."""


class NaTType:
    """pandas.NaT, which is not equal to itself."""


SOURCES = {
    "days": lambda: DAYS,
    "nanoseconds, of pandas": lambda: DAYS[:4].astype("M8[ns]"),
    "milliseconds, of polars": lambda: DAYS.astype("M8[ms]"),
    "dates": lambda: [None if one is None else one.date() for one in BACK],
    "datetimes": lambda: BACK,
    "objects, of pandas": lambda: np.array(
        [NaTType() if b is None else Timestamp.fromisoformat(b.isoformat()) for b in BACK], object
    ),
}


@pytest.mark.parametrize("source", SOURCES)
def test_dates_become_days_and_come_back(source):
    values = SOURCES[source]()
    for frame in ({"day": values}, Frame(day=Series(np.array(values)))):
        schema = Schema.infer(frame)
        assert schema["day"].kind == "date" and schema["day"].categories == ()
        x = schema.to_array(frame)
        np.testing.assert_array_equal(x[:, 0], NUMBERS[: len(values)])
        assert schema.to_frame(x) == {"day": BACK[: len(values)]}
    known = NUMBERS[: len(values)][~np.isnan(NUMBERS[: len(values)])]
    assert schema["day"].mean == known.mean() and schema["day"].scale == known.std()


def test_days_of_a_model_are_rounded_to_the_calendar():
    schema = Schema((Column("day", "date"),))
    found = schema.to_frame([[0.49], [-0.51], [np.nan], [1e9], [-1e9]])["day"]
    assert found[:3] == [datetime.datetime(1970, 1, 1), datetime.datetime(1969, 12, 31), None]
    assert [found[3].year, found[4].year] == [9999, 1]


def test_it_prints_its_mean_as_a_date():
    schema = Schema.infer({"day": np.array(["2024-02-01", "2024-02-11"], "M8[D]")})
    assert str(schema).splitlines()[1] == "day     date  mean 2024-02-06, scale 5 days"


def test_a_missing_date_is_no_day_of_the_table():
    """The day before 1970 is -1, which stands for missing in columns of classes."""
    column = Schema.infer({"day": DAYS})["day"]
    assert sentinels([column], 0.5)[0] < NUMBERS[3] - 1e3


@pytest.fixture(scope="module")
def trained():
    """A table in which a class tells the date, of two that are 822 days apart."""
    generator = np.random.default_rng(0)
    late = generator.random(600) < 0.5
    start = np.where(late, np.datetime64("2023-06-01"), np.datetime64("2021-03-01"))
    day = start + generator.integers(-10, 11, 600)
    frame = {"model": np.where(late, "new", "old").tolist(), "sold": day}
    schema = Schema.infer(frame)
    keras.utils.set_random_seed(0)
    model = TabularVAE(schema, latent_dim=2, hidden=(32,), seed=0)
    # A constant rate ends anywhere: the loss goes up and down to the end.
    rate = keras.optimizers.schedules.CosineDecay(0.02, 300)
    model.compile(keras.optimizers.Adam(rate))
    model.fit(schema.to_array(frame), epochs=30, batch_size=60, verbose=0)
    return model


@pytest.mark.slow
def test_a_missing_date_follows_from_the_known_class(trained):
    some = {"model": ["new", "old", None], "sold": [None, None, datetime.date(2021, 3, 4)]}
    filled = trained.impute(some)
    for found, wanted in zip(filled["sold"], ("2023-06-01", "2021-03-01"), strict=False):
        assert abs(found - datetime.datetime.fromisoformat(wanted)).days < 200
    assert filled["model"][2] == "old" and filled["sold"][2] == datetime.datetime(2021, 3, 4)


def test_new_rows_have_dates_near_those_of_their_class(trained):
    rows = trained.sample_table(300, seed=0)
    for kind, wanted in (("new", "2023-06-01"), ("old", "2021-03-01")):
        middle = datetime.datetime.fromisoformat(wanted)
        of = [abs(d - middle).days for m, d in zip(*rows.values(), strict=True) if m == kind]
        assert len(of) > 90 and np.median(of) < 100


def test_scores_are_densities_of_days(trained):
    """The density of a date given a code, summed over the days of fifteen years, is 1."""
    every = np.arange(np.datetime64("2015-01-01"), np.datetime64("2030-01-01"), 8)
    x = np.stack([np.full(len(every), np.nan), every.astype("int64")], axis=1).astype("float32")
    p = trained.observation(np.zeros((len(x), 2), "float32"))
    each = array(p.element_log_prob(keras.ops.convert_to_tensor(x)))
    assert 8 * np.exp(each[:, 1]).sum() == pytest.approx(1.0, abs=0.01) and not each[:, 0].any()


def test_a_model_of_dates_is_saved(trained, tmp_path):
    trained.save(tmp_path / "a.keras")
    again = keras.saving.load_model(tmp_path / "a.keras")
    assert again.schema == trained.schema
    assert again.sample_table(5, seed=1) == trained.sample_table(5, seed=1)


NOON = datetime.datetime(2024, 2, 29, 12)
SCHEMA = Schema.infer({"day": DAYS, "size": [1.5, 2.0, 3.0, 4.0, 5.5]})
BAD = {
    "a time of day": (
        lambda: Schema.infer({"day": [BACK[0], NOON]}),
        "Expected dates without a time of day in column 'day'. Received: 2024-02-29 12:00:00 in "
        r"row 1. .*normalize\(\)",
    ),
    "a time of day later": (
        lambda: SCHEMA.to_array({"day": [None, NOON], "size": [1.0, 2.0]}),
        "without a time of day in column 'day'. Received: .* in row 1",
    ),
    "a number for a date": (
        lambda: SCHEMA.to_array({"day": np.array([3.0]), "size": [1.0]}),
        "Expected a date, as days since 1970-01-01, or None .*'day'. Received: 3.0 in row 0",
    ),
    "a date for a number": (
        lambda: SCHEMA.to_array({"day": [None], "size": [BACK[0]]}),
        "Expected a number above 0, or None for missing, in column 'size'. Received: datetime",
    ),
    "a date among numbers": (
        lambda: Schema.infer({"a": [1.0, BACK[0]]}),
        "Expected numbers, texts, booleans, or dates alone in column 'a'. Received: datetime",
    ),
    "another kind": (
        lambda: Schema.infer({"a": DAYS}, {"a": "ordinal"}),
        "Expected the kind 'date' of column 'a', which has dates. Received: 'ordinal'",
    ),
    "texts as dates": (
        lambda: Schema.infer({"a": ["2024-02-29"]}, {"a": "date"}),
        "Expected dates in column 'a' of kind 'date'. Received: '2024-02-29' in row 0. .*to_dat",
    ),
    "replaced": (
        lambda: SCHEMA.replace("day", "numeric"),
        "Expected column 'day' of kind 'date' to stay so. Received: kind='numeric'",
    ),
    "only missing": (lambda: Schema.infer({"a": DAYS[2:3]}), "a known value in column 'a'"),
    "durations": (
        lambda: Schema.infer({"a": np.array([1, 2], "m8[s]")}),
        "Expected numbers, texts, booleans, or dates alone in column 'a'",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_date_is_refused(name):
    call, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=message):
        call()
