"""What `fit`, `evaluate` and `predict` are given is used as the docs say, or refused."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.support import linear
from tests.support.models import FAST, array, assert_equal, values

X, WEIGHTS = linear.X, linear.WEIGHTS
# Half of the examples are unlike the others, and do not count.
UNLIKE = np.concatenate([np.zeros((8, 4)), np.full((8, 4), 10.0)]).astype("float32")
FIRST_HALF = np.repeat([1.0, 0.0], 8)


@pytest.fixture
def model():
    model = linear.autoencoder()
    model.compile(keras.optimizers.SGD(0.1), **FAST)
    return model


def weighted_loss(model, x, weights):
    """sum_i w_i ||x_i - (x_i A + a) B - b||^2 / 2n, and the constant, in float64."""
    encoder, encoder_bias, decoder, decoder_bias = (
        np.asarray(v, "float64") for v in values(model.trainable_variables)
    )
    error = (x @ encoder + encoder_bias) @ decoder + decoder_bias - x
    nats = 0.5 * np.sum(error**2, axis=1) + 0.5 * x.shape[1] * np.log(2 * np.pi)
    return np.average(nats, weights=weights)


DATA = {
    "x": lambda x, w: {"x": x, "sample_weight": w},
    "x and y": lambda x, w: {"x": x, "y": x, "sample_weight": w},
    "a column": lambda x, w: {"x": x, "sample_weight": w[:, None]},
}


@pytest.mark.parametrize("name", DATA)
def test_a_weight_of_0_leaves_an_example_out_of_the_mean(model, name):
    given = DATA[name](UNLIKE, FIRST_HALF)
    found = model.evaluate(**given, verbose=0, return_dict=True)["loss"]
    expected = weighted_loss(model, UNLIKE, FIRST_HALF)
    assert found == pytest.approx(expected, rel=1e-5)
    assert expected < 0.2 * weighted_loss(model, UNLIKE, np.ones(16))


@pytest.mark.parametrize(
    "data", [(UNLIKE, None, FIRST_HALF), (UNLIKE, UNLIKE, FIRST_HALF)], ids=["x", "x and y"]
)
def test_validation_data_are_weighted(data):
    model = linear.autoencoder()
    model.compile(keras.optimizers.SGD(0.0), **FAST)
    logs = model.fit(UNLIKE, validation_data=data, verbose=0).history
    expected = weighted_loss(model, UNLIKE, FIRST_HALF)
    assert logs["val_loss"] == pytest.approx([expected], rel=1e-5)


def test_a_training_with_weights_alone_is_that_of_the_formula(model):
    expected = values(model.trainable_variables)
    for x, w in linear.batches(X, WEIGHTS):
        slopes = linear.gradients(expected, x, x, w)
        expected = linear.descend(expected, slopes, 0.1)
    model.fit(X, sample_weight=WEIGHTS, batch_size=linear.BATCH, shuffle=False, verbose=0)
    assert_equal(values(model.trainable_variables), expected, rtol=1e-4, atol=1e-6)


def test_a_split_for_validation_takes_the_weights_along():
    model = linear.autoencoder()
    model.compile(keras.optimizers.SGD(0.0), **FAST)
    turned = UNLIKE[::-1].copy(), FIRST_HALF[::-1].copy()
    logs = model.fit(turned[0], sample_weight=turned[1], validation_split=0.5, verbose=0).history
    expected = weighted_loss(model, UNLIKE[:8], FIRST_HALF[:8])
    assert logs["val_loss"] == pytest.approx([expected], rel=1e-5)
    assert logs["loss"] == pytest.approx([0.0])


@pytest.mark.parametrize("step", ["train_on_batch", "test_on_batch"])
def test_single_batches_are_weighted(step):
    model = linear.autoencoder()
    model.compile(keras.optimizers.SGD(0.0), **FAST)
    found = getattr(model, step)(UNLIKE, sample_weight=FIRST_HALF, return_dict=True)["loss"]
    assert float(found) == pytest.approx(weighted_loss(model, UNLIKE, FIRST_HALF), rel=1e-5)


def test_a_pair_is_weighted_by_the_first_of_both():
    networks = kv.nets.conditional(kv.nets.dense, (4,), 2, 3, hidden=(), heads=2)
    model = kv.ConditionalVAE(*networks, likelihood="normal", seed=0)
    model.compile("sgd", **FAST)
    pair = [UNLIKE, np.eye(3, dtype="float32")[np.arange(16) % 3]]
    weighted, half = (
        model.evaluate(data, sample_weight=weights, verbose=0, return_dict=True)["loss"]
        for data, weights in ((pair, FIRST_HALF), ([p[:8] for p in pair], None))
    )
    assert weighted == pytest.approx(half, rel=0.5)  # The noise differs.


BAD_WEIGHTS = {
    "one for each pixel": (np.ones((13, 4)), "shape (batch,)"),
    "two for each example": (np.ones((13, 2)), "shape (batch,)"),
    "too few": (np.ones(12), "with 13 rows"),
    "several arrays": ([np.ones(13), np.ones(13)], "one array"),
    "a list of numbers": ([1.0] * 13, "numpy.asarray(sample_weight"),
    "negative": (-np.ones(13), "sample weights"),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
@pytest.mark.parametrize("with_target", [False, True])
def test_bad_weights_are_refused(model, name, with_target):
    weights, message = BAD_WEIGHTS[name]
    y = X if with_target else None
    for call in (model.fit, model.evaluate):
        with pytest.raises((ValueError, TypeError)) as caught:
            call(X, y, sample_weight=weights, verbose=0)
        assert message in str(caught.value)
    with pytest.raises((ValueError, TypeError)) as caught:
        model.fit(X, validation_data=(X, y, weights), verbose=0)
    assert message in str(caught.value)


BAD_TARGETS = {
    "two": ([X, X], "one array"),
    "NaN in the second": ([X, np.nan * X], "one array"),
    "a dictionary": ({"a": X, "b": X}, "one array"),
    "labels": (np.zeros(13), "leave labels out"),
    "a list of numbers": ([0.0] * 13, "numpy.asarray(y"),
    "other rows": (X[:5], "with 13 rows"),
}


@pytest.mark.parametrize("name", BAD_TARGETS)
def test_a_target_that_is_no_array_like_x_is_refused(model, name):
    y, message = BAD_TARGETS[name]
    for call in (model.fit, model.evaluate):
        with pytest.raises((ValueError, TypeError)) as caught:
            call(X, y, verbose=0)
        assert message in str(caught.value)
    if name != "other rows":
        with pytest.raises((ValueError, TypeError)):
            model.fit(iter([(X, y)]), steps_per_epoch=1, verbose=0)


def test_a_source_of_weights_without_targets_is_refused(model):
    with pytest.raises(ValueError, match=r"give \(x, x, sample_weight\)"):
        model.evaluate(iter([(UNLIKE, None, FIRST_HALF)]))


def test_class_weights_are_refused_with_the_weights_to_give(model):
    with pytest.raises(ValueError, match=r"class_weight.*sample_weight=numpy\.array"):
        model.fit(X, class_weight={0: 1.0, 1: 2.0}, verbose=0)


@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[0], "add the batch axis: x[None]"),
        (X[:, :3], "Received: (13, 3)"),
        ([X, X], "1 array(s)"),
        (X.tolist(), "numpy.asarray(x"),
    ],
    ids=["one example", "another size", "two arrays", "a list"],
)
def test_predict_refuses_a_wrong_shape_before_and_after_a_right_one(model, seen, x, message):
    if seen:
        model.predict(X, verbose=0)
    with pytest.raises((ValueError, TypeError)) as caught:
        model.predict(x, verbose=0)
    assert message in str(caught.value)


@pytest.mark.parametrize("verb", ["encode", "reconstruct", "score", "fit", "evaluate"])
def test_lists_of_numbers_are_refused_with_the_array_to_make(model, verb):
    with pytest.raises(TypeError, match=r'numpy\.asarray\(x, "float32"\)'):
        getattr(model, verb)(X.tolist())


class Frame:
    """The part of a pandas DataFrame with columns of numbers and of booleans that is used."""

    def __init__(self, columns):
        self.columns = columns
        self.dtypes = np.array([c.dtype for c in columns], object)
        self.shape = (len(columns[0]), len(columns))

    def astype(self, dtype):
        return Frame([c.astype(dtype) for c in self.columns])

    def to_numpy(self):
        same = len({c.dtype for c in self.columns}) == 1
        return np.stack(self.columns, 1) if same else np.stack(self.columns, 1).astype(object)


def test_booleans_of_a_data_frame_are_0_and_1(model):
    columns = [X[:, 0].astype("float64"), X[:, 1] > 0, np.arange(13), X[:, 2]]
    frame, expected = Frame(columns), np.stack(columns, 1).astype("float32")
    for given in ({"x": frame}, {"x": frame, "y": frame}):
        found = model.evaluate(**given, verbose=0, return_dict=True)["loss"]
        assert found == pytest.approx(weighted_loss(model, expected, None), rel=1e-5)
    np.testing.assert_allclose(
        model.predict(frame, verbose=0), array(model.reconstruct(expected)), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("verb", "name", "value"),
    [
        ("fit", "batch_size", 0),
        ("fit", "steps_per_epoch", 0),
        ("fit", "batch_size", 2.5),
        ("fit", "validation_split", -0.5),
        ("fit", "validation_split", 1.0),
        ("evaluate", "batch_size", 0),
        ("predict", "batch_size", -3),
    ],
)
def test_counts_that_cannot_be_are_refused_and_not_taken_as_left_out(model, verb, name, value):
    with pytest.raises((ValueError, TypeError), match=f"Expected {name}.*Received"):
        getattr(model, verb)(X, **{name: value}, verbose=0)


@pytest.mark.parametrize("verb", ["fit", "evaluate", "score"])
def test_masked_values_are_refused(model, verb):
    x = np.ma.masked_greater(X.astype("float32"), float(np.median(X)))
    with pytest.raises(ValueError, match=r"masked array with \d+ masked values"):
        getattr(model, verb)(x)


def test_networks_with_named_outputs_are_refused():
    x = keras.Input((4,))
    heads = {"z_mean": keras.layers.Dense(2)(x), "z_log_var": keras.layers.Dense(2)(x)}
    _, decoder = kv.nets.dense((4,), 2, ())
    with pytest.raises(TypeError, match="Expected an encoder that returns a tensor or a list"):
        kv.VAE(keras.Model(x, heads), decoder)
