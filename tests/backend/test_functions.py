"""The functions of the TensorFlow backend, and the defaults of backends that need nothing."""

import contextlib
from types import SimpleNamespace

import keras
import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="tests functions of TensorFlow")

from keras_vae.backend import common, on_tensorflow  # noqa: E402

pytestmark = pytest.mark.tensorflow


class Workers(tf.distribute.MultiWorkerMirroredStrategy):
    """A strategy of so many workers, without any but this one; others have the number 5."""

    def __init__(self, count):
        tasks = {"worker": count, "ps": 7}
        spec = SimpleNamespace(num_tasks=tasks.__getitem__)
        self.resolver = SimpleNamespace(cluster_spec=lambda: spec)

    cluster_resolver = property(lambda self: self.resolver)

    def run(self, function):
        return function()

    def reduce(self, kind, values, axis):
        assert (kind, axis) == ("MEAN", None)
        workers = self.resolver.cluster_spec().num_tasks("worker")
        return (values + 5.0 * (workers - 1)) / workers


def test_a_sum_over_replicas_is_the_number_itself_or_reduced_by_the_strategy(monkeypatch):
    x = tf.constant([1.0, 2.0])
    assert on_tensorflow.sum_over_replicas(x) is x
    context = SimpleNamespace(all_reduce=lambda kind, value: (kind, value))
    monkeypatch.setattr(tf.distribute, "get_replica_context", lambda: context)
    for count in (2, 3):
        strategy = SimpleNamespace(num_replicas_in_sync=count)
        monkeypatch.setattr(tf.distribute, "get_strategy", lambda s=strategy: s)
        assert on_tensorflow.sum_over_replicas(x) == ("SUM", x)


def test_replicas_have_an_index_and_what_runs_outside_of_them_is_the_first(monkeypatch):
    for context, index in ((None, 0), (SimpleNamespace(replica_id_in_sync_group=3), 3)):
        monkeypatch.setattr(tf.distribute, "get_replica_context", lambda c=context: c)
        assert on_tensorflow.replica_index() == index


def test_a_variable_is_traced_in_a_step_that_is_being_compiled():
    found = []
    tf.function(lambda: found.append(on_tensorflow.is_traced(None)))()
    found.append(on_tensorflow.is_traced(None))
    assert found == [True, False]


def test_a_vector_jacobian_product_is_weighted_by_upstream_and_differentiable_again():
    x, upstream = tf.constant([1.0, 2.0, 3.0]), tf.constant([1.0, 0.5, -2.0])
    found = on_tensorflow.vjp(lambda v: v**3, x, upstream)
    np.testing.assert_allclose(found, [3.0, 6.0, -54.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(on_tensorflow.vjp(lambda v: v**3, x, upstream))
    np.testing.assert_allclose(tape.gradient(total, x), [6.0, 6.0, -36.0])
    zero = on_tensorflow.vjp(lambda v: tf.constant([1.0, 1.0, 1.0]), x, upstream)
    np.testing.assert_array_equal(zero, [0.0, 0.0, 0.0])


def test_split_gradients_are_those_of_two_evaluations_of_one():
    x, weight, calls = tf.constant([1.0, 2.0]), tf.constant([3.0, -1.0]), []

    def function(x, weights):
        calls.append(x)
        return [(weights[0] * x) ** 2, tf.reduce_sum(weights[0])]

    found = []
    for split in (on_tensorflow.split_gradients, common.split_gradients):
        with tf.GradientTape() as tape:
            tape.watch([x, weight])
            (first, _), (second, total) = split(function, x, [weight])
            loss = tf.reduce_sum(first * [10.0, 1.0]) + tf.reduce_sum(second) + total
        found.append((first, second, *tape.gradient(loss, (x, weight))))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(found[0][2], [180.0, 4.0])  # 2 w^2 x, times 10 and 1.
    np.testing.assert_array_equal(found[0][3], [7.0, -7.0])  # 2 w x^2 + 1.
    assert len(calls) == 1 + 2


@pytest.mark.parametrize(("count", "several"), [(1, False), (2, True)])
def test_only_a_strategy_of_more_than_one_worker_has_several(count, several, monkeypatch):
    model = SimpleNamespace(distribute_strategy=Workers(count))
    assert on_tensorflow.has_several_workers(model) is several
    assert on_tensorflow.has_several_workers() is False
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: Workers(count))
    assert on_tensorflow.has_several_workers() is several
    one = SimpleNamespace(distribute_strategy=SimpleNamespace())
    assert on_tensorflow.has_several_workers(one) is False


@pytest.mark.parametrize(("count", "mean"), [(2, 3.5), (4, 4.25)])
def test_a_mean_over_workers_is_that_of_their_strategy(count, mean):
    model = SimpleNamespace(distribute_strategy=Workers(count))
    found = on_tensorflow.mean_over_workers(model, 2.0)
    assert found == mean and type(found) is float


def test_a_number_of_a_single_worker_is_its_own_mean():
    class Refusing(Workers):
        def run(self, function):
            raise AssertionError("Expected no work for the strategy of one worker.")

    for strategy in (Refusing(1), SimpleNamespace()):
        model = SimpleNamespace(distribute_strategy=strategy)
        assert on_tensorflow.mean_over_workers(model, 2.0) == 2.0


def test_logs_get_an_axis_for_several_workers_only(monkeypatch):
    logs = {"loss": tf.constant(2.0)}
    assert on_tensorflow.logs_for_keras(logs) is logs
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: Workers(2))
    assert on_tensorflow.logs_for_keras(logs)["loss"].numpy().tolist() == [2.0]


def test_a_function_is_compiled_once_for_any_number_of_rows_with_named_inputs():
    traced = []

    def double(x, factor):
        traced.append((x.shape[0], x.shape[1], factor.dtype.name))
        return {"y": 2 * x * tf.cast(factor, "float32")}

    specs = [
        keras.InputSpec(shape=(None, 3), dtype="float32", name="x"),
        keras.InputSpec(shape=(None, 1), dtype="int32", name="factor"),
    ]
    model = keras.Sequential([keras.layers.Dense(1)])
    function, by_shape = on_tensorflow.compile_function(double, specs, model)
    assert by_shape is False and traced == [(None, 3, "int32")]
    for rows in (1, 5):
        answer = function(tf.ones((rows, 3)), tf.fill((rows, 1), 3))["y"]
        np.testing.assert_array_equal(answer, np.full((rows, 3), 6.0))
    assert len(traced) == 1
    names = function.structured_input_signature[0]
    assert [spec.name for spec in names] == ["x", "factor"]


def test_backends_that_need_nothing_have_no_state_no_order_and_no_workers():
    state = common.random_state()
    assert (state.dtype, state.shape) == ("uint8", (0,))
    assert common.set_random_state(state) is None
    assert common.draw_order_seed() == 0 and common.set_batch_order(1, 2) is None
    assert common.has_several_workers() is False and common.is_traced(None) is False
    assert isinstance(common.fast_kernels(None), contextlib.nullcontext)
