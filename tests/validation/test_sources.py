"""Sources of batches: each is gone through once, and every batch is checked where it counts."""

import itertools

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.errors import KerasVAEError
from keras_vae.validation.examples import batches_of
from tests.support.models import FAST

pytestmark = pytest.mark.usefixtures("eager_functions")

X = np.random.default_rng(2).random((20, 4)).astype("float32")


class Endless(keras.utils.PyDataset):
    """A PyDataset that is an endless iterator too, as that of ImageDataGenerator.flow."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches
        self.rounds = itertools.cycle(range(len(batches)))

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, number):
        return self.batches[number]

    def __iter__(self):
        return self

    def __next__(self):
        return self.batches[next(self.rounds)]


@pytest.fixture
def model():
    networks = kv.nets.dense((4,), 2, hidden=(), heads=2)
    model = kv.VAE(*networks, likelihood="bernoulli", seed=0)
    model.compile("sgd", **FAST)
    return model


def test_an_endless_data_set_of_known_length_is_gone_through_once(model):
    source = Endless([(x, x) for x in np.split(X, 5)])
    model.fit(source, verbose=0)
    assert int(model.optimizer.iterations) == 5
    found = model.evaluate(source, verbose=0, return_dict=True)["reconstruction"]
    assert np.isfinite(found)
    model.fit_sampler(source, components=1)
    detector = kv.AnomalyDetector(model, score="latent")
    detector.adapt(source)
    scores = detector.predict(source, verbose=0)
    np.testing.assert_allclose(scores, detector.predict(X, verbose=0), rtol=1e-4)
    assert len(list(batches_of(source))) == 5


def bad(value):
    x = X.copy()
    x[-1, 1] = value
    return x


def dataset(x):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(x).batch(4)


SOURCES = {
    "tf.data": dataset,
    "a generator": lambda x: iter(np.split(x, 5)),
    "a PyDataset": lambda x: Endless(np.split(x, 5)),
    "an array": lambda x: x,
}


def ask(model, score):
    detector = kv.AnomalyDetector(model, score=score)
    if score == "latent":
        detector.adapt(X)
    return detector


USES = {
    "adapt": lambda model, x: kv.AnomalyDetector(model, score="latent").adapt(x),
    "fit_threshold": lambda model, x: ask(model, "elbo").fit_threshold(x, quantile=0.9),
    "scores": lambda model, x: ask(model, "latent").predict(x, verbose=0),
    "fit_sampler": lambda model, x: model.fit_sampler(x, components=1),
}


# Each use with one source, and each source with one use; the others are slow.
KEPT = [
    pytest.param(
        *(use, source),
        marks=[pytest.mark.tensorflow] * (source == "tf.data")
        + [pytest.mark.slow] * (use != "fit_sampler" and source != "an array"),
    )
    for use in USES
    for source in SOURCES
]


@pytest.mark.parametrize(("use", "source"), KEPT)
def test_every_batch_is_checked_where_the_result_is_kept(model, use, source):
    model.build_for(X)
    USES[use](model, SOURCES[source](X))
    for value, message in ((np.nan, "finite values in x"), (7.0, r"\[0, 1\]")):
        with pytest.raises(ValueError, match=message):
            USES[use](model, SOURCES[source](bad(value)))


def test_an_endless_generator_is_scored_for_as_many_steps_as_asked(model):
    model.build_for(X)
    batches = itertools.cycle(np.split(X, 5))
    assert len(ask(model, "elbo").predict(batches, steps=3, verbose=0)) == 12


@pytest.mark.parametrize("use", USES)
def test_sample_weights_are_refused_where_each_example_counts_once(model, use):
    model.build_for(X)
    source = Endless([(x, x, np.ones(len(x), "float32")) for x in np.split(X, 5)])
    with pytest.raises(ValueError, match=r"without sample weights.*sample_weight: x\)"):
        USES[use](model, source)


@pytest.mark.tensorflow
@pytest.mark.parametrize("use", [*USES, "evaluate", "predict"])
def test_a_data_set_that_repeats_without_end_is_refused(model, use):
    model.build_for(X)
    more = {name: getattr(model, name) for name in ("evaluate", "predict")}
    calls = USES | {name: lambda _, x, ask=ask: ask(x, verbose=0) for name, ask in more.items()}
    with pytest.raises(ValueError, match=r"Expected data that end.*repeats without end.*take"):
        calls[use](model, dataset(X).repeat())
    if use in more:
        more[use](dataset(X).repeat(), steps=2, verbose=0)


def parts(x):
    return np.split(x, 5)


NO_BATCHES = {
    "dictionaries": (
        [{"image": x, "label": x} for x in parts(X)],
        r"x as an array.*a dictionary of \['image', 'label'\]. \(Give its values: x\['image'\]",
    ),
    "other columns": (parts(X[:, :3]), r"x .*\(4,\)|x .* 4\)"),
    "single examples": (list(X), "data that come in batches"),
    "nothing": ([], "arrays or a source that gives at least one batch"),
}


@pytest.mark.parametrize("make", [Endless, iter], ids=["a PyDataset", "an iterator"])
@pytest.mark.parametrize("name", NO_BATCHES)
def test_batches_that_no_model_takes_are_refused_by_predict_as_by_fit(model, name, make):
    model.build_for(X)
    batches, message = NO_BATCHES[name]
    for use in (model.fit, model.predict):
        with pytest.raises(KerasVAEError, match=f"^Expected {message}"):
            use(make(batches), verbose=0)


@pytest.mark.parametrize("make", [Endless, iter], ids=["a PyDataset", "an iterator"])
def test_each_batch_of_a_source_is_predicted_once_and_nothing_is_asked_of_its_target(model, make):
    model.build_for(X)
    batches = [(x, np.full(len(x), 7)) for x in parts(X)]
    found = model.predict(make(batches), steps=5, verbose=0)
    np.testing.assert_allclose(found, model.predict(X, verbose=0), rtol=1e-5)
