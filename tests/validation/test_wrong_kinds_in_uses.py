"""Wrong kinds of arguments of what a trained model is used for are refused by their names."""

import json
import os

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.errors import KerasVAEError
from tests.support.models import FEATURES, array, dense, uniform

X = uniform(6, *FEATURES)
MODEL = kv.VAE(*dense(2), seed=1)
MODEL.compile("sgd", run_eagerly=keras.backend.backend() == "tensorflow")
DETECTOR = kv.AnomalyDetector(MODEL)
FAST = kv.Compiled(MODEL)
SCORES = np.linspace(0.0, 1.0, 8)
FLAGS = SCORES > 0.5
DATES = SCORES.astype("M8[s]")
RAGGED = [[0.1] * 6, [0.1]]
NUMBER = np.array(0.5)


def distill(x=X, **options):
    return kv.distill_decoder(MODEL, x, epochs=1, **options)


def flow(**settings):
    MODEL.fit_prior(X, prior="flow", epochs=1, **settings)


def plots():  # Matplotlib is needed only here.
    return kv.plots


def scatter(labels=None, **options):
    return plots().latent_scatter(MODEL, X, labels, **options)


def timeline(**options):
    return plots().timeline(SCORES, **options)


BAD = {
    "a class as codes": (lambda: kv.latents.lerp(kv.VAE, X, 3), "start to be an array.*VAE"),
    "a function as codes": (
        lambda: kv.latents.lerp(len, X, 3),
        "start to be an array.*len.*Give",
    ),
    "a number as codes": (
        lambda: kv.latents.attribute_vector(0.5, FLAGS),
        r"codes of shape \(batch, ...\)",
    ),
    "an example of two lengths": (
        lambda: kv.latents.traverse(MODEL, RAGGED, (0,)),
        "x of one shape",
    ),
    "ends of two lengths": (
        lambda: kv.latents.interpolate(MODEL, RAGGED, X[:2]),
        "start of one shape",
    ),
    "nothing to begin with": (
        lambda: kv.latents.interpolate(MODEL, None, X[:2]),
        "real numbers in start",
    ),
    "a number as examples of a walk": (
        lambda: kv.latents.traverse(MODEL, X[0], examples=0.5),
        "examples of arrays",
    ),
    "a word as verbose of fit": (
        lambda: MODEL.fit(X, verbose="yes"),
        "verbose to be 'auto', 0, 1 or 2",
    ),
    "a verbose of 3": (lambda: MODEL.predict(X, verbose=3), "verbose to be 'auto'"),
    "a word as verbose of a detector": (
        lambda: DETECTOR.predict(X, verbose="no"),
        "verbose to be 'auto'",
    ),
    "a word as verbose of a prior": (lambda: flow(verbose="no"), "verbose to be 'auto'"),
    "a word as verbose of a student": (lambda: distill(verbose="no"), "verbose to be 'auto'"),
    "a function as a callback": (
        lambda: MODEL.fit(X, callbacks=[print], verbose=0),
        "callbacks to be a list of Keras callbacks",
    ),
    "a class of callbacks": (
        lambda: DETECTOR.predict(X, callbacks=keras.callbacks.TerminateOnNaN),
        "callbacks to be a list of Keras callbacks",
    ),
    "an unknown optimizer": (lambda: MODEL.compile("adamm"), "optimizer to be .*'adamm'"),
    "a class of optimizers": (
        lambda: MODEL.compile(keras.optimizers.Adam),
        "optimizer to be .*Adam",
    ),
    "an optimizer without a name": (
        lambda: kv.compile_fast(MODEL, {"a": 1}, say=len),
        "optimizer to be",
    ),
    "text to say a report": (lambda: kv.compile_fast(MODEL, say="print"), "say to be a function"),
    "numbers in place of batches": (
        lambda: MODEL.predict((i for i in range(3)), verbose=0),
        "x of arrays or tensors",
    ),
    "batches in place of one": (
        lambda: MODEL.predict_on_batch(batch for batch in [X]),
        "x to be an array.*source of batches",
    ),
    "a file as a compiled model": (lambda: kv.Compiled("vae.keras"), "model to be .*load reads"),
    "an object as a compiled model": (lambda: kv.Compiled(object()), "model to be"),
    "half a largest batch": (lambda: kv.Compiled(MODEL, 2.5), "largest_batch of at least 1, an in"),
    "a list as an endpoint": (lambda: FAST.call(["encode"], X), "name to be 'reconstruct', "),
    "a number to encode": (lambda: FAST.encode(NUMBER), "at least one row in x"),
    "rows in a list": (lambda: FAST.encode(list(X)), r"1 array\(s\): x. .*6. .*numpy.stack"),
    "nothing to learn from": (lambda: distill(None), "arrays or a source"),
    "lists to learn from": (lambda: distill(X.tolist()), "arrays"),
    "gaps to learn from": (lambda: distill(X * np.nan), "finite values in x"),
    "a number as a student": (lambda: distill(student=1j), "student to be a Keras network"),
    "a file as a model to detect with": (
        lambda: kv.AnomalyDetector("vae.keras"),
        "an autoencoder of keras_vae.*str.*keras_vae.load",
    ),
    "a file as a model to classify with": (
        lambda: kv.classifier_from("vae.keras", 2),
        "an autoencoder of keras_vae.*str.*keras_vae.load",
    ),
    "labels of two lengths": (
        lambda: kv.metrics.knn_probe(X, [[1], [1, 2]], X, FLAGS),
        "train_labels of one shape",
    ),
    "labels of two lengths to a prior": (
        lambda: MODEL.fit_prior(X, [[1], [1, 2]], prior="flow"),
        "labels of one shape",
    ),
    "a number as folder": (lambda: kv.load_images(5), "folder to be text or a path"),
    "folders in a list": (lambda: kv.load_images(["a", "b"]), "folder to be text or a path"),
    "no folder": (lambda: kv.load_images(""), "folder to be the path"),
    "a bucket of images": (lambda: kv.load_images("gs://a/b"), "folder to be a path on this mac"),
    "a class by number": (
        lambda: kv.load("a.keras", custom_objects={1: kv.VAE}),
        "custom_objects to be a dictionary",
    ),
    "text as a class": (
        lambda: kv.load("a.keras", custom_objects={"A": "B"}),
        "custom_objects to be a dictionary",
    ),
    "a word as overwrite": (
        lambda: MODEL.export("absent.tflite", "litert", overwrite="no"),
        "overwrite to be True or False",
    ),
    "no model to draw": (lambda: plots().reconstructions(None, X), "model to be"),
    "a file to draw samples of": (lambda: plots().samples("a.keras"), "model to be .*load reads"),
    "a number to draw": (lambda: plots().manifold(3), "model to be"),
    "an object to draw": (lambda: plots().latent_scatter(object(), X), "model to be"),
    "dates as classes": (lambda: scatter(DATES[:6]), "labels of classes.*datetime64"),
    "no labels": (lambda: scatter([None] * 6), "labels of classes.*NoneType"),
    "masked classes": (
        lambda: scatter(np.ma.masked_equal(np.arange(6), 1)),
        "finite values in labels",
    ),
    "curves by number": (
        lambda: plots().loss_curves({1: [1.0]}),
        "the names in history to be a list of names",
    ),
    "text as flags": (lambda: timeline(flagged=FLAGS.astype(str)), "real numbers in flagged"),
    "scores as flags": (lambda: timeline(flagged=SCORES), "flagged of booleans.*float64"),
    "truths as times": (lambda: timeline(times=FLAGS), "times of numbers or dates.*bool"),
    "text as times": (lambda: timeline(times=["a"] * 8), "times of numbers or dates.*<U1"),
    "masked times": (
        lambda: timeline(times=np.ma.masked_equal(np.arange(8), 1)),
        "finite values in times",
    ),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_what_has_the_wrong_kind_is_refused_by_name(call, message):
    with pytest.raises(KerasVAEError, match=f"^Expected .*{message}") as caught:
        call()
    assert "Received" in str(caught.value)


ABSENT = {
    "a history": (lambda: kv.plots.read_history("no.jsonl"), "a metrics.jsonl.*no.jsonl"),
    "a folder as a history": (lambda: kv.plots.loss_curves(os.curdir), "a metrics.jsonl.*no file"),
    "a preset as a file": (lambda: kv.load("vae_digits"), r"a .keras file.*from_preset\('vae_"),
}


@pytest.mark.parametrize(("call", "message"), ABSENT.values(), ids=ABSENT)
def test_what_is_no_file_is_named(call, message):
    with pytest.raises(FileNotFoundError, match=f"^Expected {message}"):
        call()


def test_numbers_of_numpy_in_a_threshold_fit_into_a_file():
    made = kv.anomalies.Threshold(np.float32(2), "quantile", np.float32(0.5), np.int8(9))
    assert json.dumps([made.value, made.asked, made.examples]) == "[2.0, 0.5, 9]"


def test_curves_and_names_may_be_arrays():
    assert plots().loss_curves({"loss": np.array([2.0, 1.0])}).axes
    assert scatter(np.arange(6) % 2, label_names=np.array(["a", "b"])).legends


class Traced:
    """A tensor of PyTorch in a graph of gradients, as another backend sees it."""

    shape, dtype, requires_grad = X.shape, X.dtype, True

    def __array__(self, *args, **kwargs):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


TRACED = {
    "encode": lambda x: MODEL.encode(x),
    "predict": lambda x: MODEL.predict(x, verbose=0),
    "fit": lambda x: MODEL.fit(x, verbose=0),
    "score": lambda x: DETECTOR.score(x),
    "compiled": lambda x: FAST.encode(x),
    "an estimator": lambda x: kv.estimators.active_units(MODEL, x),
    "a metric": lambda x: kv.metrics.frechet_distance(x, X),
}


@pytest.mark.parametrize("call", TRACED.values(), ids=TRACED)
def test_a_tensor_in_a_graph_of_another_backend_is_refused(call):
    with pytest.raises(TypeError, match=r"^Expected x without gradients.*\(Give x.detach\(\).\)"):
        call(Traced())


@pytest.mark.slow
def test_a_student_learns_from_what_fit_takes():
    answers = []
    for x in (X, keras.ops.convert_to_tensor(X)):
        keras.utils.set_random_seed(0)
        student = distill(x, batch_size=12, seed=0, verbose=0)
        answers.append(array(student.decode(X[:, :3])))
    np.testing.assert_array_equal(*answers)
