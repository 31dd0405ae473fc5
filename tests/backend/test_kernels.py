"""The faster ops: the same numbers as Keras, and Keras's own methods again after a step."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.backend.keras_private import flatten_layers

tf = pytest.importorskip("tensorflow", reason="tests ops of TensorFlow")
kernels = pytest.importorskip("keras_vae.backend.tensorflow_kernels", reason="needs TensorFlow")

pytestmark = pytest.mark.tensorflow


@pytest.fixture(autouse=True)
def onednn(monkeypatch):
    """Pretend that convolutions run on oneDNN, which depends on the processor."""
    monkeypatch.setattr(kernels.convolution, "has_onednn", lambda: True)


NAMES = {"call", "update_step"}
X = np.random.default_rng(0).random((72, 9, 10, 1), dtype="float32")


def made(optimizer="adam", **compiled):
    keras.utils.set_random_seed(3)
    networks = kv.nets.conv((9, 10, 1), 2, filters=(8, 4), hidden=8, heads=2)
    model = kv.VAE(*networks, likelihood="bernoulli", seed=0)
    model.compile(optimizer, jit_compile=False, **compiled)
    return model


def trained(optimizer="adam", **compiled):
    model = made(optimizer, **compiled)
    history = model.fit(X, batch_size=16, epochs=2, verbose=0).history["loss"]
    return history, [np.asarray(v) for v in (*model.weights, *model.optimizer.variables)]


def close(found, expected, tolerance=2e-5):
    for a, b in zip(found, expected, strict=True):
        scale = max(1.0, float(np.max(np.abs(b))))
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)


def keras_alone(monkeypatch):
    monkeypatch.setattr(kernels, "replacements", lambda model: [])


SHAPES = {
    "3x3, stride 2": ((14, 14, 8), 1, 3, 2),
    "odd sizes, 3 filters": ((5, 7, 4), 3, 3, 2),
    "4x4, stride 2": ((6, 5, 4), 3, 4, 2),
    "5x5, stride 2": ((5, 6, 4), 1, 5, 2),
    "no overlap": ((3, 4, 8), 2, 4, 4),
    "strides of two sizes": ((4, 5, 3), 2, (5, 3), (3, 2)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_transposed_convolution_and_its_gradients_are_those_of_keras(name):
    shape, filters, size, strides = SHAPES[name]
    layer = keras.layers.Conv2DTranspose(filters, size, strides, "same", activation="tanh")
    layer.build((None, *shape))
    layer.bias.assign(np.arange(1.0, filters + 1))
    x = tf.random.stateless_normal((2, *shape), (0, 1))
    inputs = [x, *(v.value for v in layer.trainable_variables)]

    def both_derivatives(call):
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = call(x)
                total = tf.reduce_sum(tf.square(y) * y)
            first = tape.gradient(total, inputs)
            again = sum(tf.reduce_sum(tf.square(g)) for g in first)
        return [y, *first, *outer.gradient(again, inputs)]

    assert kernels.convolution._is_narrow(layer)
    found = both_derivatives(kernels.convolution._upsampling_call(layer))
    close(found, both_derivatives(layer.call), 1e-5)


def transposed_by_hand(x, kernel, strides):
    """Each pixel adds its kernel `(height, width, filters, channels)` to a map of strides times."""
    rows, columns = (n * s for n, s in zip(x.shape[1:3], strides, strict=True))
    offsets = [max(k - s, 0) // 2 for k, s in zip(kernel.shape, strides, strict=False)]
    y = np.zeros((len(x), rows, columns, kernel.shape[2]))
    for i, j, a, b in np.ndindex(*x.shape[1:3], *kernel.shape[:2]):
        row, column = i * strides[0] + a - offsets[0], j * strides[1] + b - offsets[1]
        if 0 <= row < rows and 0 <= column < columns:
            y[:, row, column] += x[:, i, j] @ kernel[a, b].T
    return y


@pytest.mark.parametrize("name", SHAPES)
def test_a_transposed_convolution_is_the_sum_of_shifted_kernels(name):
    """In NumPy, which shares nothing with the ops of TensorFlow."""
    shape, filters, size, strides = SHAPES[name]
    layer = keras.layers.Conv2DTranspose(filters, size, strides, "same")
    layer.build((None, *shape))
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    expected = transposed_by_hand(x, layer.kernel.numpy(), layer.strides)
    close([kernels.convolution._upsampling_call(layer)(tf.constant(x))], [expected], 1e-5)


def test_layers_that_it_is_not_for_are_left_alone():
    narrow = {"filters": 1, "kernel_size": 3, "strides": 2, "padding": "same"}
    others = [
        {"filters": 32},
        {"padding": "valid"},
        {"strides": 1},
        {"kernel_size": 1},
        {"output_padding": 1},
        {"data_format": "channels_first"},
        {"dtype": "mixed_bfloat16"},
    ]
    assert kernels.convolution._is_narrow(keras.layers.Conv2DTranspose(**narrow))
    for other in others:
        assert not kernels.convolution._is_narrow(keras.layers.Conv2DTranspose(**narrow | other)), (
            other
        )


OPTIMIZERS = {
    "plain": {},
    "other betas": {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
    "a schedule": {"learning_rate": keras.optimizers.schedules.CosineDecay(0.01, 9)},
    "clipped": {"clipnorm": 0.1},
    "averaged": {"use_ema": True, "ema_overwrite_frequency": 2},
    "accumulated": {"gradient_accumulation_steps": 2},
    "scaled": {"loss_scale_factor": 64.0},
    "mixed precision": {"mixed": True},
    "amsgrad": {"amsgrad": True},
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_adam_moves_and_remembers_as_that_of_keras(name):
    options = {"learning_rate": 0.01, "weight_decay": 0.1} | OPTIMIZERS[name]
    mixed = options.pop("mixed", False)
    gradients = np.random.default_rng(0).normal(size=(5, 3, 4)).astype("float32")

    def run(fused):
        variable = keras.Variable(np.linspace(-1, 1, 12).reshape(3, 4).astype("float32"))
        optimizer = adam = keras.optimizers.AdamW(**options)
        if mixed:
            optimizer = keras.optimizers.LossScaleOptimizer(adam, initial_scale=64.0)
        optimizer.build([variable])
        model = keras.Model()
        model.optimizer, model.jit_compile, model.run_eagerly = optimizer, False, False
        with kernels.use_in_training(model) if fused else tf.name_scope("keras"):
            assert ("update_step" in vars(adam)) == (fused and not adam.amsgrad)
            for gradient in gradients:
                optimizer.apply([tf.constant(gradient)], [variable])
        return [variable.numpy(), *(v.numpy() for v in optimizer.variables)]

    close(run(fused=True), run(fused=False), 1e-6)


def test_adam_is_algorithm_1_of_its_paper_with_decoupled_decay():
    """Kingma & Ba 2015; Loshchilov & Hutter 2019, algorithm 2; in NumPy."""
    start = np.linspace(-1, 1, 12).reshape(3, 4)
    gradients = np.random.default_rng(0).normal(size=(5, 3, 4))
    adam = keras.optimizers.AdamW(0.01, beta_1=0.8, beta_2=0.9, epsilon=1e-8, weight_decay=0.1)
    variable = keras.Variable(start.astype("float32"))
    adam.build([variable])
    model = keras.Model()
    model.optimizer, model.jit_compile, model.run_eagerly = adam, False, False
    theta, m, v = start, np.zeros((3, 4)), np.zeros((3, 4))
    with kernels.use_in_training(model):
        assert "update_step" in vars(adam)
        for t, g in enumerate(gradients, start=1):
            adam.apply([tf.constant(g, tf.float32)], [variable])
            m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g**2
            step = (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-8)
            theta = theta - 0.01 * 0.1 * theta - 0.01 * step
            np.testing.assert_allclose(variable.numpy(), theta, atol=1e-6)


@pytest.mark.long
def test_training_is_that_of_keras_alone(monkeypatch):
    history, values = trained(keras.optimizers.AdamW(0.01, clipnorm=1.0), steps_per_execution=2)
    keras_alone(monkeypatch)
    expected = trained(keras.optimizers.AdamW(0.01, clipnorm=1.0), steps_per_execution=2)
    np.testing.assert_allclose(history, expected[0], rtol=1e-5)
    close(values, expected[1], 1e-4)


def ops_of_a_step(model):
    graph = (
        tf.function(model.train_step, autograph=False)
        .get_concrete_function(tf.constant(X[:8]))
        .graph
    )
    return [operation.type for operation in graph.get_operations()]


@pytest.mark.slow
def test_a_step_has_one_op_for_each_variable_and_few_slow_ones(monkeypatch):
    model = made()
    found = ops_of_a_step(model)
    assert found.count("ResourceApplyAdam") == len(model.trainable_variables)
    keras_alone(monkeypatch)
    expected = ops_of_a_step(made())
    # Of two transposed convolutions, one is narrow: its forward pass is a matrix product now.
    slow = "Conv2DBackpropInput"
    assert found.count(slow) == expected.count(slow) - 1
    # The gradient of the Bernoulli likelihood is one sigmoid.
    assert expected.count("Softplus") == 1 and "Softplus" not in found
    assert found.count("Log1p") == found.count("Sigmoid") == 1


def owners(model):
    return [model.optimizer, *flatten_layers(model)]


def replaced(context, model):
    """Count the methods of Keras that are replaced inside `context(model)`."""
    with context(model):
        return sum(len(NAMES & vars(owner).keys()) for owner in owners(model))


@pytest.mark.parametrize("compiled", ["run_eagerly", "jit_compile"])
def test_eager_steps_and_xla_keep_the_ops_of_keras(compiled):
    model = made()
    assert replaced(kernels.use_in_training, model) == 2
    setattr(model, compiled, True)
    assert replaced(kernels.use_in_training, model) == 0


def test_a_strategy_keeps_the_ops_of_keras():
    model = made()
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        assert replaced(kernels.use_in_training, model) == 0
        assert replaced(kernels.use_in_calls, model) == 0


def test_the_convolutions_of_tensorflow_itself_stay(monkeypatch):
    monkeypatch.setattr(kernels.convolution, "has_onednn", lambda: False)
    assert replaced(kernels.use_in_training, made()) == 1  # Adam.


def test_contexts_within_each_other_leave_what_they_found():
    model = made()
    with kernels.use_in_training(model):
        assert replaced(kernels.use_in_calls, model) == 2
        assert sum(len(NAMES & vars(owner).keys()) for owner in owners(model)) == 2
    assert sum(len(NAMES & vars(owner).keys()) for owner in owners(model)) == 0


@pytest.mark.slow
def test_compiled_verbs_estimates_and_validation_use_them_with_the_same_answers(monkeypatch):
    upsample, traced = kernels.convolution.upsample, []

    def counted(*arguments):
        traced.append(1)
        return upsample(*arguments)

    def answers():
        model = made()
        fast = kv.Compiled(model)
        yield fast.reconstruct(X[:5])
        yield kv.estimators.log_likelihood(model, X[:5], samples=3)
        yield model.evaluate(X[:5], verbose=0)

    monkeypatch.setattr(kernels.convolution, "upsample", counted)
    found = []
    for answer in answers():
        assert traced
        traced.clear()
        found.append(answer)
    monkeypatch.setattr(kernels.convolution, "has_onednn", lambda: False)
    close(found, answers(), 1e-6)
    assert not traced


def test_nothing_is_left_behind_by_a_step_that_fails():
    model = made()
    model.loss_and_logs = lambda *given, **more: 1 / 0
    with pytest.raises(ZeroDivisionError):
        ops_of_a_step(model)
    assert not any(NAMES & vars(owner).keys() for owner in owners(model))
