"""What compression refuses before any work: paths, text, tables of other things or without use."""

from pathlib import Path

import numpy as np
import pytest

import keras_vae as kv
from keras_vae import compression
from keras_vae.compression import Tables
from keras_vae.errors import KerasVAEError
from tests.support.models import FEATURES, dense, uniform

pytest.importorskip("constriction", reason="pip install keras-vae[compression]")

X = uniform(9, *FEATURES)
MODEL = kv.CompressiveAutoencoder(*dense(), seed=1)
REAL = kv.Autoencoder(*dense(), seed=1)
TABLES = compression.fit_tables(MODEL, X)
OWN, FEW = compression.compress(MODEL, X), compression.compress(MODEL, X[:2], tables=TABLES)


def decompress(blob=OWN, model=MODEL, **kwargs):
    return compression.decompress(model, blob, **kwargs)


def tables(lows=(0,), frequencies=((1, 1),), step=0.0):
    return Tables(lows, frequencies, step)


BAD = {
    "tables without use": (lambda: decompress(tables=TABLES), "no tables: the file holds its own"),
    "a number without use": (lambda: decompress(tables=3), "tables of keras_vae.*Received: 3"),
    "text as tables": (lambda: decompress(FEW, tables="x"), "tables of keras_vae.*'x'"),
    "a number as tables": (lambda: compression.compress(MODEL, X, tables=3), "tables of keras_vae"),
    "text as a note": (lambda: compression.compress(MODEL, X, note="hi"), "note of bytes.*encode"),
    "no note": (lambda: compression.compress(MODEL, X, note=None), "note of bytes"),
    "a name": (lambda: decompress("x.kvae"), "the bytes of a file.*'x.kvae'.*read_bytes"),
    "a path": (lambda: decompress(Path("x.kvae")), "the bytes of a file.*read_bytes"),
    "a number": (lambda: decompress(5), "the bytes of a file. Received: 5"),
    "a list": (lambda: decompress([1, 2]), "the bytes of a file"),
    "the name of a note": (lambda: compression.read_note("x"), "the bytes of a file"),
    "the name of a count": (lambda: compression.read_count("x"), "the bytes of a file"),
    "the name of tables": (lambda: Tables.from_bytes("x"), "the bytes of a file"),
    "no model": (lambda: compression.compress(3, X), "an autoencoder of keras_vae. Received: int"),
    "no model to read": (lambda: decompress(model=3), "an autoencoder of keras_vae. Received: int"),
    "a detector": (
        lambda: compression.codes_of(kv.AnomalyDetector(MODEL), X),
        "an autoencoder of keras_vae",
    ),
    "text as bytes": (lambda: decompress(max_bytes="1"), "max_bytes of at least 0, an integer"),
    "NaN bytes": (lambda: decompress(max_bytes=np.nan), "max_bytes of at least 0, an integer"),
    "no bytes": (lambda: decompress(max_bytes=None), "max_bytes of at least 0, an integer"),
    "text as a step": (lambda: compression.compress(REAL, X, "a"), "step to be a finite number"),
    "True as a step": (lambda: compression.fit_tables(REAL, X, True), "step to be a finite number"),
    "no frequency": (lambda: tables(frequencies=((0, 0),)), "frequencies of at least two integers"),
    "less than none": (lambda: tables(frequencies=((-1, 5),)), "frequencies of at least two int"),
    "17 bits": (lambda: tables(frequencies=((1, 70_000),)), "frequencies of at least two integers"),
    "half a frequency": (lambda: tables(frequencies=((1.5, 1),)), "frequencies of at least two"),
    "one frequency": (lambda: tables(frequencies=((1,),)), "frequencies of at least two integers"),
    "text as frequencies": (lambda: tables(frequencies=(("a", "b"),)), "numbers in frequencies"),
    "a number for rows": (lambda: tables(frequencies=5), "a sequence of frequencies for each"),
    "too few rows": (lambda: tables((0, 0)), "a sequence of frequencies for each"),
    "33 bits": (lambda: tables((2**31,)), "lows of 32 bits"),
    "text as lows": (lambda: tables(("a",)), "each of lows"),
    "no tables": (lambda: tables((), ()), "lows of at least one integer"),
    "a step below 0": (lambda: tables(step=-1.0), "step of at least 0"),
    "a step of text": (lambda: tables(step="a"), "step to be a finite number"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_file_and_no_table_is_refused_by_name(name):
    call, message = BAD[name]
    with pytest.raises(KerasVAEError, match=f"(?s)^Expected .*{message}"):
        call()


@pytest.mark.parametrize("kind", [bytearray, memoryview, lambda b: np.frombuffer(b, np.uint8)])
def test_bytes_of_any_kind_are_read(kind):
    np.testing.assert_array_equal(decompress(kind(OWN)), decompress())


def test_tables_of_lists_are_those_of_tuples():
    assert tables([0], [[1, 1]]) == tables()
    assert hash(tables([0], [[1, 1]])) == hash(tables())
