"""Every kind of data that Keras takes trains a model as arrays do."""

import keras
import numpy as np
import pytest

from tests.support import linear
from tests.support.linear import BATCH, WEIGHTS, X, Y
from tests.support.models import FAST, assert_equal, flat, values

PARTS = {"x": (X,), "x_y": (X, Y), "x_y_weight": (X, Y, WEIGHTS)}


class Sequence(keras.utils.PyDataset):
    def __init__(self, arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return -(-len(self.arrays[0]) // BATCH)

    def __getitem__(self, index):
        return tuple(a[index * BATCH : (index + 1) * BATCH] for a in self.arrays)


class Endless(Sequence):
    __len__ = None
    num_batches = None

    def __getitem__(self, index):
        return super().__getitem__(index % 3)


def tf_data(arrays):
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    dataset = tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0])
    return dataset.batch(BATCH).with_options(options)


def loader(arrays):
    """Gives lists of tensors, also for one."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    return DataLoader(TensorDataset(*map(torch.from_numpy, arrays)), BATCH)


def generator(arrays):
    yield from (tuple(a[i : i + BATCH] for a in arrays) for i in range(0, len(X), BATCH))


def limit(source, name):
    """Keras warns where a generator ends before it was told to."""
    return {name: 3} if source == "generator" else {}


SOURCES = {"tf_data": tf_data, "sequence": Sequence, "loader": loader, "generator": generator}
every_source = pytest.mark.parametrize(
    "source",
    [
        pytest.param(name, marks=[pytest.mark.extra(name="backends")] * (name == "loader"))
        for name in SOURCES
    ],
)


def trained(source, **kwargs):
    model = linear.vae()
    model.compile(keras.optimizers.SGD(0.1), **FAST)
    history = model.fit(source, shuffle=False, verbose=0, **kwargs)
    return model, history.history


@pytest.fixture(scope="module", params=PARTS)
def parts(request):
    """Arrays, and what they train."""
    arrays = PARTS[request.param]
    x, y, weights = (*arrays, None, None)[:3]
    return arrays, trained(x, y=y, sample_weight=weights, batch_size=BATCH)


@every_source
def test_every_source_trains_as_arrays_do(parts, source):
    arrays, (expected, expected_history) = parts
    model, history = trained(SOURCES[source](arrays), **limit(source, "steps_per_epoch"))
    assert_equal(values(model.variables), values(expected.variables), rtol=1e-5, atol=1e-6)
    for name, wanted in expected_history.items():
        assert history[name] == pytest.approx(wanted, rel=1e-5)


def test_an_endless_sequence_trains_for_the_steps_it_is_given():
    model, _ = trained(Endless((X,)), steps_per_epoch=7)
    assert int(keras.ops.convert_to_numpy(model.steps)) == 7


@every_source
def test_every_source_validates_every_epoch_on_all_of_its_batches(source):
    """Checking the data must not take a batch of a generator away."""
    expected = trained(X, batch_size=BATCH, validation_data=(X, Y), validation_batch_size=BATCH)[1]
    validation = {"validation_data": SOURCES[source]((X, Y)), **limit(source, "validation_steps")}
    history = trained(X, batch_size=BATCH, **validation)[1]
    for name, wanted in expected.items():
        assert history[name] == pytest.approx(wanted, rel=1e-5), name


def test_an_endless_generator_validates_on_new_batches_in_each_epoch():
    """Six batches for two epochs of three; a check that took one each would run over the end."""
    taken = []

    def batches():
        for number in range(100):
            taken.append(number)
            yield X[:BATCH], Y[:BATCH]

    trained(X, batch_size=BATCH, epochs=2, validation_data=batches(), validation_steps=3)
    assert len(taken) <= 7  # Keras looks one ahead.


def test_validation_data_may_be_an_array_alone_or_a_part_of_the_arrays():
    assert "val_loss" in trained(X, validation_data=X)[1]
    assert "val_loss" in trained(X, y=Y, validation_split=0.3)[1]


def test_8_bit_inputs_train_as_the_same_floats():
    pixels = np.round(np.abs(X) * 2).astype("uint8")
    models = [trained(pixels.astype(dtype), batch_size=BATCH)[0] for dtype in ("uint8", "float32")]
    one, other = (flat(values(model.trainable_variables)) for model in models)
    np.testing.assert_allclose(one, other, rtol=1e-5)
