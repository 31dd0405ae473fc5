"""Every model of the package is served: its SavedModel in the C++ loader answers as Keras does."""

import pytest

from keras_vae.export.litert.comparison import differences, model_answers
from keras_vae.export.runtimes import cpp_loader
from keras_vae.export.saved_model import program
from keras_vae.export.saved_model.writer import add_png_endpoint, fill_saved_model
from keras_vae.export.verification import judge
from tests.support.models import kinds

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize("kind", kinds())
def test_every_signature_of_every_model_answers_as_keras_does(kind, tmp_path):
    model = kinds()[kind].trained()
    endpoints = add_png_endpoint(model.endpoints())
    fill_saved_model(model, tmp_path, endpoints)
    rows = program.example_rows(model, endpoints)
    del rows["serving_default"]
    expected = judge.gray_levels(model_answers(model, endpoints, rows))
    with cpp_loader.SavedModel(tmp_path) as loaded:
        assert set(loaded.signatures) == {*endpoints, "serving_default"}
        received = {name: loaded.run(name, inputs) for name, inputs in rows.items()}
    found = differences(model, expected, judge.gray_levels(received))
    assert {
        (signature, name): one.relative
        for signature, outputs in found.items()
        for name, one in outputs.items()
        if not one.relative <= 1e-5
    } == {}
