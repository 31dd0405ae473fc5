"""Every likelihood runs on a device: builtin ops alone, and the numbers of Keras."""

import functools

import numpy as np
import pytest

from keras_vae import distributions as d

pytestmark = pytest.mark.tensorflow

BATCH, SHAPE = 3, (5, 4)
NAMES = sorted(d.FAMILIES)
# One of each way to compute; one file holds those of a run.
FEW = ["bernoulli", "discretized_logistic_mixture", "negative_binomial", "student_t"]


def arguments(name):
    """Decoder outputs and shared parameters from moderate to extreme."""
    family = d.get(name)
    outputs = np.random.default_rng(len(name)).normal(size=(family.heads, BATCH, *SHAPE))
    outputs[:, 0] *= 100
    return [*outputs.astype("float32"), *(np.float32(-1.5) for _ in family.shared)]


def data(name):
    rng = np.random.default_rng(0)
    if name == "categorical":
        return np.eye(SHAPE[1], dtype="float32")[rng.integers(0, SHAPE[1], (BATCH, SHAPE[0]))]
    if d.get(name).whole:
        return rng.choice([0, 1, 7, 200, 255], (BATCH, *SHAPE)).astype("float32")
    levels = rng.choice([0, 1, 127, 200, 255], (BATCH, *SHAPE)) / 255
    return np.maximum(levels, d.get(name).support[0]).astype("float32")


@pytest.fixture(scope="module")
def interpreter():
    """Return files with `mean` and `log_prob` of families as signatures."""
    return functools.cache(convert)


def convert(names):
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    module = tf.Module()
    functions = {name: tf.function(computed(name), signature(tf, name)) for name in names}
    graphs = [f.get_concrete_function() for f in functions.values()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(graphs, module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return Interpreter(model_content=converter.convert())


def computed(name):
    def graph(x, *parameters):
        p = d.get(name)(*parameters)
        return {"mean": p.mean, "log_prob": p.log_prob(x)}

    graph.__name__ = name
    return graph


def signature(tf, name):
    arrays = [data(name), *arguments(name)]
    return [tf.TensorSpec(a.shape, tf.float32, name=f"a{i}") for i, a in enumerate(arrays)]


@pytest.mark.parametrize(
    "name", [n if n in FEW else pytest.param(n, marks=pytest.mark.slow) for n in NAMES]
)
def test_mean_and_log_prob_are_those_of_keras(interpreter, name):
    arrays = [data(name), *arguments(name)]
    others = tuple(n for n in NAMES if n not in FEW)
    file = interpreter(tuple(FEW) if name in FEW else others)
    runner = file.get_signature_runner(name)
    found = runner(**{f"a{i}": a for i, a in enumerate(arrays)})
    p = d.get(name)(*arrays[1:])
    np.testing.assert_allclose(found["mean"], np.asarray(p.mean), rtol=1e-5, atol=2e-5)
    expected = np.asarray(p.log_prob(arrays[0]))
    np.testing.assert_allclose(found["log_prob"], expected, rtol=1e-5, atol=1e-5)
