"""Convolutional networks of series, images and volumes are one network of different ranks."""

import keras
import numpy as np
import pytest

import keras_vae as kv

# A shape, and the same with one size of 1 more, in front of the axis of that number.
PAIRS = [((13, 2), (13, 1, 2), 1), ((7, 6, 2), (1, 7, 6, 2), 0), ((5, 3), (5, 1, 1, 3), 1)]
BUILDERS = {
    "conv": lambda shape: kv.nets.conv(shape, 3, (4, 5), 6, heads=2, decoder_heads=2),
    "conv_map": lambda shape: kv.nets.conv_map(shape, 3, (4, 5), context=4),
}


def copy_weights(source, target, axis):
    """Repeat the kernels along new axes: of those, only one place meets the data."""
    for one, other in zip(source.weights, target.weights, strict=True):
        values = np.array(keras.ops.convert_to_numpy(one))
        while values.ndim < len(other.shape):
            values = np.repeat(np.expand_dims(values, axis), other.shape[axis], axis)
        other.assign(values)


def answers(network, x):
    outputs = keras.tree.flatten(network(x, training=False))
    return [keras.ops.convert_to_numpy(output) for output in outputs]


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize(("low", "high", "axis"), PAIRS)
def test_a_size_of_1_changes_no_answer(name, low, high, axis):
    generator = np.random.default_rng(0)
    for one, other in zip(BUILDERS[name](low), BUILDERS[name](high), strict=True):
        copy_weights(one, other, axis)
        x = generator.normal(size=(3, *one.input_shape[1:])).astype("float32")
        found = answers(other, x.reshape(3, *other.input_shape[1:]))
        for answer, wanted in zip(found, answers(one, x), strict=True):
            assert np.ptp(wanted) > 1e-3
            np.testing.assert_allclose(answer.reshape(wanted.shape), wanted, atol=1e-5)


@pytest.mark.parametrize("shape", [(16, 1), (8, 4, 2, 1)])
def test_conv_models_take_series_and_volumes(shape):
    model = kv.ConvVAE(shape, latent_dim=2, filters=(2,), hidden=4, seed=0)
    plain = kv.ConvAutoencoder(shape, latent_channels=2, filters=(2,), seed=0)
    assert model.event_shape == plain.event_shape == shape
    assert plain.latent_shape == (*(size // 2 for size in shape[:-1]), 2)
    assert model.sample(3, seed=0).shape == (3, *shape)
