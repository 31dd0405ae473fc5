"""Functions of arrays refuse sources of batches in words, and take nothing from them."""

import functools

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.support.models import array, dense, uniform

X = uniform(16, 6)


class Batches(keras.utils.PyDataset):
    """Two batches, as arrays: NumPy would stack them."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        raise AssertionError("nothing is read")


class Loader:
    """As a loader of PyTorch or a data set of TensorFlow."""

    def __iter__(self):
        raise AssertionError("nothing is read")


SOURCES = {
    "generator": lambda: (X[i : i + 8] for i in (0, 8)),
    "iterator": lambda: iter([X[:8], X[8:]]),
    "PyDataset": Batches,
    "loader": Loader,
    "function": lambda: lambda: iter([X]),
}


@functools.cache
def model():
    return kv.VAE(*dense(2), seed=0)


@functools.cache
def codes():
    return array(model().encode(X))


CALLS = {
    "encode": lambda x: model().encode(x),
    "decode": lambda x: model().decode(x),
    "reconstruct": lambda x: model().reconstruct(x),
    "score": lambda x: model().score(x),
    "Compiled.encode": lambda x: kv.Compiled(model()).encode(x),
    "Compiled.decode": lambda x: kv.Compiled(model()).decode(x),
    "score_map": lambda x: kv.AnomalyDetector(model()).score_map(x),
    "active_units": lambda x: kv.estimators.active_units(model(), x),
    "standardize": lambda x: kv.preprocessing.standardize(x),
    "windows": lambda x: kv.data.windows(x, 2),
    "fit_mixture": lambda x: kv.samplers.fit_mixture(x, 1),
    "fit_pareto": lambda x: kv.anomalies.fit_pareto(x),
    "auroc": lambda x: kv.metrics.auroc(x, X[:, 0]),
    "auroc, the others": lambda x: kv.metrics.auroc(X[:, 0], x),
    "psnr": lambda x: kv.metrics.mean_psnr(x, X),
    "inpaint": lambda x: kv.inpaint(model(), x, np.ones(6)),
    "inpaint, mask": lambda x: kv.inpaint(model(), X, x),
    "traverse": lambda x: kv.latents.traverse(model(), x, [0], [0.0]),
    "log_mean_exp": lambda x: kv.estimators.log_mean_exp(x),
    "codebook_usage": lambda x: kv.metrics.codebook_usage(x, 3),
    "linear_probe": lambda x: kv.metrics.linear_probe(x, [0, 1] * 8, X, [0, 1] * 8),
    "linear_probe, labels": lambda x: kv.metrics.linear_probe(X, x, X, [0, 1] * 8),
    "quadrature": lambda x: kv.estimators.quadrature_log_likelihood(model(), x),
    "interpolate": lambda x: kv.latents.interpolate(model(), x, X),
    "attribute": lambda x: kv.latents.attribute_vector(codes(), x),
    "seeds": lambda x: kv.random.standard_normal(x, 2),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", CALLS)
def test_a_source_of_batches_is_refused_whole(name, source):
    given = SOURCES[source]()
    with pytest.raises(TypeError, match="Expected .*Received: .*(batches|function)") as caught:
        CALLS[name](given)
    assert isinstance(caught.value, kv.errors.KerasVAEError)
    if hasattr(given, "__next__"):
        np.testing.assert_array_equal(next(given), X[:8])


@pytest.mark.tensorflow
def test_a_data_set_of_tensorflow_is_refused_too():
    import tensorflow as tf

    with pytest.raises(TypeError, match="Received: a source of batches.*numpy.concatenate"):
        kv.preprocessing.standardize(tf.data.Dataset.from_tensors(X))


@pytest.mark.parametrize("given", [[[1.0, 2.0], [3.0, 5.0]], ((1, 2), (3, 5)), range(2, 5)])
def test_lists_of_numbers_are_arrays(given):
    kv.preprocessing.standardize(given)
