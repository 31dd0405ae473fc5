"""Decoding in tiles: the image is that of the decoder for the whole map, within the memory."""

import itertools

import keras
import numpy as np
import pytest
from keras import layers

import keras_vae as kv
from keras_vae.acceleration.batching import CompiledFunction
from keras_vae.tiles.grid import Row
from keras_vae.tiles.reach import Axis
from tests.support.models import array

FILTERS = (3, 4)


def codes(model, *leading, seed=0):
    """Random codes of a model, of as many axes as it has them."""
    shape = (*leading, *model.latent_shape[2:])
    random = np.random.default_rng(seed)
    if model.latent_dtype == "int32":
        return random.integers(0, 5, shape).astype("int32")
    return random.normal(size=shape).astype("float32")


def conv(side, **options):
    keras.utils.set_random_seed(2)
    return kv.nets.conv_map((*side, 2), 3, FILTERS, **options)


MAKERS = {
    "plain": lambda side: kv.Autoencoder(*conv(side), likelihood="bernoulli"),
    "VAE": lambda side: kv.VAE(
        *conv(side, heads=2, decoder_heads=2), likelihood="normal_per_element"
    ),
    "one scale": lambda side: kv.Autoencoder(*conv(side), likelihood="normal_learned_scale"),
    "VQVAE": lambda side: kv.VQVAE(*conv(side), codebook_size=5, seed=0),
    "residual": lambda side: kv.VQVAE(
        *conv(side), quantizer=kv.quantization.ResidualVectorQuantizer(2, 5, seed=0), seed=0
    ),
    "FSQ": lambda side: kv.FSQ(*conv(side), levels=(3, 3, 3)),
    "compressive": lambda side: kv.CompressiveAutoencoder(*conv(side)),
}


def spied(monkeypatch):
    """The shapes of the tiles that are decoded or encoded."""
    shapes, run = [], CompiledFunction.predict_on_batch

    def predict_on_batch(self, inputs):
        shapes.append(inputs[0].shape)
        return run(self, inputs)

    monkeypatch.setattr(CompiledFunction, "predict_on_batch", predict_on_batch)
    return shapes


def bytes_of_tile(height, width):
    """What the layers of `conv` make for a tile, as Keras knows it for an image of that size."""
    decoder = conv((4 * height, 4 * width))[1]
    outputs = [layer.output for layer in decoder.layers]
    sizes = [np.prod(tensor.shape[1:]) for tensor in keras.tree.flatten(outputs)]
    return 4 * (sum(map(int, sizes)) + 16 * height * width * 2)


@pytest.mark.parametrize("name", MAKERS)
def test_the_image_is_that_of_the_model_for_the_whole_map(name, monkeypatch):
    shapes, whole, small = spied(monkeypatch), MAKERS[name]((60, 44)), MAKERS[name]((16, 16))
    small.set_weights(whole.get_weights())
    z = codes(whole, 2, 15, 11)
    memory = bytes_of_tile(8, 7)
    found = kv.decode_tiled(small, z, memory)
    assert found.shape == (2, 60, 44, 2) and found.dtype == "float32"
    np.testing.assert_allclose(found, array(whole.decode(z)), rtol=1e-4, atol=1e-5)
    assert len(shapes) > 4 and len(set(shapes)) == 1


def test_sizes_that_are_not_whole_steps_are_cropped_as_the_model_does():
    model = MAKERS["plain"]((53, 39))
    z = codes(model, 1, 14, 10)
    found = kv.decode_tiled(model, z, bytes_of_tile(6, 6))
    np.testing.assert_allclose(found, array(model.decode(z)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("tile", [(4, 4), (5, 9), (9, 20), (12, 20)])
def test_tiles_are_as_large_as_the_memory_allows(tile, monkeypatch):
    shapes, model = spied(monkeypatch), MAKERS["plain"]((16, 16))
    memory = bytes_of_tile(*tile)
    kv.decode_tiled(model, codes(model, 3, 12, 20), memory)
    rows, height, width = shapes[0][:3]
    used = rows * bytes_of_tile(height, width)
    assert memory / 2 < used <= memory
    tiles = [bytes_of_tile(h, w) for h, w in ((height + 1, width), (height, width + 1))]
    assert rows > 1 or max(tiles) > memory / 2


def test_seams_of_small_overlaps_are_blended_where_they_are_and_nothing_else_changes():
    model = MAKERS["plain"]((16, 16))
    z, memory = codes(model, 1, 12, 12), bytes_of_tile(7, 12)
    exact = kv.decode_tiled(model, z)
    error = np.abs(kv.decode_tiled(model, z, memory, overlap=1) - exact).max(axis=(0, 2, 3))
    assert error.max() > 1e-3
    felt = np.flatnonzero(error > 1e-5)
    assert felt.max() - felt.min() < 7 + 4 + 4  # What is felt of both cuts, and the overlap.


@pytest.mark.parametrize("axis", [Axis(4, 0, 7, 4), Axis(2, -1, 3, 0), Axis(1), Axis(3, 2, 2, 5)])
def test_weights_are_of_exact_pixels_and_one_in_sum(axis):
    for cells, count, more in itertools.product((1, 7, 20), (1, 2, 3, 8), (0, 2)):
        row = Row(axis, cells, count, axis.overlap + more)
        if row.size > cells or row.size <= row.overlap < cells:
            continue
        total = np.zeros(axis.pixels(cells))
        for number, weights in enumerate(row.weights()):
            total[row.span(number)] += weights
            assert number == 0 or not weights[: axis.before].any()
            assert number == count - 1 or not weights[len(weights) - axis.after :].any()
        np.testing.assert_allclose(total, 1, rtol=1e-6)
        ends = [start + row.size for start in row.starts]
        assert row.starts[0] == 0 and ends[-1] == cells
        shared = [end - start for end, start in zip(ends, row.starts[1:], strict=False)]
        assert min(shared, default=row.overlap) >= row.overlap


def test_weights_that_move_later_are_seen():
    model = MAKERS["plain"]((16, 16))
    z = codes(model, 1, 9, 9)
    before = kv.decode_tiled(model, z, bytes_of_tile(6, 6))
    model.set_weights([weight + 0.1 for weight in model.get_weights()])
    after = kv.decode_tiled(model, z, bytes_of_tile(6, 6))
    assert np.abs(after - before).max() > 0.01
    np.testing.assert_allclose(after, kv.decode_tiled(model, z), rtol=1e-4, atol=1e-5)


def with_mean():
    """A convolutional decoder with one layer that looks at all pixels."""
    encoder, decoder = conv((16, 16))
    mean = layers.GroupNormalization(1, name="norm")(decoder.output)
    return kv.Autoencoder(encoder, keras.Model(decoder.input, mean))


class Own(kv.Autoencoder):
    def decode(self, z):
        return 1.0 - super().decode(z)


PLAIN = MAKERS["plain"]((16, 16))
Z = codes(PLAIN, 1, 12, 12)
DENSE = kv.VAE(*kv.nets.conv((16, 16, 2), 3, FILTERS, heads=2))
VQ = kv.VQVAE(*kv.nets.conv_map((8, 8, 1), 2, filters=(4,)), codebook_size=4, seed=1)
BAD = {
    "dense codes": ((DENSE, Z), r"codes are maps.*codes of shape \(3,\)"),
    "a norm of all pixels": ((with_mean(), Z), r"the layer norm, GroupNormalization\(axis"),
    "no batch": ((PLAIN, Z[0]), r"z of shape \('batch', None, None, 3\).*\(12, 12, 3\)"),
    "other channels": ((PLAIN, Z[..., :2]), r"z of shape"),
    "nothing": ((PLAIN, Z[:0]), r"z of shape"),
    "too little memory": ((PLAIN, Z, bytes_of_tile(4, 4) - 1), "bytes, for a tile of 4x4 codes"),
    "no memory": ((PLAIN, Z, 0), "memory of at least 1"),
    "half a byte": ((PLAIN, Z, 1e6), "memory of at least 1, an integer"),
    "a negative overlap": ((PLAIN, Z, 10**9, -1), "overlap of at least 0"),
    "no model": ((PLAIN.decoder, Z), "an autoencoder of keras_vae"),
    "a decode of its own": ((Own(*conv((16, 16))), Z), "Own, which has decode of its own"),
    "NaN": ((PLAIN, Z * np.nan), "finite values in z"),
    "text": ((PLAIN, Z.astype(str)), "real numbers in z"),
    "no codes": ((PLAIN, None), "real numbers in z"),
    "fractions of a codebook": ((VQ, np.full((1, 4, 4), 1.7)), "integers from 0 to 3.*float64"),
    "beyond a codebook": ((VQ, np.full((1, 4, 4), 9)), "integers from 0 to 3.*9 to 9"),
    "below a codebook": ((VQ, np.full((1, 4, 4), -1)), "integers from 0 to 3.*-1 to -1"),
    "vectors in a row": ((kv.Autoencoder(*kv.nets.transformer((8, 2), 3)), Z), "model of images"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_decoded_in_tiles_is_refused(name):
    arguments, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=f"Expected .*{message}"):
        kv.decode_tiled(*arguments)
