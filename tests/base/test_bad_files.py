"""Artifacts and files that Python code reads or writes: what is refused, changing no file."""

import functools

import pytest

import keras_vae as kv
from tests.support import serving
from tests.support.bad_input import Bad, every, touched
from tests.support.models import dense, uniform

MISSING, EXISTS = FileNotFoundError, FileExistsError
pytestmark = pytest.mark.tensorflow


def read_metadata(path):
    from keras_vae.export.litert.writer import read_metadata

    return read_metadata(path)


def client(**options):
    from keras_vae.export.serving.client import Client

    return lambda folder: lambda: Client(options.pop("url", "grpc://localhost:1"), "vae", **options)


def cpp(folder):
    from keras_vae.export.runtimes.cpp_loader import SavedModel

    return lambda: SavedModel(folder)


def tables(path):
    from keras_vae.compression import Tables

    return Tables.load(path)


def exported(**options):
    def prepare(folder):
        model = serving.model("ConvVAE")
        path = options.pop("path", None) or "model"
        return lambda: model.export(folder / path, **options)

    return prepare


FILES = {
    "metadata of a text": Bad(
        lambda f: functools.partial(read_metadata, touched(f / "x.tflite")), "...x.tflite"
    ),
    "a served folder without a model": Bad(cpp, "saved_model.pb", MISSING),
    "a served text": Bad(
        lambda f: cpp(touched(f / "1/saved_model.pb").parent), "a whole protocol buffer...11 bytes"
    ),
    "a client of no server": Bad(client(url="localhost:8500"), "a URL such as...'localhost:8500'"),
    "a client of a version and a label": Bad(
        client(version=1, label="x"), "a version or a label...both"
    ),
    "a client without time": Bad(client(timeout=0.0), "timeout above 0...0"),
    "a client without rows": Bad(client(batch_size=0), "batch_size of at least 1...0"),
    "an export over a file": Bad(
        lambda f: functools.partial(serving.model("ConvVAE").export, touched(f / "model")),
        "a path that does not exist yet...model",
        EXISTS,
    ),
    "an unknown format": Bad(exported(format="coreml"), "format to be one of...'coreml'"),
    "no endpoints of that name": Bad(exported(endpoints=["draw"]), "endpoints among...'draw'"),
    "one endpoint and no list": Bad(
        exported(endpoints="decode"),
        "endpoints to be a list...'decode'. (Write endpoints=['decode']",
        TypeError,
    ),
    "an int8 SavedModel": Bad(
        exported(quantize="int8"), "options of...none...quantize. (That is of...'litert'", TypeError
    ),
    "an unknown quantization": Bad(
        exported(path="x.tflite", format="litert", quantize="int4"),
        "quantize to be one of...'int4'",
    ),
    "int8 without calibration": Bad(
        exported(path="x.tflite", format="litert", quantize="int8"), "calibration data...none"
    ),
    "a .tflite file as a SavedModel": Bad(
        exported(path="x.tflite", format="tf_saved_model"), "'litert'"
    ),
}


@every(FILES)
def test_files_that_are_not_what_they_should_be_are_refused(case, tmp_path):
    case.check(tmp_path)


@pytest.mark.parametrize("kind", ["saved_model", "litert"])
def test_what_a_detector_is_told_to_do_instead_works(tmp_path, kind):
    """The message names `detector.export`."""
    detector = kv.AnomalyDetector(kv.Autoencoder(*dense(), seed=1))
    detector.fit_threshold(uniform(20, 6), quantile=0.9)
    target = tmp_path / ("model" if kind == "saved_model" else "x.tflite")
    detector.export(target, format="tf_saved_model" if kind == "saved_model" else kind)
    assert target.exists()
