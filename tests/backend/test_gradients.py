"""A step of plain gradient descent follows the finite differences of the loss."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.base.starting import start_scale

SHAPE = (3, 4)
STEP = 5e-3

# To trace a TensorFlow graph takes longer than to run it once.
FAST = {"run_eagerly": keras.backend.backend() == "tensorflow", "jit_compile": False}


def networks(heads=1, decoder_heads=1):
    keras.utils.set_random_seed(0)
    return kv.nets.dense(SHAPE, 2, (5,), heads, decoder_heads, activation="tanh")


def sigmoid_codes(encoder, decoder):
    codes = keras.ops.sigmoid(encoder.output)
    return keras.Model(encoder.inputs[0], codes), decoder


# Each is smooth in its weights, so that differences over a finite step are gradients.
MODELS = {
    "autoencoder": lambda: kv.Autoencoder(*networks(), likelihood="bernoulli"),
    "denoising": lambda: kv.DenoisingAutoencoder(*networks(), seed=3),
    "sparse_kl": lambda: kv.SparseAutoencoder(
        *sigmoid_codes(*networks()), penalty="kl", target=0.3, sparsity_weight=5.0
    ),
    "vae": lambda: kv.VAE(*networks(2), beta=3.0, seed=3),
    **{
        f"vae_{name}": lambda name=name: kv.VAE(
            *networks(2, kv.distributions.get(name).heads), likelihood=name, seed=3
        )
        for name in sorted(kv.distributions.FAMILIES)
        if name != "laplace"
    },
}


def data(name):
    rng = np.random.default_rng(0)
    if name == "vae_categorical":
        return np.eye(SHAPE[1], dtype="float32")[rng.integers(0, SHAPE[1], (6, SHAPE[0]))]
    family = kv.distributions.FAMILIES.get(name.removeprefix("vae_"))
    if family is not None and family.whole:
        return rng.integers(0, 256, (6, *SHAPE)).astype("float32")
    return (rng.integers(1, 256, (6, *SHAPE)) / 255).astype("float32")


def values(variables):
    return [keras.ops.convert_to_numpy(v).copy() for v in variables]


def assign(variables, numbers):
    for variable, number in zip(variables, numbers, strict=True):
        variable.assign(number)


def norm(arrays):
    return float(np.sqrt(sum((a**2).sum() for a in arrays)))


# One of each kind; the slopes of all likelihoods are tested without a model as well.
FEW = {
    *("denoising", "sparse_kl", "vae", "vae_normal_learned_scale", "vae_negative_binomial"),
    *("vae_discretized_logistic_mixture", "vae_von_mises"),
}
EACH = [n if n in FEW else pytest.param(n, marks=pytest.mark.slow) for n in MODELS]


@pytest.mark.parametrize("name", EACH)
def test_a_step_follows_the_finite_differences_of_the_logged_loss(name):
    """Along the gradient and two random directions; the noise is the same in each evaluation."""
    model, x = MODELS[name](), data(name)
    model.compile(keras.optimizers.SGD(1.0), **FAST)
    start_scale(model, x)  # As the first step does.
    start = values(model.variables)
    weights = values(model.trainable_variables)
    logged = float(model.train_on_batch(x, return_dict=True)["loss"])
    gradient = [a - b for a, b in zip(weights, values(model.trainable_variables), strict=True)]

    def loss_at(distance, direction):
        assign(model.variables, start)
        moved = [w + distance * v for w, v in zip(weights, direction, strict=True)]
        assign(model.trainable_variables, moved)
        loss, _ = model.loss_and_logs((keras.ops.convert_to_tensor(x),), training=True)
        return float(keras.ops.convert_to_numpy(loss))

    assert loss_at(0.0, gradient) == pytest.approx(logged, rel=1e-5)
    rng = np.random.default_rng(1)
    random = [[rng.normal(size=w.shape) for w in weights] for _ in range(2)]
    for direction in (gradient, *random):
        unit = [v / norm(direction) for v in direction]
        slope = (loss_at(STEP, unit) - loss_at(-STEP, unit)) / (2 * STEP)
        expected = float(sum((g * v).sum() for g, v in zip(gradient, unit, strict=True)))
        assert slope == pytest.approx(expected, abs=2e-3 * norm(gradient))
