"""The reduction of loss terms to the loss and the logs, on terms that are given."""

import keras
import numpy as np
import pytest

from keras_vae.base.objective import Objective

NATS = {"reconstruction": [1.0, 2.0, 6.0], "kl": [0.5, 0.5, 2.0]}
ROWS = np.array([0.0, 1.0, 3.0], "float32")
X = np.arange(12.0).reshape(3, 4)


class Model(Objective):
    """What the reduction uses of a model: given terms, weights, and trackers."""

    terms = tuple(NATS)
    trainable_variables: list = []
    losses: list = []

    def __init__(self, names=("loss", *NATS, "elbo"), weights=None, terms=NATS):
        self.metrics_names = list(names)
        self.loss_weights = weights or {}
        self.steps = keras.Variable(0, dtype="int32")
        self.trackers = [keras.metrics.Mean(name) for name in names]
        self.given, self.built_for = terms, []

    def build_for(self, x):
        self.built_for.append(x)

    def loss_terms(self, x, y, training):
        self.asked = x, y, training
        return {name: keras.ops.convert_to_tensor(t) for name, t in self.given.items()}


def number(x):
    return float(keras.ops.convert_to_numpy(x))


def reduced(model, rows=None, training=False):
    data = (X, X, rows) if rows is not None else (X,)
    loss, logs = model.loss_and_logs(data, training)
    return number(loss), {name: number(value) for name, value in logs.items()}


def test_the_loss_is_the_mean_over_examples_of_the_weighted_sum_of_terms():
    model = Model(weights={"kl": keras.Variable(4.0)})
    loss, logs = reduced(model)
    assert loss == pytest.approx((1 + 2 + 6 + 4 * (0.5 + 0.5 + 2)) / 3)
    assert logs == pytest.approx({"loss": loss, "reconstruction": 3.0, "kl": 1.0, "elbo": -4.0})


def test_sample_weights_divide_by_the_number_of_examples_and_logs_by_the_weights():
    loss, logs = reduced(Model(), ROWS)
    assert loss == pytest.approx((2.5 + 3 * 8.0) / 3)
    expected = {"loss": 26.5 / 4, "reconstruction": 20 / 4, "kl": 6.5 / 4, "elbo": -26.5 / 4}
    assert logs == pytest.approx(expected)


def test_logs_are_running_means_over_batches_until_they_are_reset():
    model = Model()
    reduced(model)
    model.given = {name: [10.0] for name in NATS}
    _, logs = reduced(model)
    assert logs["kl"] == pytest.approx((0.5 + 0.5 + 2.0 + 10.0) / 4)
    assert model.metrics is model.trackers
    for metric in model.metrics:
        metric.reset_state()
    assert reduced(model)[1]["kl"] == pytest.approx(10.0)


def test_weight_regularization_is_added_once_and_not_weighed_by_rows():
    class Variable:
        regularizer = "l2"

    model = Model()
    model.trainable_variables = [Variable(), Variable()]
    model.losses = [keras.ops.convert_to_tensor(0.25), keras.ops.convert_to_tensor(0.5)]
    loss, logs = reduced(model)
    assert loss == pytest.approx(12 / 3 + 0.75) and logs["loss"] == pytest.approx(loss)
    assert logs["reconstruction"] == 3.0
    assert reduced(Model(), ROWS)[0] + 0.75 == pytest.approx(reduced(model, ROWS)[0])


@pytest.mark.parametrize("training", [True, False])
def test_steps_are_counted_in_training_only(training):
    model = Model()
    for _ in range(2):
        reduced(model, training=training)
    assert int(number(model.steps)) == (2 if training else 0)
    assert model.asked[2] is training and len(model.built_for) == 2


def test_a_schedule_sees_the_number_of_the_steps_before():
    seen = []
    model = Model(weights={"kl": lambda step: seen.append(int(number(step))) or 0.0})
    reduced(model, training=True)
    reduced(model, training=True)
    assert seen == [0, 1]
    assert reduced(model)[0] == 3.0


def test_without_a_bound_none_is_logged():
    assert set(reduced(Model(names=("loss", *NATS)))[1]) == {"loss", *NATS}


def test_the_target_is_x_in_float32_unless_there_is_another():
    model = Model()
    x, y, rows = model.batch_of((X,))
    assert x is X and rows is None
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(y), X)
    _, y, rows = model.batch_of(((X, X + 1), [X + 2, X + 3], ROWS[:, None]))
    found = [keras.ops.convert_to_numpy(part) for part in y]
    np.testing.assert_array_equal(found, [X + 2, X + 3])
    assert keras.ops.convert_to_numpy(rows).tolist() == ROWS.tolist()
    # Of several inputs the first is observed.
    _, y, _ = model.batch_of(((X, X + 1),))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(y), X)


@pytest.mark.tensorflow
def test_a_compiled_reduction_takes_batches_of_any_size():
    import tensorflow as tf

    class OfX(Model):
        def loss_terms(self, x, y, training):
            return {"reconstruction": keras.ops.sum(x, axis=1), "kl": keras.ops.zeros_like(x[:, 0])}

    model = OfX()
    signature = [tf.TensorSpec((None, 4)), tf.TensorSpec((None,))]
    compiled = tf.function(lambda x, w: model.loss_and_logs((x, x, w), True)[0], signature)
    for size in (1, 3):
        x, w = X[:size].astype("float32"), ROWS[:size]
        expected = np.sum(x.sum(axis=1) * w) / size
        assert float(compiled(x, w)) == pytest.approx(expected)
    assert int(number(model.steps)) == 2


def test_terms_of_other_names_or_shapes_are_refused():
    for wrong in ({"kl": [1.0]}, {**NATS, "mine": [1.0]}, {**NATS, "kl": [[1.0]]}):
        with pytest.raises(ValueError, match="Expected Model.loss_terms to return"):
            reduced(Model(terms=wrong))
