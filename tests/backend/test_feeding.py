"""Arrays become data sets without autotuning, of the batches that Keras would have made."""

import sys

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.backend import tensorflow_data

pytestmark = pytest.mark.tensorflow

ROWS = 50
X = np.random.default_rng(0).random((ROWS, 6))  # float64, as NumPy makes it.
WEIGHTS = np.arange(ROWS) / 10

CALLS = {
    "batch size": {"batch_size": 8},
    "in order": {"batch_size": 8, "shuffle": False},
    "within batches": {"batch_size": 8, "shuffle": "batch"},
    "target and weights": {"y": X[::-1].copy(), "sample_weight": WEIGHTS, "batch_size": 8},
    "weights": {"sample_weight": WEIGHTS, "batch_size": 8},
    "split": {"validation_split": 0.3, "sample_weight": WEIGHTS},
    "validation": {"validation_data": (X[:20], X[20:40], WEIGHTS[:20]), "batch_size": 8},
    "its batch size": {"validation_data": (X[:20],), "validation_batch_size": 3},
    "its steps": {"validation_data": (X[:20],), "validation_batch_size": 4, "validation_steps": 3},
    "steps": {"batch_size": 8, "steps_per_epoch": 3},
    "steps alone": {"steps_per_epoch": 4},
}


def made():
    keras.utils.set_random_seed(3)
    model = kv.VAE(*kv.nets.dense((6,), 2, hidden=(4,), heads=2), seed=0)
    model.compile("sgd", run_eagerly=True)
    return model


@pytest.mark.long
@pytest.mark.parametrize("name", CALLS)
def test_the_loss_curve_is_that_of_keras(name):
    model, other = made(), made()
    keras.utils.set_random_seed(5)
    history = model.fit(X, epochs=2, verbose=0, **CALLS[name]).history
    keras.utils.set_random_seed(5)
    given = {"y": X, **CALLS[name]}  # Without a target, Keras would drop the weights.
    expected = keras.Model.fit(other, X, epochs=2, verbose=0, **given).history
    assert history.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(history[name], expected[name], rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], other.get_weights()[0], rtol=1e-5)


def test_evaluate_and_predict_are_those_of_keras():
    model, other = made(), made()
    found = model.evaluate(X, batch_size=8, sample_weight=WEIGHTS, verbose=0, return_dict=True)
    x = X.astype("float32")  # As target too: without it, Keras would drop the weights.
    expected = keras.Model.evaluate(
        other, x, x, batch_size=8, sample_weight=WEIGHTS, verbose=0, return_dict=True
    )
    assert found == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(
        model.predict(X, batch_size=8, verbose=0),
        keras.Model.predict(other, X, batch_size=8, verbose=0),
        rtol=1e-6,
    )


def epoch(batches):
    return np.concatenate([np.asarray(batch)[:, 0] for batch in batches])


@pytest.mark.parametrize("shuffle", [True, "batch", False])
def test_each_epoch_holds_each_example_once(shuffle):
    x = np.arange(23.0).reshape(23, 1)
    batches = tensorflow_data.batches(x, 5, shuffle)
    rows = list(epoch(batches))
    assert sorted(rows) == list(range(23))
    assert (rows == sorted(rows)) == (shuffle is False)
    assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3]
    assert int(batches.cardinality()) == 5


def test_structures_and_parts_that_are_none_keep_their_places():
    data = ((np.zeros((4, 2)), np.ones((4, 3))), None, np.arange(4.0))
    (x, condition), y, weight = next(iter(tensorflow_data.batches(data, 3)))
    assert (x.shape, condition.shape, weight.shape) == ((3, 2), (3, 3), (3,))
    assert y is None


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [("float64", "float32"), ("float16", "float32"), ("uint8", "uint8"), ("int64", "int64")],
)
def test_floats_become_those_of_keras_and_integers_stay(dtype, kept):
    assert tensorflow_data.aligned_tensor(np.zeros((3, 2), dtype)).dtype.name == kept


def test_a_change_of_the_array_afterwards_does_not_reach_the_training():
    x = np.zeros((4, 1), "float32")
    batches = tensorflow_data.batches(x, 4)
    x[:] = 1.0
    assert float(np.max(next(iter(batches)))) == 0.0


def autotuned(arguments):
    return [
        arguments[name].options().autotune.enabled
        for name in ("x", "validation_data")
        if arguments.get(name) is not None
    ]


def test_no_source_of_fit_is_autotuned():
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(X).batch(8)
    for given in (
        {"x": X, "validation_data": (X,)},
        {"x": X, "validation_split": 0.5},
        {"x": dataset, "validation_data": dataset},
        {"x": tf.constant(X)},
    ):
        options = autotuned(tensorflow_data.with_tf_data_for_fit(given))
        assert options == [False] * len(options)


@pytest.mark.parametrize("shuffle", [False, True, "batch"])
def test_autograph_rewrites_no_function_of_fit(shuffle):
    """Its rewriting takes longer than all else between the call of `fit` and the first step."""
    import tensorflow as tf

    before = [name for name in sys.modules if name.startswith("__autograph_generated_file")]
    source = tf.data.Dataset.from_tensor_slices(X).batch(25)
    for x in (X, source):
        made().fit(x, shuffle=shuffle, verbose=0, steps_per_epoch=1)
    after = [name for name in sys.modules if name.startswith("__autograph_generated_file")]
    assert after == before


def test_who_asks_for_autotuning_gets_it():
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = True
    dataset = tf.data.Dataset.from_tensor_slices(X).batch(8).with_options(options)
    assert autotuned(tensorflow_data.with_tf_data_for_fit({"x": dataset})) == [True]


def test_what_keras_refuses_is_left_to_keras():
    for given in ({"x": X, "validation_split": 1.0}, {"x": X, "class_weight": {0: 1.0}}):
        assert tensorflow_data.with_tf_data_for_fit(given)["x"] is X
