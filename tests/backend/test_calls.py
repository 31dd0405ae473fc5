"""Networks called outside of graphs: compiled at the first call, with the answers of Keras."""

import functools
import gc
import threading
import weakref

import keras
import numpy as np
import pytest

import keras_vae as kv

tf = pytest.importorskip("tensorflow", reason="tests functions of TensorFlow")
calls = pytest.importorskip("keras_vae.backend.tensorflow_calls", reason="needs TensorFlow")

pytestmark = pytest.mark.tensorflow

X = np.random.default_rng(0).normal(size=(7, 6)).astype("float32")


class Counted(keras.layers.Layer):
    """A layer that counts how often Python calls it."""

    def __init__(self, **options):
        super().__init__(**options)
        self.scale, self.count = 2.0, [0]

    def call(self, x):
        self.count[0] += 1
        return self.scale * x


def network(*layers):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(3), *layers])


def near(found, expected):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), atol=1e-6)


def call(made, x=X):
    return calls.call_network(made, x, training=False)


def test_it_is_compiled_at_the_first_call_once_for_all_numbers_of_rows():
    counted = Counted()
    made = network(counted)
    before = counted.count[0]
    found = [call(made, X[:rows]) for rows in (1, 1, 2, 7, 5, 1)]
    assert counted.count[0] == before + 1
    near(found[3], made(X))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[5])


def test_other_shapes_and_types_have_functions_of_their_own():
    made = Counted()
    for x in (X, X.astype("float64"), X[:, :4], X[:, :, None]):
        for _ in range(3):
            near(call(made, x), 2 * x)


def test_weights_that_moved_are_seen():
    made = network()
    for _ in range(3):
        near(call(made), made(X))
        made.layers[0].bias.assign_add(np.ones(3))


def test_settings_of_layers_that_were_set_later_are_seen():
    counted = Counted()
    made = network(counted)
    first = [call(made) for _ in range(3)]
    counted.scale = 5.0
    for _ in range(3):
        near(call(made), 2.5 * first[0])
    made.layers[0].activation = keras.activations.relu
    for _ in range(3):
        near(call(made), 2.5 * np.maximum(first[0], 0))
    made.layers[0].quantize("int8")
    for _ in range(3):
        near(call(made), made(X))


def test_settings_that_were_set_twice_since_the_last_call_are_seen():
    made = network(keras.layers.Activation("linear"))
    first = np.asarray(call(made))
    for number in range(1, 6):
        for factor in (-1.0, float(number)):
            made.layers[1].activation = functools.partial(keras.ops.multiply, factor)
        near(call(made), number * first)
    counted = Counted()
    for number in range(1, 6):
        for factor in (-1.0, number + 0.5):
            counted.scale = 1.0 * factor
        near(call(counted), (number + 0.5) * X)


def test_a_layer_may_call_another_network_while_its_graph_is_made():
    other = Counted()

    class CallsAnother(keras.layers.Layer):
        def call(self, x):
            if not calls._lock.acquire(timeout=1.0):
                return x  # It would wait for itself.
            calls._lock.release()
            with tf.init_scope():
                shift = float(np.asarray(call(other, X[:1])).sum())
            return x + shift

    made = CallsAnother()
    near(call(made), X + 2 * X[0].sum())
    assert [known.fails for known in calls._known[made].values()] == [False]


def test_errors_are_those_of_layers_one_by_one():
    class Joined(keras.layers.Layer):
        def together(self, a, b):
            return keras.ops.concatenate([a, b], axis=1)

    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        calls.call_method(Joined(), "together", X, X[:3])
    assert "Graph execution error" not in str(error.value)


def test_rows_that_are_not_finite_are_nan():
    made = network(keras.layers.ReLU())
    x = X.copy()
    x[1, 2], x[3, 0] = np.nan, np.inf
    for _ in range(2):
        call(made, x)
    found = np.isnan(np.asarray(call(made, x)))
    assert found.all(axis=1).tolist() == [False, True, False, True, False, False, False]


def test_gradients_go_through_it():
    made = network(keras.layers.Activation("tanh"))

    def gradients(function):
        x = tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(function(x) ** 2)
        return tape.gradient(y, [x, *(v.value for v in made.trainable_variables)])

    for _ in range(3):
        pairs = zip(gradients(lambda x: call(made, x)), gradients(made), strict=True)
        for found, expected in pairs:
            near(found, expected)


class OfValues(keras.layers.Layer):
    """A layer that only works outside of graphs."""

    def call(self, x):
        return x * float(x.numpy().max() > 0)


def test_what_cannot_be_compiled_is_called_as_it_is():
    made = OfValues()
    for _ in range(3):
        near(call(made), X)
        near(call(made, -np.abs(X)), 0 * X)
    assert all(known.function is None for known in calls._known[made].values())


@pytest.mark.parametrize("how", ["training", "eager functions", "a strategy", "a graph"])
def test_where_it_is_not_compiled(monkeypatch, how):
    counted = Counted()
    made = network(counted)
    monkeypatch.setattr(calls._Calls, "compile", lambda *given: pytest.fail("compiled"))
    for _ in range(3):
        before = counted.count[0]
        if how == "training":
            found = calls.call_network(made, X, training=True)
        elif how == "eager functions":
            tf.config.run_functions_eagerly(True)
            found = call(made)
            tf.config.run_functions_eagerly(False)
        elif how == "a strategy":
            with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
                found = call(made)
        else:
            found = tf.function(lambda: call(made), autograph=False)()
        assert counted.count[0] == before + 1
        near(found, made(X))


def test_networks_are_not_kept():
    made = network()
    for _ in range(3):
        call(made)
    gone = weakref.ref(made)
    known = len(calls._known)
    del made
    gc.collect()
    assert gone() is None
    assert len(calls._known) < known


def test_threads_share_one_function(monkeypatch):
    counted = Counted()
    made = network(counted)
    before, found = counted.count[0], {}

    def run(number):
        found[number] = [np.asarray(call(made, X + number)) for _ in range(5)]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted.count[0] == before + 1
    for number, answers in found.items():
        for answer in answers:
            near(answer, made(X + number))


def test_methods_of_one_layer_are_compiled_once_each():
    book = CountedBook(5, seed=0)
    book.build((None, 6))
    book.adapt(X[:5])
    before = list(book.count)
    for rows in (1, 7, 3, 1):
        codes = calls.call_method(book, "codes", X[:rows])
        np.testing.assert_array_equal(codes, kv.quantization.VectorQuantizer.codes(book, X[:rows]))
        vectors = calls.call_method(book, "lookup", codes)
        np.testing.assert_array_equal(vectors, np.asarray(book.codebook)[np.asarray(codes)])
    assert np.subtract(book.count, before).tolist() == [1, 1]
    book.adapt(X[2:])
    found = calls.call_method(book, "codes", X)
    np.testing.assert_array_equal(found, kv.quantization.VectorQuantizer.codes(book, X))


class CountedBook(kv.quantization.VectorQuantizer):
    """A codebook that counts how often Python calls `codes` and `lookup`."""

    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        self.count = [0, 0]

    def codes(self, z):
        self.count[0] += 1
        return super().codes(z)

    def lookup(self, codes):
        self.count[1] += 1
        return super().lookup(codes)


def test_the_verbs_of_a_codebook_call_it_once_for_all_rows():
    keras.utils.set_random_seed(0)
    book = CountedBook(5, seed=0)
    encoder, decoder = kv.nets.dense((6,), 2, hidden=(4,))
    model = kv.VQVAE(encoder, decoder, quantizer=book)
    model.adapt(X)
    before = list(book.count)
    found = [np.asarray(model.reconstruct(X[:rows])) for rows in (1, 7, 1)]
    assert np.subtract(book.count, before).tolist() == [1, 1]
    z = np.asarray(model.encoder(X))
    distances = ((z[:, None] - np.asarray(book.codebook)) ** 2).sum(-1)
    codes = np.asarray(model.encode(X))
    np.testing.assert_array_equal(codes, distances.argmin(1))
    near(found[1], model.decoder(np.asarray(book.codebook)[codes]))
    np.testing.assert_array_equal(found[0], found[2])


def test_without_the_way_around_the_signature_answers_are_the_same():
    made = network(keras.layers.Activation("tanh"))
    graph = tf.function(made, input_signature=[tf.TensorSpec((None, 6))]).get_concrete_function()

    def public(*tensors):
        return graph(*tensors)

    x = [tf.constant(X)]
    found = calls._without_signature(graph)(x)
    np.testing.assert_array_equal(found, calls._without_signature(public)(x))
    np.testing.assert_array_equal(found, graph(*x))


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", ["LSTMVAE", "TransformerVAE"])
def test_verbs_of_sequences_answer_as_layers_one_by_one(kind, masked):
    keras.utils.set_random_seed(0)
    model = getattr(kv, kind)((5, 2), latent_dim=2, masked=masked)
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    x = [x, np.array([[1, 1, 1, 0, 0], [1, 0, 1, 1, 1], [1, 1, 1, 1, 1]], "float32")]
    x = x if masked else x[0]
    for verb in ("encode", "reconstruct", "score"):
        answers = [getattr(model, verb)(x) for _ in range(3)]
        tf.config.run_functions_eagerly(True)
        expected = getattr(model, verb)(x)
        tf.config.run_functions_eagerly(False)
        for answer in answers:
            np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-5)
