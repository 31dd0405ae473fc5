"""How far layers look around: what is known from their arguments is what cutting a map shows."""

import itertools

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_vae.tiles.network import as_map_network
from tests.support.models import array

CELLS, FIRST, LAST = 12, 4, 9  # Of a map, and of a tile of it.


def network(*chain):
    """Random weights and biases, so that whatever can change does."""
    keras.utils.set_random_seed(1)
    x = keras.Input((6, 6, 2))
    h = x
    for layer in chain:
        h = layer(h)
    made = keras.Model(x, h)
    random = np.random.default_rng(0)
    made.set_weights([random.uniform(0.5, 1.5, w.shape) for w in made.get_weights()])
    return made


def compared(made, axis):
    """Which pixels of a tile are those of the whole map, and which of them should be."""
    found = as_map_network(made)
    z = np.random.default_rng(1).normal(size=(1, CELLS, CELLS, 2)).astype("float32")
    z = z.astype("float32") if axis == 0 else np.swapaxes(z, 1, 2)
    tile = z[:, FIRST:LAST] if axis == 0 else z[:, :, FIRST:LAST]
    whole, part = (np.swapaxes(array(found.network(x)), 1, axis + 1)[0] for x in (z, tile))
    reach = found.axes[axis]
    assert len(whole) == reach.pixels(CELLS) and len(part) == reach.pixels(LAST - FIRST)
    start = reach.scale * FIRST
    beside = np.full((len(part), *whole.shape[1:]), np.nan, "float32")
    inside = whole[start : start + len(part)]
    beside[: len(inside)] = inside
    equal = np.isclose(part, beside, rtol=1e-4, atol=1e-5).all(axis=(1, 2))
    places = np.arange(len(part))
    return equal, (places >= reach.before) & (places < len(part) - reach.after)


def conv(size, padding="same", dilation=1):
    return layers.Conv2D(3, size, padding=padding, dilation_rate=dilation)


def up(size, step, padding="same"):
    return layers.Conv2DTranspose(3, size, step, padding=padding)


EXACT = {
    **{f"conv {k} {p}": [conv(k, p)] for k in (1, 2, 3, 4) for p in ("same", "valid")},
    "dilated": [conv(3, dilation=2)],
    **{
        f"transposed {k} by {s} {p}": [up(k, s, p)]
        for k, s, p in itertools.product((2, 3, 4, 5), (1, 2, 3), ("same", "valid"))
        if k >= s
    },
    "depthwise": [layers.DepthwiseConv2D((3, 1), padding="same")],
    "separable": [layers.SeparableConv2D(3, (2, 3), padding="same")],
    "nearest": [layers.UpSampling2D((3, 2)), conv(3)],
    "linear": [layers.UpSampling2D(2, interpolation="bilinear")],
    "linear by 3": [layers.UpSampling2D(3, interpolation="bilinear"), conv(2)],
    "padding": [layers.ZeroPadding2D(((1, 2), (0, 1))), conv(3, "valid")],
    "cropping": [up(3, 2), layers.Cropping2D(((1, 2), (3, 0))), up(3, 2)],
    "pointwise": [conv(3), layers.BatchNormalization(), layers.ReLU(), layers.Dense(2)],
    "a chain": [up(3, 1), up(4, 2), layers.Cropping2D(((0, 1), (0, 1))), up(5, 2), conv(5)],
}


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", EXACT)
def test_what_is_cut_off_changes_so_many_pixels_and_no_more(name, axis):
    equal, known = compared(network(*EXACT[name]), axis)
    np.testing.assert_array_equal(equal, known)
    assert known.any()


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_kernels_smaller_than_the_step_change_no_more_than_is_known(padding):
    equal, known = compared(network(conv(3), up(2, 3, padding)), 0)
    assert equal[known].all() and known.any()


def test_branches_that_are_merged_reach_as_far_as_the_farthest():
    x = keras.Input((6, 6, 2))
    wide = conv(5)(x)
    merged = layers.Concatenate()([layers.Add()([wide, conv(1)(x)]), ops.sigmoid(x), 2.0 * x])
    parts = ops.split(layers.Dense(4)(merged), 2, axis=-1)
    found = as_map_network(keras.Model(x, parts))
    assert [(axis.before, axis.after) for axis in found.axes] == [(2, 2), (2, 2)]


def test_all_that_is_made_on_the_way_is_counted():
    x = keras.Input((6, 6, 2))
    h = layers.ReLU()(conv(3)(x))
    made = keras.Model(x, layers.Conv2DTranspose(5, 2, 2)(h))
    pixels = 7 * 9
    assert as_map_network(made).activations((7, 9)) == 4 * pixels * (2 + 3 + 3 + 4 * 5)


def shared_place(x):
    return x + np.ones((1, 6, 6, 2), "float32")


def halved(x):
    return x / ops.max(x)


REFUSED = {
    "a step of 2": (conv(3), layers.Conv2D(3, 3, strides=2)),
    "a dense layer of all": (layers.Flatten(), layers.Dense(4), layers.Reshape((2, 2, 1))),
    "a mean of all": (layers.GroupNormalization(1),),
    "pooling": (layers.MaxPooling2D(2),),
    "a norm of an axis": (layers.LayerNormalization(axis=1),),
    "merged along the height": (lambda x: layers.Concatenate(axis=1)([x, x]),),
    "an activation of one's own": (layers.Conv2D(3, 3, activation=halved),),
    "a place added": (shared_place,),
    "output padding": (layers.Conv2DTranspose(3, 3, 2, output_padding=1, padding="same"),),
    "cubic": (layers.UpSampling2D(2, interpolation="bicubic"),),
    "maps of two sizes": (lambda x: layers.Multiply()([x, layers.AveragePooling2D(6)(x)]),),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_layer_that_does_not_do_the_same_everywhere_is_named(name):
    with pytest.raises(ValueError, match="Expected a decoder that does the same .* the layer .+"):
        as_map_network(network(*REFUSED[name]))


def test_a_network_of_no_maps_is_refused():
    x = keras.Input((3,))
    with pytest.raises(ValueError, match="a functional decoder of maps"):
        as_map_network(keras.Model(x, layers.Dense(2)(x)))
    with pytest.raises(ValueError, match="a functional decoder of maps"):
        as_map_network(layers.Dense(2))
