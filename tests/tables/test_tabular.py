"""The VAE of tables: a planted dependence is found, imputed, drawn, and scored; half precision."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.tables import Column, Schema, TabularVAE
from keras_vae.tables.mixed_networks import TableInputs, sentinels
from tests.support.models import FAST, array
from tests.support.objectives import loss_and_gradients
from tests.support.small_models import TABLE, table, tabular_vae

ROWS = 1200
CITIES = ["Bern", "Oslo", "Rome"]
INCOMES, TEMPERATURES, VISITS = np.array([10.0, 50.0, 250.0]), np.array([-20, 0, 20]), [1, 8, 40]


def planted(generator):
    """The city determines income, temperature, and visits."""
    city = generator.integers(3, size=ROWS)
    return {
        "city": [CITIES[i] for i in city],
        "income": INCOMES[city] * np.exp(0.1 * generator.normal(size=ROWS)),
        "temperature": TEMPERATURES[city] + generator.normal(size=ROWS),
        "visits": generator.poisson(np.array(VISITS)[city]),
    }


FRAME = planted(np.random.default_rng(0))
SCHEMA = Schema.infer(FRAME)


def with_holes(generator):
    x = SCHEMA.to_array(FRAME)
    holes = generator.random(x.shape) < 0.2
    holes[holes.all(axis=1)] = False
    return np.where(holes, np.nan, x).astype("float32")


X = with_holes(np.random.default_rng(1))


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    model = TabularVAE(SCHEMA, latent_dim=2, hidden=(32,), seed=0)
    jit = {"jit_compile": False} if keras.backend.backend() == "tensorflow" else {}
    model.compile(keras.optimizers.Adam(0.01), **jit)
    model.fit(X, epochs=30, batch_size=60, verbose=0)
    return model


def test_the_planted_kinds_are_inferred():
    assert [c.kind for c in SCHEMA] == ["categorical", "positive", "numeric", "count"]


@pytest.mark.slow
def test_missing_values_are_recovered_from_the_city(trained):
    known = {"city": CITIES, **{name: [None] * 3 for name in SCHEMA.names[1:]}}
    filled = trained.impute(known)
    assert filled["city"] == CITIES
    np.testing.assert_allclose(np.log(filled["income"]), np.log(INCOMES), atol=0.4)
    np.testing.assert_allclose(filled["temperature"], TEMPERATURES, atol=5.0)
    np.testing.assert_allclose(filled["visits"], VISITS, rtol=0.2, atol=1)


def test_and_the_city_from_any_number(trained):
    for name, values in (("income", INCOMES), ("temperature", TEMPERATURES), ("visits", VISITS)):
        known = {other: [None] * 3 for other in SCHEMA.names} | {name: list(values)}
        assert trained.impute(known)["city"] == CITIES


def test_known_values_stay_and_missing_ones_are_filled_in_rows_without_any(trained):
    frame = SCHEMA.to_frame(X)
    filled = trained.impute(frame)
    assert not any(None in column for column in filled.values())
    for name, column in frame.items():
        assert all(a is None or a == b for a, b in zip(column, filled[name], strict=True))
    nothing = trained.impute({name: [None] for name in SCHEMA.names})
    assert nothing["city"][0] in CITIES and 10 < nothing["income"][0] < 250


@pytest.mark.slow
def test_draws_vary_as_much_as_is_unknown_and_repeat_by_seed(trained):
    frame = {"city": [None, "Oslo"], "income": [50.0, None], "temperature": [0.0] * 2}
    frame["visits"] = [8, 8]
    draws = trained.impute(frame, draws=40, seed=1)
    assert len(draws) == 40 and draws == trained.impute(frame, draws=40, seed=1)
    assert {draw["temperature"][1] for draw in draws} == {0.0}
    incomes = np.array([draw["income"][1] for draw in draws])
    assert 0.03 < np.log(incomes).std() < 0.6
    cities = [draw["city"][0] for draw in draws]
    assert cities.count("Oslo") > 30


def test_rows_of_a_condition_are_those_of_all_rows_that_fulfil_it(trained):
    def warm(columns):
        return (columns["temperature"] > 10) & (columns["city"] != "Oslo")

    rows = trained.sample_table(400, seed=3, where=warm)
    assert rows == trained.sample_table(400, seed=3, where=warm)
    assert len(rows["city"]) == 400 and warm({k: np.array(v) for k, v in rows.items()}).all()
    every = {name: np.array(v) for name, v in trained.sample_table(6000, seed=9).items()}
    for name in ("income", "visits"):
        wanted = np.log1p(every[name][warm(every)])
        error = wanted.std() / np.sqrt(400) + wanted.std() / np.sqrt(len(wanted))
        assert np.log1p(rows[name]).mean() == pytest.approx(wanted.mean(), abs=4 * error)


def test_new_rows_keep_the_dependence(trained):
    rows = trained.sample_table(2000, seed=3)
    assert rows == trained.sample_table(2000, seed=3)
    city = np.array(rows["city"])
    for i, name in enumerate(CITIES):
        of_city = city == name
        assert 0.2 < of_city.mean() < 0.5
        income, temperature = (np.array(rows[n])[of_city] for n in ("income", "temperature"))
        assert abs(np.median(np.log(income)) - np.log(INCOMES[i])) < 0.4
        assert abs(np.median(temperature) - TEMPERATURES[i]) < 5.0
        assert abs(np.log(np.median(np.array(rows["visits"])[of_city]) / VISITS[i])) < 0.7
    # Independent columns with these margins would have 16 times this share of the variance.
    within = [np.log(np.array(rows["income"]))[city == name].var() for name in CITIES]
    assert np.mean(within) < 0.4 * np.log(rows["income"]).var()


def test_the_column_that_does_not_fit_has_the_largest_score(trained):
    frame = {"city": ["Bern", "Bern"], "income": [10.0, 10.0], "temperature": [-20.0, 30.0]}
    scores = trained.column_scores({**frame, "visits": [1, None]})
    usual, odd = (np.array([column[i] for column in scores.values()]) for i in (0, 1))
    assert odd.argmax() == 2 and odd[2] > usual[2] + 10
    assert odd[3] == 0.0  # Missing.
    x = SCHEMA.to_array({**frame, "visits": [1, None]})
    total = np.sum(list(scores.values()), axis=0)
    np.testing.assert_allclose(total, array(trained.score_terms(x)["reconstruction"]), rtol=1e-4)


def test_a_file_imputes_draws_and_scores_as_before(trained, tmp_path):
    trained.save(tmp_path / "model.keras")
    again = kv.load(tmp_path / "model.keras")
    assert again.schema == SCHEMA
    np.testing.assert_allclose(array(again.score(X)), array(trained.score(X)), rtol=1e-4)
    assert again.sample_table(5, seed=1)["city"] == trained.sample_table(5, seed=1)["city"]


def test_the_encoder_gets_standardized_numbers_categories_and_what_is_known():
    rows = np.array([[2, 0.8, 1, 1.0, 3], [np.nan] * 5], "float32")
    layer = TableInputs(TABLE.columns)
    x = kv.layers.FillGaps(sentinels(TABLE.columns))(rows)
    found = array(layer(x))
    shift, scale = TABLE["income"].units
    center, spread = TABLE["visits"].units
    numbers = [(0.8 - 0.5) / 0.3, (0.0 - shift) / scale, (np.log(4) - center) / spread]
    wanted = [*numbers, 0, 0, 1, 0, 1, 0, 0, 1, 1, 1, 1, 1]
    np.testing.assert_allclose(found, [wanted, np.zeros(len(wanted))], rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape((None, 5)) == (None, len(wanted))
    again = TableInputs.from_config(layer.get_config())
    np.testing.assert_array_equal(array(again(x)), found)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_does_not_round_numbers_before_they_are_scaled(policy):
    schema = Schema((Column("a", "numeric", mean=1e6, scale=2.0), Column("b", "count")))
    made = []
    for dtype in (policy, "float32"):
        keras.utils.set_random_seed(0)
        made.append(TabularVAE(schema, 2, (8,), seed=0, dtype=dtype))
    x = np.array([[1e6, 0], [1e6 + 3, 1], [np.nan, 2]], "float32")
    half, full = (array(model.encode(x)) for model in made)
    assert np.isfinite(half).all() and np.abs(full[0] - full[1]).max() > 0.05
    np.testing.assert_allclose(half, full, atol=0.03)


def test_a_loss_of_rows_with_gaps_is_that_of_known_values_and_its_gradients_are_finite():
    model, x = tabular_vae(), table()
    loss, gradients = loss_and_gradients(model, x)
    assert np.isfinite(array(loss)).all()
    assert all(np.isfinite(array(gradient)).all() for gradient in gradients)
    assert max(np.abs(array(gradient)).max() for gradient in gradients) > 0.01
    z, filled = model.encode(x), np.where(np.isnan(x), 1.0, x).astype("float32")
    each = array(model.observation(z).element_log_prob(filled))
    wanted = -np.where(np.isnan(x), 0.0, each).sum(axis=1)
    found = array(model.score_terms(x)["reconstruction"])
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_batches_of_a_source_are_checked_by_column():
    model = tabular_vae()
    model.compile("sgd", **FAST)
    good, wrong = table()[:4], table()[:4]
    wrong[2, 4] = 1.5
    with pytest.raises(ValueError, match="Expected a count.*'visits'.*Received: 1.5 in row 2"):
        model.fit(iter([good, wrong]), steps_per_epoch=2, epochs=1, verbose=0)


def drawn_where(where):
    return tabular_vae().sample_table(2, seed=0, where=where)


BAD = {
    "another likelihood": (
        lambda: TabularVAE(TABLE, likelihood="normal"),
        "multiple values for keyword argument 'likelihood'",
    ),
    "no draw": (lambda: tabular_vae().impute(TABLE.to_frame(table()), draws=0), "Expected draws"),
    "no row": (lambda: tabular_vae().sample_table(0), "Expected count"),
    "no function": (lambda: drawn_where("age > 60"), "where to be a function.*'age > 60'"),
    "one answer": (lambda: drawn_where(lambda columns: True), r"shape \(4,\).*bool of shape \(\)"),
    "no bools": (lambda: drawn_where(lambda columns: np.ones(4)), "Received: float64 of shape"),
    "other columns": (lambda: tabular_vae().impute({"a": [1]}), "Expected a column 'color'"),
    "no size": (lambda: TabularVAE(TABLE, latent_dim=0), "Expected latent_dim"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_refused(name):
    call, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=message):
        call()
