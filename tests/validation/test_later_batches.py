"""A bad batch of a source is refused before a step takes it, however late it comes."""

import warnings

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.support.models import FAST, array, assert_equal, values
from tests.training.test_data_sources import Sequence, loader, tf_data

X = np.random.default_rng(5).random((20, 4)).astype("float32")
GOOD = 3  # Batches of five rows before the bad one.


def generator(arrays):
    yield from zip(*(np.split(part, 4) for part in arrays), strict=True)


class Threads(Sequence):
    """A PyDataset whose batches come from two threads."""

    def __init__(self, arrays):
        super().__init__(arrays)
        self.workers = 2


backends = pytest.mark.extra(name="backends")
SOURCES = {
    "tf.data": tf_data,
    "a generator": generator,
    "a PyDataset": Sequence,
    "threads": Threads,
    "a DataLoader": loader,
}
every_source = pytest.mark.parametrize(
    "source", [pytest.param(n, marks=[backends] * (n == "a DataLoader")) for n in SOURCES]
)


def vae(**settings):
    keras.utils.set_random_seed(3)
    networks = kv.nets.dense((4,), 2, hidden=(), heads=2)
    model = kv.VAE(*networks, likelihood="bernoulli", seed=11)
    model.compile(keras.optimizers.SGD(0.1), **(settings or FAST))
    return model


def bad(value, row=-1, x=X):
    x = x.copy()
    x[row, 1] = value
    return x


@pytest.fixture(scope="module")
def after_good():
    """The variables of a model after the steps on the good batches."""
    model = vae()
    model.fit(X[: GOOD * 5], batch_size=5, shuffle=False, verbose=0)
    return values(model.variables)


def refuse(message, verb, *args, **kwargs):
    filters = list(warnings.filters)
    with pytest.raises(ValueError, match=message):
        verb(*args, shuffle=False, verbose=0, **kwargs)
    assert warnings.filters == filters


@every_source
@pytest.mark.parametrize(
    "value", [np.nan, pytest.param(np.inf, marks=pytest.mark.slow), 7.0], ids=str
)
def test_the_weights_are_those_of_the_batches_before(source, value, after_good):
    model = vae()
    message = r"Expected (finite values in x|x in \[0, 1\]).* batch 4 of the data"
    refuse(message, model.fit, SOURCES[source]((bad(value),)))
    assert int(array(model.steps)) == GOOD
    assert_equal(values(model.variables), after_good, rtol=1e-5, atol=1e-6)


@pytest.mark.only_on("tensorflow", "jax")  # On PyTorch Keras runs one step at a time.
@pytest.mark.parametrize("batches", [4, 6])
def test_an_execution_of_several_steps_ends_before_a_bad_batch(batches, after_good):
    """The bad batch is the second of an execution, which is the last one or not."""
    x = np.concatenate([bad(np.nan), X])[: 5 * batches]
    model = vae(steps_per_execution=2, jit_compile=False)
    refuse("batch 4 of the data", model.fit, Sequence((x,)))
    if keras.backend.backend() == "torch":  # It draws all batches of an execution first.
        assert int(array(model.steps)) == 2
    else:
        assert_equal(values(model.variables), after_good, rtol=1e-5, atol=1e-6)


def test_each_epoch_counts_its_batches_from_1():
    class Breaking(Sequence):
        def on_epoch_begin(self):
            self.begun = getattr(self, "begun", 0) + 1
            self.arrays = (bad(np.nan),) if self.begun == 2 else (X,)

    model = vae()
    refuse("batch 4 of the data", model.fit, Breaking((X,)), epochs=3)
    assert int(array(model.steps)) == 4 + GOOD


@every_source
def test_evaluation_and_validation_are_checked_too(source):
    model, data = vae(), (bad(np.nan), X)
    which = "a later batch" if keras.backend.backend() == "tensorflow" else "batch 4"
    message = f"finite values in x.* {which} of the data, which no step has used"
    with pytest.raises(ValueError, match=message):
        model.evaluate(SOURCES[source](data), verbose=0)
    refuse(message, model.fit, X, validation_data=SOURCES[source](data))


PARTS = {
    "target": (lambda: (X, bad(2.0)), r"y in \[0, 1\].* batch 4"),
    "input of a target": (lambda: (bad(np.inf), X), "finite values in x.* batch 4"),
    "weight": (lambda: (X, X, np.arange(18, -2, -1.0)), "sample_weight in .* batch 4"),
    "beyond float32": (lambda: (X, X, np.r_[np.ones(19), 1e40]), "sample_weight.* batch 4"),
}


@pytest.mark.parametrize("name", PARTS)
def test_targets_and_weights_are_checked_in_each_batch(name):
    arrays, message = PARTS[name]
    model = vae()
    refuse(message, model.fit, Sequence(arrays()))
    assert int(array(model.steps)) == GOOD


def test_gaps_that_the_model_fills_are_no_error_in_later_batches():
    x = bad(np.nan)
    networks = kv.nets.dense((4,), 2, hidden=(), heads=2)
    layers = kv.preprocessing.standardize(X, gaps=True)
    model = kv.VAE(*networks, likelihood="normal", preprocess=layers, seed=0)
    model.compile(keras.optimizers.SGD(0.01), **FAST)
    model.fit(Sequence((x,)), verbose=0)
    assert int(array(model.steps)) == 4
    x[-1] = np.nan
    refuse("a number in each row of x.* batch 4", model.fit, Sequence((x,)))


def test_counts_are_whole_numbers_in_later_batches_too():
    x = np.ones((20, 4), "float32")
    x[-1, 1] = 0.5
    model = kv.VAE(*kv.nets.dense((4,), 2, hidden=(), heads=2), likelihood="poisson", seed=0)
    model.compile("sgd", **FAST)
    refuse("whole numbers.* batch 4", model.fit, Sequence((x,)))


def test_masks_are_checked_in_each_batch():
    model = kv.LSTMVAE((4, 1), latent_dim=2, units=(2,), masked=True, seed=0)
    model.compile("sgd", **FAST)
    mask = np.ones((20, 4), "float32")
    mask[-1] = 0.0

    class Pairs(Sequence):
        def __getitem__(self, index):
            return (super().__getitem__(index),)

    refuse("a mask of 0 and 1.* batch 4", model.fit, Pairs((X[..., None], mask)))
    assert int(array(model.steps)) == GOOD


def test_an_error_of_a_check_of_ones_own_is_raised_as_it_is():
    class Labeled(kv.VAE):
        def check_target(self, y):
            if array(y).max() > 2:
                raise KeyError("no such label")

        def loss_terms(self, x, y, training=False):
            return super().loss_terms(x, x, training)

    model = Labeled(*kv.nets.dense((4,), 2, hidden=(), heads=2), likelihood="bernoulli", seed=0)
    model.compile("sgd", **FAST)
    labels = np.r_[np.zeros(19), 3.0]
    with pytest.raises(KeyError, match="no such label"):
        model.fit(Sequence((X, labels)), shuffle=False, verbose=0)
    assert int(array(model.steps)) == GOOD


@pytest.mark.tensorflow
def test_what_a_tf_data_set_says_of_itself_stays():
    import tensorflow as tf

    from keras_vae.backend.tensorflow_checks import take_while

    data = tf.data.Dataset.from_tensor_slices({"a": X, "b": X[:, 0]}).batch(5)
    seen = take_while(data, bool, lambda batch: None)
    assert seen.element_spec == data.element_spec
    ragged = data.map(lambda batch: tf.RaggedTensor.from_tensor(batch["a"]))
    assert take_while(ragged, bool, lambda batch: None) is ragged
    assert take_while("distributed", bool, list) == "distributed"


@pytest.mark.tensorflow
def test_python_sees_the_batches_alone_that_are_not_within_the_ranges():
    import tensorflow as tf

    from keras_vae.backend.tensorflow_checks import take_while

    seen = []
    gap, empty = bad(np.nan), bad(np.nan)
    empty[0] = np.nan
    cases = {
        "NaN": (gap, False),
        "a gap": (gap, True),
        "a row of gaps": (empty, True),
        "all within": (X, False),
        "above": (X + 1, False),
    }
    for name, (rows, gaps) in cases.items():
        found = take_while(
            tf.data.Dataset.from_tensors(rows),
            lambda batch, name=name: seen.append(name) or True,
            lambda batch, gaps=gaps: [(0.0, 1.0, gaps)],
        )
        assert len(list(found)) == 1
    assert seen == ["NaN", "a row of gaps", "above"]


@pytest.mark.tensorflow
def test_an_endless_data_set_keeps_its_place_from_epoch_to_epoch():
    model = vae()
    endless = tf_data((bad(np.nan),)).repeat()
    refuse("batch 2 of the data", model.fit, endless, steps_per_epoch=2, epochs=5)
    assert int(array(model.steps)) == GOOD


class Changing(keras.utils.PyDataset):
    """Batches of x and of (x, y) in turns."""

    num_batches = 4

    def __getitem__(self, index):
        return (X[:5], X[:5]) if index % 2 else (X[:5],)


@pytest.mark.tensorflow  # Other backends take batches of any structure.
def test_first_batches_of_different_structure_are_named():
    refuse("Expected batches that are alike: each x, or each", vae().fit, Changing())
    batches = (Changing()[index] for index in range(4))
    refuse("Expected batches that are alike: each x, or each", vae().fit, batches)


@pytest.mark.parametrize(
    "make", [iter, lambda x: map(np.array, x), zip, lambda x: (a for a in x)], ids="abcd"
)
def test_iterators_of_arrays_are_sources_like_generators_of_tuples(make):
    batches = [X[:5], X[5:10]]
    model, other = vae(), vae()
    model.fit(make(batches), steps_per_epoch=2, verbose=0)
    other.fit(((batch,) for batch in batches), steps_per_epoch=2, verbose=0)
    assert_equal(values(model.variables), values(other.variables))
    found = model.evaluate(make(batches), steps=2, verbose=0)
    assert found == other.evaluate(X[:10], batch_size=5, verbose=0)
    assert model.predict(make(batches), steps=2, verbose=0).shape == (10, 4)


def test_epochs_of_text_and_weights_of_text_are_named():
    with pytest.raises(TypeError, match="Expected epochs of at least 0, an integer. Received: ep"):
        vae().fit(X, epochs="5", verbose=0)
    with pytest.raises(TypeError, match=r"sample_weight of arrays .* Received: 'balanced'\.$"):
        vae().fit(X, sample_weight="balanced", verbose=0)


@pytest.mark.parametrize("verb", ["fit", "evaluate", "predict"])
def test_what_is_neither_arrays_nor_a_source_is_named(verb):
    call = getattr(vae(), verb)
    told = {
        "Received: set": {1, 2},
        r"Received: range": range(3),
        r"Received: 'a\.csv'\. \(Read the file first": "a.csv",
        "Received: the class PyDataset. .Give an object": keras.utils.PyDataset,
        "at most 64 bits in x. Received: float128": X.astype("longdouble"),
    }
    for text, x in told.items():
        with pytest.raises(TypeError, match=text):
            call(x, verbose=0)
