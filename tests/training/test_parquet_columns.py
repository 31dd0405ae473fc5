"""Columns of Parquet files: one may say which rows are for testing."""

import keras
import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="pip install keras-vae[parquet]")

import pyarrow as pa

from keras_vae.training.data import loading
from keras_vae.training.prediction.rows import open_rows
from tests.support import parquet_files as files
from tests.support.parquet_files import IMAGES

pytestmark = pytest.mark.tensorflow


def words(*counts):
    return [word for word, count in counts for _ in range(count)]


@pytest.mark.parametrize("name", ["split", "Partition", "subset"])
@pytest.mark.parametrize("dictionary", [False, True])
def test_rows_are_for_the_part_that_their_column_says(tmp_path, capsys, name, dictionary):
    parts = pa.array(words(("TEST", 3), ("train", 15), ("val", 5)))
    column = {name: parts.dictionary_encode() if dictionary else parts}
    path = files.write(
        tmp_path / "x.parquet", image=files.lists(IMAGES), label=np.arange(23), **column
    )
    found = loading.load(f"stream:{path}")
    np.testing.assert_array_equal(found.test, IMAGES[:3])
    np.testing.assert_array_equal(found.train, IMAGES[3:18])
    assert found.train_labels.tolist() == list(range(3, 18))
    assert "5 rows for validation, next to those for testing" in capsys.readouterr().err


def test_rows_for_validation_are_for_testing_if_no_others_are(tmp_path, capsys):
    path = files.write(
        tmp_path / "x.parquet", image=files.lists(IMAGES), split=words(("train", 20), ("valid", 3))
    )
    np.testing.assert_array_equal(loading.load(f"stream:{path}").test, IMAGES[20:])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "columns",
    [
        {"split": words(("train", 20), ("holdout", 3))},
        {"split": words(("test", 23))},
        {"split": [0] * 23},
        {"split": [*words(("train", 20), ("test", 2)), None]},
        {"is_test": [False] * 20 + [True] * 3},
        {"train": [True] * 20 + [False] * 3},
    ],
    ids=str,
)
def test_rows_of_unclear_parts_are_refused(tmp_path, columns):
    path = files.write(tmp_path / "x.parquet", image=files.lists(IMAGES), **columns)
    with pytest.raises(ValueError, match="Expected .*(train|a value).*x.parquet"):
        loading.load(f"stream:{path}")


def test_a_column_that_contradicts_the_names_of_files_is_refused(tmp_path):
    for name, part, word in (
        ("train", IMAGES[:20], "train"),
        ("test", IMAGES[20:], "train"),
    ):
        column = words((word, len(part)))
        files.write(tmp_path / f"{name}.parquet", image=files.lists(part), split=column)
    with pytest.raises(ValueError, match="Expected rows for testing .*split.*Received: 3"):
        loading.load(f"stream:{tmp_path}")


def test_columns_that_are_not_read_are_told(tmp_path, capsys):
    path = files.write(
        tmp_path / "x.parquet",
        image=files.raw(IMAGES),
        shape=files.shapes(IMAGES),
        labels=np.arange(23),
        mask=files.raw(IMAGES),
    )
    loading.load(f"stream:{path}")
    assert capsys.readouterr().err == f"Passed over in {path}: the columns labels, mask.\n"
    open_rows(str(path), [keras.InputSpec(shape=(None, 4, 5, 3), name="x", dtype="float32")])
    assert capsys.readouterr().err == f"Passed over in {path}: the columns labels, mask.\n"
