"""Encoding in tiles: the codes are those of the encoder for the whole image, within the memory."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_vae as kv
from keras_vae.tiles import encoding, field
from keras_vae.tiles.field import Field
from tests.support.models import array, uniform
from tests.tiles.test_tiles import MAKERS, spied

SMALL, LARGE = (16, 16), (48, 64)


def whole(make, x):
    """The codes of a model that was built for images of this size, with the same weights."""
    small, large = make(SMALL), make(x.shape[1:3])
    large.set_weights(small.get_weights())
    return small, array(large.encode(x))


@pytest.fixture
def tiles(monkeypatch):
    """The shapes of the tiles that are encoded."""
    return spied(monkeypatch)


@pytest.mark.parametrize("name", MAKERS)
def test_codes_are_those_of_the_whole_image(name, tiles):
    x = uniform(2, *LARGE, 2)
    model, wanted = whole(MAKERS[name], x)
    found = kv.encode_tiled(model, x, memory=15_000)
    assert len(tiles) > 4 and found.dtype == wanted.dtype
    if wanted.dtype.kind == "i":
        assert (found == wanted).mean() > 0.999
    else:
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert len({shape[1:] for shape in tiles}) == 1


def test_a_tile_fits_the_memory_and_one_tile_is_the_whole_image(tiles):
    x = uniform(1, *LARGE, 2)
    model, wanted = whole(MAKERS["plain"], x)
    np.testing.assert_allclose(kv.encode_tiled(model, x), wanted, atol=1e-6)
    assert tiles == [x.shape]
    with pytest.raises(
        ValueError, match=r"Expected memory of at least [\d,]+ bytes.*Received: 100"
    ):
        kv.encode_tiled(model, x, memory=100)


def networks(*stack):
    """An encoder of these layers, and any decoder."""
    x = keras.Input((*SMALL, 1))
    h = x
    for layer in stack:
        h = layer(h)
    encoder = keras.Model(x, h)
    z = keras.Input(encoder.output_shape[1:])
    up = layers.UpSampling2D(tuple(a // b for a, b in zip(SMALL, z.shape[1:3], strict=True)))(z)
    return encoder, keras.Model(z, layers.Conv2D(1, 1)(up))


STACKS = {
    "steps of 1": lambda: (
        layers.Conv2D(2, 5, padding="same"),
        layers.Conv2D(1, 2, padding="same"),
    ),
    "even kernels": lambda: (
        layers.Conv2D(2, 4, strides=2, padding="same"),
        layers.Conv2D(1, 6, strides=2, padding="same", activation="relu"),
    ),
    "patches": lambda: (layers.Conv2D(3, 4, strides=4), layers.Conv2D(2, 3, padding="same")),
    "gaps in kernels": lambda: (
        layers.Conv2D(2, 3, dilation_rate=3, padding="same"),
        layers.MaxPooling2D(2),
    ),
    "pooling": lambda: (
        layers.AveragePooling2D(3, strides=2, padding="same"),
        layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2),
        layers.LayerNormalization(),
    ),
    "kernels smaller than steps": lambda: (layers.Conv2D(2, 1, strides=2, padding="same"),),
    "unlike sides": lambda: (layers.Conv2D(1, (3, 5), strides=(1, 1), padding="same"),),
}


@pytest.mark.parametrize("stack", STACKS)
def test_fields_are_exact(stack):
    """Against the dependence of a code on each pixel, and in tiles of a few cells."""
    keras.utils.set_random_seed(1)
    encoder, decoder = networks(*STACKS[stack]())
    model = kv.Autoencoder(encoder, decoder, likelihood="normal")
    x = np.random.default_rng(0).normal(size=(1, *SMALL, 1)).astype("float32")
    step = SMALL[0] // encoder.output_shape[1]
    cell = (encoder.output_shape[1] // 2, encoder.output_shape[2] // 2)
    reached = np.zeros(SMALL, bool)
    wanted = array(model.encode(x))
    for place in np.ndindex(*SMALL):
        changed = x.copy()
        changed[0][place] += 10
        reached[place] = (array(model.encode(changed))[0][cell] != wanted[0][cell]).any()
    axes = encoding.as_map_network(encoder, "encoder", Field(), field.after, field.refusal).axes
    for axis, found in enumerate(axes):
        places = np.flatnonzero(reached.any(axis=1 - axis))
        first = cell[axis] * step
        assert found.step == step
        last = min(first + found.right, SMALL[axis] - 1)
        assert (first - found.left, last) == (places.min(), places.max())
    image = np.random.default_rng(1).normal(size=(1, 32, 48, 1)).astype("float32")
    needed = encoding.as_map_network(encoder, "encoder", Field(), field.after, field.refusal)
    tiled = kv.encode_tiled(model, image, memory=needed.activations((24, 24)) + 1)
    np.testing.assert_allclose(tiled, array(needed.network(image)), atol=1e-5)


def test_a_round_trip_of_a_large_image_is_that_of_the_whole():
    x = uniform(1, 64, 96, 2)
    model, z = whole(MAKERS["plain"], x)
    codes = kv.encode_tiled(model, x, memory=20_000)
    np.testing.assert_allclose(
        kv.decode_tiled(model, codes, memory=60_000), kv.decode_tiled(model, z), atol=1e-5
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[:, 1:], "multiples of 4 and 4 pixels"),
        (lambda x: x[..., :1], r"height, width, 2\)"),
        (lambda x: x[0], "Expected x of shape"),
        (lambda x: x + 1, "Expected x in"),
        (lambda x: x * np.nan, "Expected finite values"),
        (lambda x: x[:0], "Expected x of shape"),
    ],
)
def test_other_images_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        kv.encode_tiled(MAKERS["plain"](SMALL), change(uniform(1, *LARGE, 2)))


def test_models_that_encode_in_another_way_are_refused():
    x = uniform(1, *LARGE, 2)
    with pytest.raises(TypeError, match="Expected an autoencoder of keras_vae"):
        kv.encode_tiled("a model", x)
    dense = kv.Autoencoder(*kv.nets.conv((*SMALL, 2), 3, filters=(2,), hidden=4))
    with pytest.raises(ValueError, match="Expected an encoder that does the same.*Flatten"):
        kv.encode_tiled(dense, x)

    class Own(kv.Autoencoder):
        def encode(self, x, training=False):
            return super().encode(x, training) / 2

    with pytest.raises(TypeError, match="Own, which has a way of its own"):
        kv.encode_tiled(Own(*kv.nets.conv_map((*SMALL, 2), 3, (3, 4))), x)
