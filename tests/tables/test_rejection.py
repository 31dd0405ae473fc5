"""Rows of a condition: how many are drawn, when it is hopeless, and the progress bar."""

import numpy as np
import pytest

from keras_vae.errors import KerasVAEError, UsageError
from keras_vae.tables import Column, Schema, rejection
from tests.support.small_models import table, tabular_vae

SCHEMA = Schema((Column("a", "numeric"),))


class Counter:
    """Draws 0, 1, 2, ... in place of random numbers, and counts the calls."""

    def __init__(self):
        self.drawn = self.calls = 0

    def __call__(self, rows):
        self.drawn, self.calls = self.drawn + rows, self.calls + 1
        return np.arange(self.drawn - rows, self.drawn, dtype="float32")[:, None]


def rows(every, count, max_draws=None, verbose=0):
    """Return rows of which one in `every` fulfils the condition, and what was drawn."""
    draw = Counter()
    found = rejection.rows_where(
        draw, SCHEMA, lambda columns: columns["a"] % every == every - 1, count, max_draws, verbose
    )
    return found[:, 0].tolist(), draw


def test_rows_are_the_first_ones_that_fulfil_the_condition():
    found, draw = rows(10, 100)
    assert found == [10 * n + 9 for n in range(100)]
    assert 1000 <= draw.drawn <= 5000 and draw.calls < 10


@pytest.mark.parametrize("every", [np.inf, 10_000])
def test_a_hopeless_condition_ends_early_with_how_many_rows_fit(every, monkeypatch):
    monkeypatch.setattr(rejection, "FEWEST_DRAWS", 2_000)
    monkeypatch.setattr(rejection, "AT_ONCE", 1_000)
    monkeypatch.setattr(rejection, "MOST_DRAWS", 100_000)
    message = r"keep 1,000 rows of at most 100,000 that are drawn. Received: 0 of the first (\d),"
    with pytest.raises(UsageError, match=message) as caught:
        rows(every, 1000)
    assert "max_draws" in str(caught.value)


def test_no_more_rows_are_drawn_than_are_allowed():
    draws = []

    def draw(count):
        draws.append(count)
        return np.zeros((count, 1), "float32")

    with pytest.raises(UsageError, match="Received: 0 of the first 70. .*give max_draws"):
        rejection.rows_where(draw, SCHEMA, lambda columns: columns["a"] > 0, 3, 70, 0)
    assert sum(draws) == 70
    assert rows(20, 3, max_draws=60)[1].drawn == 60


@pytest.mark.parametrize("count", [1, 100, 10**4, 10**7])
def test_the_usual_bound_grows_with_the_rows_and_stays_finite(count):
    most = rejection.most_draws(count)
    assert most >= 20 * count and most <= max(10**7, 20 * count)


def test_a_bar_shows_rows_that_were_found_and_drawn(capsys):
    drawn = rows(50, 40, verbose=1)[1].drawn
    shown = capsys.readouterr().out
    assert "40/40" in shown and f"drawn: {drawn}" in shown


def test_tables_take_both_options():
    model = tabular_vae()

    def never(columns):
        return columns["height"] > np.inf

    with pytest.raises(ValueError, match="Received: 0 of the first 60. "):
        model.sample_table(2, seed=0, where=never, max_draws=60, verbose=0)
    with pytest.raises(ValueError, match="max_draws of at least 2. Received: max_draws=1"):
        model.sample_table(2, seed=0, where=never, max_draws=1)
    with pytest.raises(ValueError, match="Expected verbose"):
        model.sample_table(2, seed=0, where=never, verbose=7)
    with pytest.raises(ValueError, match="Expected verbose"):
        model.impute(model.schema.to_frame(table()), verbose=7)


GRADES = Schema((Column("grade", "ordinal", ("low", "mid", "high")), Column("age", "count")))
SEEN = np.array([[0, 20], [1, 30], [2, 40], [1, 50]], "float32")


def kept(where):
    """Return the ages of the rows of `SEEN` that fulfil a condition, with `SEEN` drawn again."""
    draw = lambda count: np.resize(SEEN, (count, 2))  # noqa: E731
    found = rejection.rows_where(draw, GRADES, where, 40, verbose=0)[:, 1].tolist()
    return found[: len(set(found))]


@pytest.mark.parametrize(
    ("where", "ages"),
    [
        (lambda c: c["grade"] > "low", [30, 40, 50]),
        (lambda c: c["grade"] >= "high", [40]),
        (lambda c: "mid" >= c["grade"], [20, 30, 50]),
        (lambda c: c["grade"] < np.array("mid"), [20]),
        (lambda c: (c["grade"] == "mid") & (c["age"] > 30), [50]),
        (lambda c: np.isin(c["grade"], ["low", "high"]), [20, 40]),
        (lambda c: c["grade"] == c["grade"].max(), [40]),
        (lambda c: c["grade"].astype(str) > "low", [30, 50]),
    ],
)
def test_texts_of_ordinal_columns_compare_by_the_order_of_the_column(where, ages):
    assert kept(where) == ages


MISTAKES = {
    "a text that is no category": (
        lambda c: c["grade"] > "good",
        r"an ordinal column with one of \['low', 'mid', 'high'\]. Received: 'good'",
    ),
    "a misspelt column": (
        lambda c: c["aeg"] > 3,
        r"columns among \['grade', 'age'\]. Received: 'aeg'. \(Did you mean 'age'\?\)",
    ),
    "and": (lambda c: c["age"] > 3 and c["age"] < 9, "join conditions by & and |.*and, or, not"),
    "a chain": (lambda c: 3 < c["age"] < 9, "join conditions by & and |.*a < b < c"),
    "a number and a text": (lambda c: c["age"] > "3", "of their types.*'age' of int64"),
    "an attribute": (lambda c: c.age > 3, r"columns\['age'\].*AttributeError.*'age' of int64"),
}


@pytest.mark.parametrize(("where", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_of_a_condition_are_explained(where, message):
    with pytest.raises(KerasVAEError, match=f"^Expected where to .*{message}"):
        kept(where)


def test_other_errors_of_a_condition_stay_as_they_are():
    with pytest.raises(ZeroDivisionError):
        kept(lambda columns: columns["age"] > 1 / 0)
    with pytest.raises(ValueError, match="^could not convert"):
        kept(lambda columns: columns["age"] > float("old"))
