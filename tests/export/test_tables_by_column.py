"""SavedModels of tables that take a tensor for each column, by its name, and check it."""

import datetime
import json
import re
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vae as kv
from keras_vae.distributions.columns import Column
from keras_vae.errors import UsageError
from keras_vae.export.runtimes import cpp_loader
from keras_vae.export.saved_model import model_card, program, table_graph
from keras_vae.export.saved_model.table_endpoints import input_names
from keras_vae.export.saved_model.writer import served_endpoints
from keras_vae.export.verification.comparison import differences
from keras_vae.training.runs import run_directory
from tests.support import rest_double

pytestmark = pytest.mark.tensorflow

SCHEMA = kv.tables.Schema(
    (
        Column("color", "categorical", ("blue", "grün", "red")),
        Column("annual income (k$)", "positive", mean=40.0, scale=20.0),
        Column("rooms", "count", mean=4.0, scale=3.0),
        Column("grade", "ordinal", (1, 2, 3)),
        Column("owner", "boolean", (False, True)),
        Column("sold", "date", mean=18500.0, scale=200.0),
        Column("is_anomaly", "numeric", mean=0.5, scale=2.0),
    )
)
NAN, FOUR_YEARS = float("nan"), 365 * 4 + 1
LEAP_DAY = 12 * FOUR_YEARS + 2 * 365 + 31 + 28  # 2020-02-29, since 1972 is the first leap year.
# Rows as they are sent, as Python takes them, and as the numbers that they stand for.
COLUMNS = {
    "color": [b"red", b"", "grün".encode(), b"blue"],
    "annual_income__k__": [12.5, 80.0, NAN, 33.25],
    "rooms": [NAN, 7.0, 0.0, 2.0],
    "grade": [b"3", b"1", b"", b"2"],
    "owner": [b"False", b"True", b"True", b""],
    "sold": [b"2020-02-29", b"2019-12-31", b"1970-01-01", b""],
    "is_anomaly": [-1.5, NAN, 0.25, 3.0],
}
FRAME = {
    "color": ["red", None, "grün", "blue"],
    "annual income (k$)": [12.5, 80.0, None, 33.25],
    "rooms": [None, 7, 0, 2],
    "grade": [3, 1, None, 2],
    "owner": [False, True, True, None],
    "sold": [datetime.date(2020, 2, 29), datetime.date(2019, 12, 31), datetime.date(1970, 1, 1)]
    + [None],
    "is_anomaly": [-1.5, None, 0.25, 3.0],
}
X = np.array(
    [
        [2, 12.5, NAN, 2, 0, LEAP_DAY, -1.5],
        [NAN, 80.0, 7, 0, 1, LEAP_DAY - 60, NAN],
        [1, NAN, 0, NAN, 1, 0, 0.25],
        [0, 33.25, 2, 1, NAN, NAN, 3.0],
    ],
    "float32",
)


def columns(**changed):
    """The request, with other values in some columns."""
    return {
        name: np.array(values, object if isinstance(values[0], bytes) else "float32")
        for name, values in {**COLUMNS, **changed}.items()
    }


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    made = kv.tables.TabularVAE(SCHEMA, latent_dim=2, hidden=(6,), seed=0)
    generator = np.random.default_rng(0)
    for weight in made.trainable_variables:
        weight.assign(weight + 0.3 * generator.standard_normal(weight.shape))
    return made


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    names = ("reconstruct", "encode", "score")
    return model.export(tmp_path_factory.mktemp("tables") / "1", endpoints=names)


def ask_eagerly(model):
    """The endpoints in this process, without a file."""
    served = served_endpoints(model, model.endpoints())

    def ask(name, inputs):
        specs = served[name].inputs
        answer = served[name].answer(*(tf.constant(inputs[spec.name]) for spec in specs))
        return {output: np.asarray(values) for output, values in answer.items()}

    return ask


@pytest.fixture(scope="module", params=["eager", pytest.param("file", marks=pytest.mark.slow)])
def ask(request, model):
    """Answers to one request: of the endpoints, or of a file in TensorFlow's C++ code."""
    if request.param == "eager":
        yield ask_eagerly(model)
    else:
        with cpp_loader.SavedModel(request.getfixturevalue("folder")) as loaded:
            yield loaded.run


@pytest.fixture(scope="module")
def answers(ask):
    tables = {name: ask(name, columns()) for name in ("impute_table", "encode_table")}
    score = {"score_table": ask("score_table", columns()), "score": ask("score", {"x": X})}
    return {**tables, **score, "encode": ask("encode", {"x": X})}


@pytest.mark.slow
def test_a_process_without_pythons_tensorflow_answers_as_the_endpoints(model, folder):
    requests = {name: columns() for name in ("impute_table", "encode_table", "score_table")}
    _, found = program.run_in_cpp(folder, requests)
    ask = ask_eagerly(model)
    for name, inputs in requests.items():
        for output, wanted in ask(name, inputs).items():
            if wanted.dtype == object:
                assert found[name][output].tolist() == wanted.tolist()
            else:
                np.testing.assert_allclose(found[name][output], wanted, rtol=1e-5, atol=1e-5)


def test_a_table_has_the_codes_and_the_score_of_its_numbers(model, answers):
    for name in ("encode", "score"):
        for output, wanted in answers[name].items():
            np.testing.assert_allclose(
                answers[f"{name}_table"][output], wanted, rtol=1e-5, atol=1e-5
            )
    np.testing.assert_allclose(answers["encode_table"]["z_mean"], model.encode(X), atol=1e-5)
    terms = {name: np.asarray(values) for name, values in model.score_terms(X).items()}
    np.testing.assert_allclose(answers["score_table"]["score"], sum(terms.values()), rtol=1e-5)


def test_a_score_is_that_of_its_columns_and_its_code(model, answers):
    found = answers["score_table"]
    wanted = model.column_scores(FRAME)
    names = dict(zip(SCHEMA.names, input_names(SCHEMA), strict=True))
    for column, values in wanted.items():
        np.testing.assert_allclose(found[f"score_{names[column]}"], values, rtol=1e-5, atol=1e-5)
        assert not values[[one is None for one in FRAME[column]]].any()
    total = sum(values for name, values in found.items() if name.startswith("score_"))
    np.testing.assert_allclose(total + found["kl"], found["score"], rtol=1e-5)


def test_a_table_is_filled_as_in_python(model, answers):
    found, wanted = answers["impute_table"], model.impute(FRAME)
    for name, column in zip(input_names(SCHEMA), SCHEMA, strict=True):
        values = wanted[column.name]
        if found[name].dtype == object:
            texts = [str(one.date() if column.kind == "date" else one) for one in values]
            assert [text.decode() for text in found[name].tolist()] == texts
        else:
            np.testing.assert_allclose(found[name], values, rtol=1e-5)
        for sent, given in zip(COLUMNS[name], found[name].tolist(), strict=True):
            assert sent == given or sent == b"" or sent != sent


WRONG = {
    "another category": ("color", b"green", "one of .*blue.*red.* in column .*color.*green"),
    "a number of a category": ("grade", b"4", "one of .*'1.*2.*3"),
    "text for a boolean": ("owner", b"true", "one of .*False.*True"),
    "a day that is not": ("sold", b"2023-02-29", "a date, such as 2024-02-29.*2023-02-29"),
    "a month that is not": ("sold", b"2023-13-01", "a date"),
    "a year that is not": ("sold", b"0000-01-01", "a date"),
    "a time of day": ("sold", b"2023-01-01T08:00", "a date"),
    "half a room": ("rooms", 1.5, "a count"),
    "fewer rooms than none": ("rooms", -1.0, "a count"),
    "no income": ("annual_income__k__", 0.0, "a number above 0.*annual income"),
    "infinity": ("is_anomaly", np.inf, "a number, or NaN for missing.*inf"),
}


@pytest.mark.parametrize("why", WRONG)
def test_a_value_that_does_not_fit_its_column_is_an_error_as_in_python(ask, why):
    name, value, message = WRONG[why]
    with pytest.raises((RuntimeError, tf.errors.InvalidArgumentError), match=f"Expected {message}"):
        ask("encode_table", columns(**{name: [value, *COLUMNS[name][1:]]}))
    column = SCHEMA.names[input_names(SCHEMA).index(name)]
    sent = value.decode() if isinstance(value, bytes) else value
    with pytest.raises(UsageError, match=f"in column '{column[:6]}"):
        SCHEMA.to_array({**FRAME, column: [sent, *FRAME[column][1:]]})


@pytest.mark.slow
def test_columns_of_other_shapes_are_refused(folder, monkeypatch):
    monkeypatch.setattr(cpp_loader, "check_inputs", lambda _, name, inputs: inputs)
    with cpp_loader.SavedModel(folder) as loaded:
        for name, values in columns().items():
            for other in (values[:, None], values[0], values[:2]):
                with pytest.raises(RuntimeError, match="status 3"):
                    other = np.asarray(other, values.dtype)
                    loaded.run("encode_table", {**columns(), name: other})


def test_a_row_without_any_value_is_filled_and_has_no_score(ask, model):
    nothing = {
        name: np.array([b"" if array.dtype == object else NAN], array.dtype)
        for name, array in columns().items()
    }
    filled = ask("impute_table", nothing)
    wanted = model.impute({name: [None] for name in SCHEMA.names})
    assert filled["color"][0].decode() == wanted["color"][0]
    np.testing.assert_allclose(filled["is_anomaly"], wanted["is_anomaly"], rtol=1e-5)
    answer = ask("score_table", nothing)
    assert np.isnan(answer["score"]) and answer["score_color"] == 0.0


def test_dates_are_those_of_the_calendar():
    first, last = datetime.date.min.toordinal(), datetime.date.max.toordinal()
    ordinals = {first, last, *range(first, last, 311), *range(737000, 738500)}
    dates = [datetime.date.fromordinal(one) for one in sorted(ordinals)]
    texts = [date.isoformat() for date in dates]
    days = np.array([(date - datetime.date(1970, 1, 1)).days for date in dates])
    column = Column("sold", "date")
    x = table_graph.to_array([column], [tf.constant(texts)])
    np.testing.assert_array_equal(x, days[:, None])
    (again,) = table_graph.to_columns([column], x)
    assert [text.decode() for text in again.numpy()] == texts
    beyond = tf.constant([[-1e9], [1e9], [0.49], [-0.51]])
    (again,) = table_graph.to_columns([column], beyond)
    assert again.numpy().tolist() == [b"0001-01-01", b"9999-12-31", b"1970-01-01", b"1969-12-31"]


def test_names_of_inputs_are_different_ones_that_tensorflow_takes():
    names = ["a b", "a_b", "A-B", "1st", "", "self", "größe", "a_b_2", "class", "None"]
    schema = kv.tables.Schema(tuple(Column(name, "numeric") for name in names))
    assert input_names(schema) == [
        *("a_b", "a_b_2", "A_B_3", "column_1st", "column_", "column_self", "gr__e", "a_b_2_2"),
        *("column_class", "column_None"),
    ]


def test_texts_of_categories_are_different_and_none_is_empty():
    texts = table_graph.labels_of
    assert texts(Column("a", "categorical", (1, 2.5, "three"))) == ["1", "2.5", "three"]
    assert texts(Column("a", "categorical", (1, "1"))) == ["1", '"1"']
    assert texts(Column("a", "categorical", ("", "é"))) == ['""', '"é"']


def test_another_text_in_an_answer_is_noticed(model):
    texts = np.array([b"blue", b"red", b"red", b"red"], object)
    other = np.array([b"blue", b"red", b"blue", b"red"], "S")
    expected = {"impute_table": {"color": texts, "reconstruction": np.ones(4, "float32")}}
    received = {"impute_table": {"color": other, "reconstruction": np.ones(4, "float32")}}
    found = differences(model, expected, received)["impute_table"]
    assert found["column color"].relative == 0.25
    assert found["column reconstruction"].relative == 0.0
    assert differences(model, expected, expected)["impute_table"]["column color"].equal == 1.0


@pytest.mark.slow
def test_a_version_is_verified_by_column_and_warmed_up(model, tmp_path):
    model.steps.assign(1)
    model.save(tmp_path / "table.keras")
    run = run_directory.open_run(tmp_path / "table.keras")
    version = program.write_version(run, tmp_path / "served" / "table")
    card = model_card.read(version)
    errors = card["verification"]["relative_error"]
    assert errors["impute_table"]["column color"] == 0.0
    assert 0.0 <= max(errors["score_table"].values()) < 1e-5
    inputs = card["signatures"]["impute_table"]["inputs"]
    assert inputs["sold"] == {"dtype": "string", "shape": [None]}
    warmup = (version / "assets.extra" / "tf_serving_warmup_requests").read_bytes()
    assert b"impute_table" in warmup and b"blue" in warmup


@pytest.mark.slow
def test_the_request_of_the_page_is_one_that_a_server_takes(tmp_path):
    rents = kv.tables.Schema(
        (
            Column("city", "categorical", ("Bern", "Oslo", "Rome")),
            Column("rent", "positive", mean=1700.0, scale=740.0),
            Column("rooms", "count", mean=4.8, scale=3.9),
            Column("balcony", "boolean", (False, True)),
        )
    )
    model = kv.tables.TabularVAE(rents, latent_dim=2, hidden=(4,), seed=0)
    folder = model.export(tmp_path / "rents", endpoints=["reconstruct"])
    page = (Path(__file__).parents[2] / "docs" / "tables.md").read_text()
    request, wanted = re.search(r"curl -d '(.*?)'.*?```json\n(.*?)```", page, re.DOTALL).groups()
    with cpp_loader.SavedModel(folder) as loaded:
        server = SimpleNamespace(run=lambda _, name, inputs: loaded.run(name, inputs))
        found = rest_double.predicted(server, loaded, json.loads(request))
    for row, other in zip(found["predictions"], json.loads(wanted)["predictions"], strict=True):
        assert {k: type(v) for k, v in row.items()} == {k: type(v) for k, v in other.items()}
    given = found["predictions"][0]
    assert (given["rent"], given["rooms"], given["balcony"]) == (910.0, 1.0, "True")
