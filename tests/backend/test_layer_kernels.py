"""The faster normalization, attention and LSTM: the numbers of Keras, and of NumPy."""

import functools

import keras
import numpy as np
import pytest

import keras_vae as kv

tf = pytest.importorskip("tensorflow", reason="tests ops of TensorFlow")
kernels = pytest.importorskip("keras_vae.backend.tensorflow_kernels", reason="needs TensorFlow")

pytestmark = pytest.mark.tensorflow

layers = keras.layers
CAUSAL, MASK = {"use_causal_mask": True}, np.array([[1, 1, 0, 1], [1, 0, 0, 0], [1, 1, 1, 1]])
# Layers, each with the shape of an example and the other arguments of a call.
LAYERS = {
    "batch normalization": (lambda: layers.BatchNormalization(), (5, 6, 3), {"training": True}),
    "batch normalization alone": (
        lambda: layers.BatchNormalization(center=False, scale=False),
        (2, 2, 3),
        {"training": True},
    ),
    "batch normalization of vectors": (
        lambda: layers.BatchNormalization(),
        (3,),
        {"training": True},
    ),
    "layer normalization": (lambda: layers.LayerNormalization(), (4, 6), {}),
    "attention": (lambda: layers.MultiHeadAttention(2, 3), (4, 6), {}),
    "causal attention": (lambda: layers.MultiHeadAttention(2, 3), (4, 6), CAUSAL),
    "masked attention": (
        lambda: layers.MultiHeadAttention(2, 3),
        (4, 6),
        {"attention_mask": MASK[:, None]},
    ),
    "attention with both masks": (
        lambda: layers.MultiHeadAttention(2, 3),
        (4, 6),
        {"attention_mask": MASK[:, None], **CAUSAL},
    ),
    "LSTM": (lambda: layers.LSTM(3), (4, 2), {}),
    "LSTM of sequences": (lambda: layers.LSTM(3, return_sequences=True), (4, 2), {}),
    "masked LSTM": (lambda: layers.LSTM(3), (4, 2), {"mask": MASK > 0}),
    "masked LSTM of sequences": (
        lambda: layers.LSTM(3, return_sequences=True),
        (4, 2),
        {"mask": np.array([[0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]]) > 0},
    ),
    "masked LSTM backwards": (
        lambda: layers.LSTM(3, return_sequences=True, go_backwards=True),
        (4, 2),
        {"mask": MASK > 0},
    ),
    "LSTM backwards": (
        lambda: layers.LSTM(3, return_sequences=True, go_backwards=True),
        (4, 2),
        {"training": True},
    ),
}


def built(name):
    """Return a layer whose weights are not those of its start, its inputs, and its options."""
    make, shape, options = LAYERS[name]
    keras.utils.set_random_seed(1)
    layer = make()
    x = tf.random.stateless_normal((3, *shape), (0, 1))
    inputs = [x, x] if isinstance(layer, layers.MultiHeadAttention) else [x]
    layer(*inputs)
    for number, variable in enumerate(layer.trainable_variables):
        noise = tf.random.stateless_normal(variable.shape, (number, 2))
        variable.assign(variable + 0.3 * noise)
    return layer, inputs, options


def both_derivatives(layer, call, inputs, options):
    """Return outputs, gradients, gradients of the gradients, and the moving statistics."""
    start = [variable.numpy() for variable in layer.non_trainable_variables]
    watched = [inputs[0], *(v.value for v in layer.trainable_variables)]
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(inputs[0])
        with tf.GradientTape() as tape:
            tape.watch(inputs[0])
            y = call(*inputs, **options)
            total = tf.reduce_sum(tf.square(y) * y)
        first = tape.gradient(total, watched)
        again = sum(tf.reduce_sum(tf.square(g)) for g in first)
    found = [[y], first, outer.gradient(again, watched), layer.non_trainable_variables]
    found = [[np.asarray(value).copy() for value in values] for values in found]
    for variable, value in zip(layer.non_trainable_variables, start, strict=True):
        variable.assign(value)
    return found


def faster(layer):
    return kernels.LAYERS[type(layer)](layer)


@pytest.mark.parametrize("name", LAYERS)
def test_outputs_and_both_derivatives_are_those_of_keras(name):
    layer, inputs, options = built(name)
    found = both_derivatives(layer, faster(layer), inputs, options)
    expected = both_derivatives(layer, layer.call, inputs, options)
    for values, others in zip(found, expected, strict=True):
        # Some gradients are 0 but for rounding, such as those of the biases of keys.
        scale = max((np.abs(other).max() for other in others), default=1.0)
        for a, b in zip(values, others, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=2e-6 * max(1.0, scale))


def test_batch_normalization_is_that_of_its_paper():
    """Ioffe & Szegedy 2015, algorithm 1, and its moving means."""
    layer, (x,), options = built("batch normalization")
    y = faster(layer)(x, **options)
    x, gamma, beta = (np.asarray(value, "float64") for value in (x, layer.gamma, layer.beta))
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    expected = gamma * (x - mean) / np.sqrt(variance + layer.epsilon) + beta
    np.testing.assert_allclose(y, expected, atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, 0.01 * mean, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, 0.99 + 0.01 * variance, atol=1e-6)


def test_layer_normalization_is_that_of_its_paper():
    """Ba et al. 2016, equation 4."""
    layer, (x,), _ = built("layer normalization")
    found = faster(layer)(x)
    x = np.asarray(x, "float64")
    normal = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + layer.epsilon)
    expected = normal * np.asarray(layer.gamma) + np.asarray(layer.beta)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_attention_is_that_of_its_paper():
    """Vaswani et al. 2017, equation 1, head by head and step by step."""
    layer, (x, _), _ = built("attention with both masks")
    found = faster(layer)(x, x, **LAYERS["attention with both masks"][2])
    parts = (layer.query_dense, layer.key_dense, layer.value_dense, layer.output_dense)
    weights = [[np.asarray(v, "float64") for v in (p.kernel, p.bias)] for p in parts]
    x = np.asarray(x, "float64")
    q, k, v = (np.einsum("btw,whs->bths", x, kernel) + bias for kernel, bias in weights[:3])
    mixed = np.zeros_like(q)
    for b, t, h in np.ndindex(q.shape[:3]):
        seen = [s for s in range(t + 1) if MASK[b, s]]
        scores = np.array([q[b, t, h] @ k[b, s, h] / np.sqrt(3) for s in seen])
        shares = np.exp(scores) / np.exp(scores).sum()
        mixed[b, t, h] = sum(share * v[b, s, h] for share, s in zip(shares, seen, strict=True))
    expected = np.einsum("bths,hsw->btw", mixed, weights[3][0]) + weights[3][1]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["LSTM of sequences", "masked LSTM of sequences"])
def test_an_lstm_is_that_of_its_paper(name):
    """Gers et al. 2000, equations 1 to 7, with the gates i, f, c, o of Keras.

    A masked step leaves the state and the output as they were.
    """
    layer, (x,), options = built(name)
    found = np.asarray(faster(layer)(x, **options))
    mask = options.get("mask", np.ones(x.shape[:2], bool))
    cell, x = layer.cell, np.asarray(x, "float64")
    kernel, recurrent, bias = map(np.asarray, (cell.kernel, cell.recurrent_kernel, cell.bias))
    h = c = np.zeros((len(x), 3))
    for t in range(x.shape[1]):
        i, f, new, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        seen = mask[:, t, None]
        c = np.where(seen, f * c + i * np.tanh(new), c)
        h = np.where(seen, o * np.tanh(c), h)
        np.testing.assert_allclose(found[:, t], h, atol=1e-5)


# Layers with an option that the faster ops do not know.
OTHERS = {
    "renormalization": (lambda: layers.BatchNormalization(renorm=True), (2, 2, 3)),
    "channels first": (lambda: layers.BatchNormalization(axis=1), (3, 2, 2)),
    "half precision": (lambda: layers.BatchNormalization(dtype="mixed_bfloat16"), (2, 2, 3)),
    "no scale": (lambda: layers.LayerNormalization(scale=False), (4, 6)),
    "several axes": (lambda: layers.LayerNormalization(axis=[1, 2]), (4, 6)),
    "dropout": (lambda: layers.MultiHeadAttention(2, 3, dropout=0.1), (4, 6)),
    "no bias": (lambda: layers.MultiHeadAttention(2, 3, use_bias=False), (4, 6)),
    "values of another size": (lambda: layers.MultiHeadAttention(2, 3, value_dim=5), (4, 6)),
    "another activation": (lambda: layers.LSTM(3, activation="relu"), (4, 2)),
    "dropped inputs": (lambda: layers.LSTM(3, dropout=0.1), (4, 2)),
    "an LSTM with its state": (lambda: layers.LSTM(3, return_state=True), (4, 2)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_layers_with_options_keep_the_ops_of_keras(name):
    make, shape = OTHERS[name]
    layer = make()
    layer.build(*[(None, *shape)] * (2 if isinstance(layer, layers.MultiHeadAttention) else 1))
    assert faster(layer) is None


def spied(monkeypatch, kind):
    """Return a list to which each call of Keras's own method adds."""
    called, own = [], kind.call

    @functools.wraps(own)
    def call(*given, **options):
        called.append(1)
        return own(*given, **options)

    monkeypatch.setattr(kind, "call", call)
    return called


X = tf.random.stateless_normal((3, 4, 6), (0, 1))
CALLS = {
    "a first state": ("LSTM", lambda call, x: call(x[..., :2], [x[:, 0, :3], x[:, 1, :3]])),
    "other values": ("attention", lambda call, x: call(x, x + 1)),
    "other keys": ("attention", lambda call, x: call(x, x, x + 1)),
    "the mask of a layer": ("attention", lambda call, x: call(x, x, query_mask=MASK > 0)),
    "the scores": ("attention", lambda call, x: call(x, x, return_attention_scores=True)),
    "inference": ("batch normalization", lambda call, x: call(x[:, :, None, :3])),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_with_options_keep_the_ops_of_keras(monkeypatch, name):
    kind, use = CALLS[name]
    layer, _, _ = built(kind)
    called = spied(monkeypatch, type(layer))
    found = use(faster(layer), X)
    assert called
    for a, b in zip(tf.nest.flatten(found), tf.nest.flatten(use(layer.call, X)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_frozen_batch_normalization_keeps_its_statistics():
    layer, (x,), _ = built("batch normalization")
    layer.trainable = False
    np.testing.assert_allclose(faster(layer)(x, training=True), layer(x), atol=1e-5)
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(3))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["LSTMVAE", "TransformerVAE"])
def test_training_of_sequences_is_that_of_keras_alone(monkeypatch, kind):
    """With a mask, so that attention has one too."""

    def losses():
        keras.utils.set_random_seed(0)
        random = np.random.default_rng(0)
        series = random.normal(size=(32, 5, 2)).astype("float32")
        mask = np.maximum(random.integers(0, 2, (32, 5)), [1, 0, 0, 0, 0]).astype("float32")
        model = getattr(kv, kind)((5, 2), latent_dim=2, masked=True, seed=0)
        model.compile(keras.optimizers.SGD(0.001), jit_compile=False)
        return model.fit((series, mask), epochs=3, batch_size=8, verbose=0).history["loss"]

    found = losses()
    called = spied(monkeypatch, kernels.keras.layers.LSTM)
    monkeypatch.setattr(kernels, "LAYERS", {})
    np.testing.assert_allclose(found, losses(), rtol=1e-5)
    assert bool(called) == (kind == "LSTMVAE")
