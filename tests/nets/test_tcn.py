"""Temporal convolutional networks: causal, with the receptive field of the paper."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.nets.tcn import causal_blocks
from tests.support.models import array

TIME = 20


def answers_to_impulses(blocks, kernel, positive=False):
    """How far the output of each step moves with the input of each step, (input, output)."""
    keras.utils.set_random_seed(0)
    x = keras.Input((TIME, 3))
    network = keras.Model(x, causal_blocks(x, blocks, kernel, "relu"))
    if positive:  # So no two ways from one step to another cancel out.
        for weight in network.weights:
            weight.assign(np.abs(array(weight)))
    start = np.random.default_rng(0).random((1, TIME, 3)).astype("float32")
    start = np.repeat(start, TIME, axis=0)
    moved = start + 0.1 * np.eye(TIME, dtype="float32")[:, :, None]
    return np.abs(array(network(moved)) - array(network(start))).max(axis=-1).round(6)


@pytest.mark.parametrize(("blocks", "kernel"), [(2, 3), (3, 2)])
def test_an_output_does_not_depend_on_later_inputs(blocks, kernel):
    moved = answers_to_impulses(blocks, kernel)
    earlier, own = np.tril(moved, -1), np.diag(moved)
    np.testing.assert_array_equal(earlier, 0.0)
    assert own.min() > 0


@pytest.mark.parametrize(("blocks", "kernel"), [(1, 3), (2, 2), (2, 3)])
def test_an_output_depends_on_all_inputs_of_the_receptive_field_and_on_no_others(blocks, kernel):
    field = 1 + sum(2 * (kernel - 1) * 2**block for block in range(blocks))
    assert field < TIME
    distance = np.arange(TIME) - np.arange(TIME)[:, None]
    wanted = (distance >= 0) & (distance < field)
    np.testing.assert_array_equal(answers_to_impulses(blocks, kernel, positive=True) > 0, wanted)


@pytest.mark.parametrize(("time", "kernel", "blocks"), [(13, 3, 2), (14, 3, 3), (7, 2, 2)])
def test_by_default_there_are_just_enough_blocks_for_a_code_of_all_steps(time, kernel, blocks):
    x = np.random.default_rng(0).random((1, time, 2)).astype("float32")
    other = np.concatenate([x[:, :1] + 9.0, x[:, 1:]], axis=1)
    for given in (None, blocks, blocks - 1):
        if given == 0:
            continue
        keras.utils.set_random_seed(0)
        encoder, decoder = kv.nets.tcn((time, 2), 3, 4, given, kernel, decoder_heads=2)
        count = sum(isinstance(layer, keras.layers.Conv1D) for layer in encoder.layers)
        assert count == 2 * (blocks if given is None else given)
        reaches = np.abs(array(encoder(x)) - array(encoder(other))).max() > 0
        assert reaches == (given != blocks - 1)
        assert [tuple(output.shape) for output in decoder.outputs] == [(None, time, 2)] * 2


def test_sizes_that_make_no_network_are_refused():
    with pytest.raises(ValueError, match="kernel of at least 2. Received: kernel=1"):
        kv.nets.tcn((8, 2), 3, kernel=1)
    with pytest.raises(ValueError, match="blocks of at least 1. Received: blocks=0"):
        kv.nets.tcn((8, 2), 3, blocks=0)
