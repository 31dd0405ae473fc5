"""Numbers of files in bulk prediction: bytes are pixels of images alone, and all are checked."""

import functools

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.errors import UsageError
from keras_vae.training.prediction.rows import open_rows
from tests.training.test_bulk import joined, predict, saved

COUNTS = np.random.default_rng(0).poisson(4, (30, 6))
TABLE = {
    "city": ["Bern", "Oslo", "Rome"] * 10,
    "income": np.arange(1.5, 31.0),
    "visits": list(range(30)),
}


@functools.cache
def of_counts():
    keras.utils.set_random_seed(0)
    networks = kv.nets.dense((6,), 2, (8,), heads=2)
    return kv.VAE(*networks, likelihood="poisson", seed=0)


@functools.cache
def of_tables():
    keras.utils.set_random_seed(0)
    return kv.tables.TabularVAE(kv.tables.Schema.infer(TABLE), latent_dim=1, hidden=(), seed=0)


def read(folder, array, endpoint):
    return open_rows(str(saved(folder, array)), endpoint.inputs).read(0, len(array))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64", "float32", "float64"])
def test_scores_of_counts_are_those_of_the_model_for_every_type(tmp_path, dtype):
    predict(tmp_path / "out", saved(tmp_path, COUNTS.astype(dtype)), "score", of_counts())
    expected = keras.ops.convert_to_numpy(of_counts().score(COUNTS.astype("float32")))
    np.testing.assert_allclose(joined(tmp_path / "out", "score"), expected, rtol=1e-4)


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_integers_of_series_and_of_codes_are_numbers_as_they_are(tmp_path, dtype):
    networks = kv.nets.dense((8, 2), 2, (4,), heads=2)
    endpoints = kv.VAE(*networks, likelihood="normal", seed=0).endpoints()
    series = np.arange(48).reshape(3, 8, 2).astype(dtype)
    np.testing.assert_array_equal(read(tmp_path, series, endpoints["encode"])[0], series)
    codes = np.array([[0, 3], [2, 1]], dtype)
    np.testing.assert_array_equal(read(tmp_path, codes, endpoints["decode"])[0], codes)


def test_bytes_of_images_of_counts_are_counts(tmp_path):
    networks = kv.nets.dense((4, 4, 1), 2, (8,), heads=2)
    model = kv.VAE(*networks, likelihood="poisson", seed=0)
    images = np.arange(32, dtype="uint8").reshape(2, 4, 4, 1)
    np.testing.assert_array_equal(read(tmp_path, images, model.endpoints()["score"])[0], images)


def test_counts_that_float32_cannot_hold_are_refused_in_int64(tmp_path):
    counts = COUNTS.copy()
    counts[17, 3] = 2**24 + 1
    with pytest.raises(UsageError, match="16777217 in row 17, column 3, which would become"):
        predict(tmp_path / "out", saved(tmp_path, counts), "score", of_counts())


@pytest.mark.parametrize("output", ["score", "encode", "reconstruct"])
def test_fractions_of_counts_are_refused_with_their_row(tmp_path, output):
    counts = COUNTS.astype("float32")
    counts[17, 3] = 0.5
    message = r"whole numbers in x.* such as 0.5.*\(In rows 14 to 17 of .*, first in row 17"
    with pytest.raises(UsageError, match=message):
        predict(tmp_path / "out", saved(tmp_path, counts), output, of_counts())


@pytest.mark.parametrize(
    "column, value, named",
    [(0, 17.0, "'city'"), (1, -5.0, "'income'"), (2, 1.5, "'visits'")],
)
def test_rows_that_a_table_cannot_have_are_refused_with_their_row(tmp_path, column, value, named):
    rows = of_tables().schema.to_array(TABLE)
    rows[25, column] = value
    message = rf"column {named} of x. Received: {value:g} .*, first in row 25\."
    with pytest.raises(UsageError, match=message):
        predict(tmp_path / "out", saved(tmp_path, rows), "score", of_tables())


def test_rows_of_a_table_with_holes_have_scores(tmp_path):
    rows = of_tables().schema.to_array(TABLE)
    rows[3, 1] = np.nan
    predict(tmp_path / "out", saved(tmp_path, rows), "score", of_tables())
    expected = keras.ops.convert_to_numpy(of_tables().score(rows))
    np.testing.assert_allclose(joined(tmp_path / "out", "score"), expected, rtol=1e-4)
