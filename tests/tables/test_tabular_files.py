"""Files of tables for devices: what they may be quantized to, and how they are compared."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import keras_vae as kv
from keras_vae.distributions.columns import Column
from keras_vae.export.verification.comparison import differences
from keras_vae.export.verification.table_outputs import split_table
from keras_vae.export.verification.tolerances import is_close
from tests.support.models import FAST
from tests.support.small_models import table, tabular_vae

pytestmark = pytest.mark.tensorflow
X = np.concatenate([table()] * 8)
# Columns whose units differ by a factor of 10,000.
COLUMNS = (
    Column("proline", "numeric", mean=7000.0, scale=2000.0),
    Column("hue", "positive", mean=1.0, scale=0.2),
    Column("kind", "categorical", ("red", "white", "rosé")),
)


def rows(count=200):
    generator = np.random.default_rng(0)
    kind = generator.integers(3, size=count)
    hue = np.array([0.7, 1.0, 1.3])[kind] + 0.03 * generator.normal(size=count)
    proline = np.array([5000.0, 7000.0, 9000.0])[kind] + 300.0 * generator.normal(size=count)
    x = np.stack([proline, hue, kind], axis=1)
    x[generator.random(x.shape) < 0.1] = np.nan
    return x[~np.isnan(x).all(axis=1)].astype("float32")


@pytest.fixture(scope="module")
def trained():
    model = tabular_vae()
    model.compile("sgd", **FAST)
    model.train_on_batch(X)
    return model


@pytest.mark.slow
def test_int8_keeps_columns_of_every_unit(tmp_path):
    keras.utils.set_random_seed(0)
    model = kv.tables.TabularVAE(kv.tables.Schema(COLUMNS), latent_dim=2, hidden=(16,), seed=0)
    model.compile("adam")
    x = rows()
    model.fit(x, epochs=60, batch_size=20, verbose=0)
    options = {"format": "litert", "quantize": "int8", "calibration": x}
    path = model.export(tmp_path / "m.tflite", endpoints=["reconstruct", "score"], **options)
    interpreter = Interpreter(str(path))
    ask = {name: interpreter.get_signature_runner(name) for name in ("reconstruct", "score")}
    found = np.concatenate(
        [ask["reconstruct"](x=x[i : i + 1])["reconstruction"] for i in range(99)]
    )
    wanted = np.asarray(model.reconstruct(x[:99]))
    errors = np.sqrt(np.mean((found - wanted) ** 2, axis=0)) / [2000.0, 0.2, 1.0]
    assert errors[:2].max() < 0.05
    assert (found[:, 2] == wanted[:, 2]).mean() > 0.95
    scores = np.concatenate([ask["score"](x=x[i : i + 1])["score"] for i in range(99)])
    in_keras = np.asarray(sum(model.score_terms(x[:99]).values()))
    assert np.abs(scores - in_keras).mean() < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("quantize", ["float16", "dynamic"])
def test_small_weights_are_no_loss(trained, tmp_path, quantize):
    options = {"format": "litert", "quantize": quantize, "calibration": X}
    path = trained.export(tmp_path / "m.tflite", **options)
    assert path.stat().st_size > 1000


def test_a_column_that_is_lost_next_to_one_of_a_larger_unit_is_noticed():
    model = kv.tables.TabularVAE(kv.tables.Schema(COLUMNS), latent_dim=1, hidden=(2,), seed=0)
    expected = np.nan_to_num(rows(), nan=1.0)
    lost = expected.copy()
    lost[:, 1] = np.rint(lost[:, 1])
    others = np.where([False, False, True], (expected + 1) % 3, expected)
    for received, output in ((lost, "reconstruction"), (others, "categories")):
        answers = {"decode": {"reconstruction": received}}
        found = differences(model, {"decode": {"reconstruction": expected}}, answers)["decode"]
        assert not is_close(f"decode/{output}", found[output], "int8")
        (other,) = {"reconstruction", "categories"} - {output}
        assert is_close(f"decode/{other}", found[other], None)


def test_rows_of_a_table_are_compared_in_the_units_of_their_columns():
    expected = np.array([[9000.0, 1.2, 2.0], [5000.0, 0.9, 0.0]], "float32")
    received = np.array([[9200.0, 1.0, 2.0], [5000.0005, 0.9, 1.0]], "float32")
    parts = split_table(COLUMNS, expected, received)
    wanted, given = parts["reconstruction"]
    np.testing.assert_allclose(wanted, [[1.0, 1.0], [-1.0, -0.5]], atol=1e-6)
    np.testing.assert_allclose(given, [[1.1, 0.0], [-1.0, -0.5]], atol=1e-6)
    assert wanted[1, 0] == given[1, 0]  # One step of float32 is rounding.
    assert [part.tolist() for part in parts["categories"]] == [[[2], [0]], [[2], [1]]]
    assert set(split_table(COLUMNS[:2], expected[:, :2], received[:, :2])) == {"reconstruction"}
    assert set(split_table(COLUMNS[2:], expected[:, 2:], received[:, 2:])) == {"categories"}
