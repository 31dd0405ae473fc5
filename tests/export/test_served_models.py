"""Every model of the package is served: its SavedModel in the C++ loader answers as Keras does.

Whatever else is asked is an error, not an answer, and not the end of the server.
"""

import itertools

import numpy as np
import pytest

from keras_vae.export.litert.comparison import differences, model_answers
from keras_vae.export.runtimes import cpp_loader
from keras_vae.export.saved_model import program
from keras_vae.export.saved_model.writer import add_png_endpoint, fill_saved_model
from keras_vae.export.verification import judge
from tests.support.models import kinds

pytestmark = pytest.mark.tensorflow


class Served:
    """A trained model, loaded as a server does, with rows for each endpoint."""

    def __init__(self, kind, folder):
        self.model = kinds()[kind].trained()
        self.endpoints = add_png_endpoint(self.model.endpoints())
        fill_saved_model(self.model, folder, self.endpoints)
        self.rows = program.example_rows(self.model, self.endpoints)
        del self.rows["serving_default"]
        self.loaded = cpp_loader.SavedModel(folder)


@pytest.fixture(scope="module", params=kinds())
def served(request, tmp_path_factory):
    made = Served(request.param, tmp_path_factory.mktemp("served"))
    yield made
    made.loaded.close()


def test_every_signature_of_every_model_answers_as_keras_does(served):
    expected = judge.gray_levels(model_answers(served.model, served.endpoints, served.rows))
    assert set(served.loaded.signatures) == {*served.endpoints, "serving_default"}
    received = {name: served.loaded.run(name, inputs) for name, inputs in served.rows.items()}
    found = differences(served.model, expected, judge.gray_levels(received))
    assert {
        (signature, name): one.relative
        for signature, outputs in found.items()
        for name, one in outputs.items()
        if not one.relative <= 1e-5
    } == {}


def wrong_inputs(spec, good):
    """What a request may hold in place of two rows of an input, by a description."""
    rank = good.ndim
    yield "scalar", np.array(good.reshape(-1)[0], good.dtype)
    yield "one axis more", good[..., None]
    if rank > 1:
        yield "empty column", good.reshape(-1)[:0]
        yield "one axis less", good[..., 0]
        yield "one axis", good.reshape(-1)
    for axis in range(1, rank):
        yield f"axis {axis} longer", np.concatenate([good, good.take([0], axis)], axis)
        yield f"axis {axis} shorter", good.take(range(good.shape[axis] - 1), axis)
    if hasattr(spec, "count"):
        bad = (-1, spec.count) if good.dtype == "int32" else (0.5, -1, 2, np.nan)
        for value in bad:
            numbers = good.copy()
            numbers.reshape(2, -1)[1, 0] = value
            yield f"the number {value}", numbers
        if spec.some:
            yield "a row of zeros", good * np.array([[1], [0]], good.dtype)


def test_every_wrong_request_to_every_model_is_an_error(served, monkeypatch):
    # The server checks types only: what the loader checks in Python is left out.
    monkeypatch.setattr(cpp_loader, "check_inputs", lambda _, name, inputs: inputs)
    answered = []

    def ask(name, inputs, why):
        try:
            served.loaded.run(name, inputs)
        except RuntimeError as error:
            assert "status 3" in str(error), error  # INVALID_ARGUMENT
        else:
            answered.append((name, why))

    for name, endpoint in served.endpoints.items():
        good = {key: array[:2] for key, array in served.rows[name].items()}
        for spec in endpoint.inputs:
            for why, wrong in wrong_inputs(spec, good[spec.name]):
                ask(name, {**good, spec.name: wrong}, f"{spec.name}: {why}")
        if len(good) > 1:
            for key in good:
                ask(name, {**good, key: good[key][:1]}, f"{key}: fewer rows")
        served.loaded.run(name, good)
    assert answered == []


def test_a_request_without_rows_does_not_end_the_server(served):
    for name, inputs in served.rows.items():
        try:
            answer = served.loaded.run(name, {key: array[:0] for key, array in inputs.items()})
        except RuntimeError:
            continue
        assert {len(array) for array in answer.values()} == {0}


def test_rows_that_are_not_finite_are_answered_with_nan(served):
    for name, endpoint in served.endpoints.items():
        floats = [s for s in endpoint.inputs if s.dtype == "float32"]
        floats = [spec for spec in floats if not hasattr(spec, "count")]
        for spec, value in itertools.product(floats, (np.nan, np.inf)):
            good = {key: array[:2].copy() for key, array in served.rows[name].items()}
            good[spec.name][1].reshape(-1)[-1] = value
            for key, array in served.loaded.run(name, good).items():
                if array.dtype == "float32":
                    bad = np.isnan(array.reshape(2, -1))
                    assert bad[1].all() and not bad[0].any(), (name, key, spec.name, value)
