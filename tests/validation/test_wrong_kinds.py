"""Arguments of wrong kinds are refused by their names, before NumPy or Keras meets them.

And small integers of NumPy mean what those of Python mean.
"""

from fractions import Fraction

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae import estimators, metrics
from keras_vae.errors import KerasVAEError, UsageError, UsageTypeError
from keras_vae.validation import arguments
from tests.support.models import FEATURES, array, dense, uniform

X = uniform(6, *FEATURES)
MODEL = kv.VAE(*dense(2), seed=1)
CODES = np.random.default_rng(0).normal(size=(16, 2))
IMAGES = np.random.default_rng(0).random((6, 12, 12, 1))
LABELS = np.arange(16) % 2
TABLES = kv.compression.fit_tables(MODEL, X, step=0.5)
MASKED = np.ma.masked_array(X, np.arange(X.size).reshape(X.shape) == 0)
A_SET = {2, 3}

NO_SEQUENCES = [b"\x02\x03", bytearray(b"\x02"), np.array(3), A_SET, iter((2, 3)), {2: 3}, "23", 3]


@pytest.mark.parametrize("value", NO_SEQUENCES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("check", [arguments.sizes, arguments.shape])
def test_what_is_no_list_of_integers_is_refused(check, value):
    with pytest.raises(KerasVAEError, match="Expected hidden .*Received: hidden="):
        check("hidden", value)


@pytest.mark.parametrize("value", [(2, 3), [2, 3], np.array([2, 3]), range(2, 4)], ids=repr)
@pytest.mark.parametrize("check", [arguments.sizes, arguments.shape])
def test_lists_of_integers_are_integers_of_python(check, value):
    found = check("hidden", value)
    assert found == (2, 3) and all(type(one) is int for one in found)


@pytest.mark.parametrize("value", [np.float32(0.5), np.int64(2), np.float16(3), np.uint8(4)])
def test_numbers_of_numpy_become_those_of_python(value):
    found = arguments.real("rate", value)
    assert type(found) is float and found == value


def test_fractions_which_no_file_holds_are_refused():
    with pytest.raises(UsageTypeError, match="Expected rate to be a finite number"):
        arguments.real("rate", Fraction(1, 2))


def test_an_empty_path_is_refused():
    with pytest.raises(UsageError, match="Expected file to be the path of a file"):
        arguments.path("file", "")


def probe(train=CODES, labels=LABELS, other=LABELS):
    return metrics.knn_probe(train, labels, CODES, other, neighbors=np.uint8(3))


def geco(bounds):
    return kv.controllers.Geco(1.0, bounds=bounds)


def resume(folder="run", **options):
    return kv.callbacks.ExactResume(folder, **options)


BAD = {
    "knn of None": (lambda: probe(None), "real numbers in train"),
    "knn of a number": (lambda: probe(5.0), r"codes \(count, ...\)"),
    "complex labels": (lambda: probe(labels=LABELS + 0j), "labels.*in train_labels.*complex"),
    "dates as labels": (lambda: probe(labels=LABELS.astype("M8[s]")), "in train_labels.*datetime"),
    "structured labels": (
        lambda: probe(other=LABELS.astype("f4").view([("a", "f4")])),
        "test_labels of numbers.*structured",
    ),
    "masked labels": (lambda: probe(labels=np.ma.masked_equal(LABELS, 1)), "train_labels.*masked"),
    "a text of labels": (lambda: probe(labels="ab" * 8), "train_labels to be a list of classes"),
    "factors without columns": (
        lambda: metrics.mig(CODES, np.zeros((16, 0), int)),
        "codes .* and factors",
    ),
    "wide floats": (lambda: metrics.mig(CODES.astype("longdouble"), CODES), "64 bits in codes"),
    "mmd of None": (lambda: estimators.mmd(None, CODES), "real numbers in x"),
    "mmd of text": (lambda: estimators.mmd(CODES, CODES.astype(str)), "real numbers in y"),
    "mmd of dates": (lambda: estimators.mmd(CODES.astype("M8[s]"), CODES), "real numbers in x"),
    "mmd of a generator": (lambda: estimators.mmd((c for c in CODES), CODES), "x to be an array"),
    "mmd with a word": (lambda: estimators.mmd(CODES, CODES, unbiased="no"), "unbiased to be True"),
    "a mask over x": (lambda: estimators.elbo(MODEL, MASKED, 2), "finite values in x.*masked"),
    "a mask over x, on a grid": (
        lambda: estimators.quadrature_log_likelihood(MODEL, MASKED, 5),
        "finite values in x.*masked",
    ),
    "a number as x": (lambda: estimators.active_units(MODEL, np.array(5.0)), "x of at least one"),
    "a word as verbose": (lambda: estimators.elbo(MODEL, X, 2, verbose="yes"), "verbose"),
    "True nats": (lambda: estimators.bits_per_dim(True, (2,)), "nats to be a finite number"),
    "text in bounds": (lambda: geco("12"), "bounds to be a pair"),
    "one bound": (lambda: geco((0.1,)), "bounds to be a pair"),
    "no bounds": (lambda: geco(None), "bounds to be a pair"),
    "an infinite bound": (lambda: geco((0.1, np.inf)), "bounds to be a finite number"),
    "True as a bound": (lambda: geco((0.1, True)), "bounds to be a finite number"),
    "text that fills gaps": (lambda: kv.layers.FillGaps("0.5"), "fill gaps with.*value='0.5'"),
    "dates that fill gaps": (lambda: kv.layers.FillGaps(LABELS.astype("M8[s]")), "fill gaps with"),
    "nothing that fills gaps": (lambda: kv.layers.FillGaps([]), "fill gaps with"),
    "True that fills gaps": (lambda: kv.layers.FillGaps(True), "fill gaps with"),
    "half an activation kept": (lambda: kv.layers.keep_top_k(CODES, 1.5), "k of at least 1"),
    "no activation kept": (lambda: kv.layers.keep_top_k(CODES, 0), "k of at least 1"),
    "more kept than there are": (lambda: kv.layers.keep_top_k(CODES, 3), "at least k=3"),
    "text activations": (lambda: kv.layers.keep_top_k(CODES.astype(str), 1), "real numbers in z"),
    "None as activations": (lambda: kv.layers.keep_top_k(None, 1), "real numbers in z"),
    "a layer alone": (
        lambda: kv.preprocessing.Preprocessing(keras.layers.Rescaling(2.0)),
        "layers to be a list",
    ),
    "a callback alone": (
        lambda: resume(callbacks=keras.callbacks.Callback()),
        "callbacks to be a list",
    ),
    "no callbacks": (lambda: resume(callbacks=None), "callbacks to be a list"),
    "half a checkpoint": (lambda: resume(keep=2.5), "keep of at least 1, an integer"),
    "half a step": (lambda: resume(steps=5.5), "steps of at least 1, an integer"),
    "a word as seekable": (lambda: resume(seekable="no"), "seekable to be True or False"),
    "no function to say": (lambda: resume(say="print"), "say to be a function"),
    "a folder without a name": (lambda: resume(""), "folder to be the path"),
    "a report on nothing": (lambda: kv.callbacks.LatentReport(None), "x of arrays"),
    "a report on text": (lambda: kv.callbacks.LatentReport("x.npy"), "x of arrays"),
    "half of the least steps": (
        lambda: kv.callbacks.LatentReport(X, least_steps=2.5),
        "least_steps of at least 0, an integer",
    ),
    "a text as a position": (lambda: kv.callbacks.Position("1"), "epoch of at least 0"),
    "a word as the end": (lambda: kv.callbacks.Position(ended="no"), "ended to be True or False"),
    "an unknown activation": (
        lambda: kv.nets.dense((6,), 2, activation="nonsense"),
        "activation to be the name.*activation='nonsense'",
    ),
    "two activations": (
        lambda: kv.nets.conv((8, 8, 1), 2, activation=["relu"]),
        "activation to be the name",
    ),
    "a word as unroll": (lambda: kv.nets.lstm((4, 2), 2, unroll="no"), "unroll to be True"),
    "half a decoder head": (lambda: kv.nets.dense((6,), 2, decoder_heads=1.5), "decoder_heads"),
    "a word as stratified": (
        lambda: kv.BetaTCVAE(*dense(2), dataset_size=9, stratified="no"),
        "stratified to be True or False",
    ),
    "the base class of likelihoods": (
        lambda: kv.VAE(*dense(2), likelihood=kv.distributions.Distribution),
        "a subclass of keras_vae.distributions.Distribution",
    ),
    "a list of codes": (lambda: MODEL.decode(list(array(MODEL.encode(X)))), "z of one array"),
    "an empty dictionary": (lambda: MODEL.predict({}, verbose=0), "arrays or a source of batches"),
    "a word as compile": (lambda: kv.load("a.keras", compile="no"), "compile to be True or False"),
    "a byte after tables": (
        lambda: kv.compression.Tables.from_bytes(TABLES.to_bytes() + b"x"),
        "tables that keras_vae.compression wrote",
    ),
    "text to a density": (
        lambda: kv.distributions.Normal(CODES).log_prob(CODES.astype(str)),
        "real numbers in the parameters and values",
    ),
    "dates to a density": (
        lambda: kv.distributions.Normal(CODES.astype("M8[s]")),
        "real numbers in the parameters and values",
    ),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_what_has_the_wrong_kind_is_refused_by_name(call, message):
    with pytest.raises(KerasVAEError, match=f"^Expected .*{message}") as caught:
        call()
    assert "Received" in str(caught.value)


MODELS = {
    "a class": kv.VAE,
    "a path": "vae.keras",
    "None": None,
    "a list": [MODEL],
    "another model": keras.Sequential([keras.layers.Dense(2)]),
    "a layer": keras.layers.Dense(2),
    "a function": len,
}
OF_MODELS = {
    "elbo": lambda model: estimators.elbo(model, X, 2),
    "quadrature": lambda model: estimators.quadrature_log_likelihood(model, X, 5),
    "active_units": lambda model: estimators.active_units(model, X),
    "ordered_by_kl": lambda model: kv.latents.ordered_by_kl(model, X),
    "decode": lambda model: kv.latents.decode(model, CODES),
    "traverse": lambda model: kv.latents.traverse(model, X[0], (0,)),
    "interpolate": lambda model: kv.latents.interpolate(model, X[:1], X[1:2]),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("call", OF_MODELS.values(), ids=OF_MODELS)
def test_what_is_no_model_is_refused(call, model):
    with pytest.raises(KerasVAEError, match="^Expected (a )?model .*Received"):
        call(model)


# Products of these numbers do not fit into 8 bits.
SMALL_INTEGERS = {
    "samples": lambda integer: estimators.elbo(MODEL, X, samples=integer(3)),
    "batch_size": lambda integer: estimators.elbo(MODEL, X, 3, batch_size=integer(4)),
    "batch_size of codes": lambda integer: estimators.kl_per_dimension(MODEL, X, integer(4)),
    "blocks": lambda integer: metrics.kernel_distance(CODES, CODES + 1, blocks=integer(2)),
    "neighbors": lambda integer: metrics.density_and_coverage(CODES, CODES + 1, integer(3)),
    "votes": lambda integer: metrics.factor_vae_score(
        lambda factors: factors + 0.0,
        (2, 3),
        0,
        integer(200),
        integer(200),
        integer(64),
        integer(9),
    ),
    "steps": lambda integer: kv.latents.lerp(CODES[:1], CODES[1:2], integer(200)),
    "size": lambda integer: kv.latents.normal_grid(integer(20)),
    "context": lambda integer: shapes(
        kv.nets.conv_map((8, 8, 1), integer(2), (4,), context=integer(3))
    ),
    "shape of gated_dense": lambda integer: shapes(kv.nets.gated_dense((integer(6),), 2, (4,))),
    "shape of gated_ladder": lambda integer: shapes(kv.nets.gated_ladder((integer(6),), (2,), 4)),
    "heads": lambda integer: shapes([kv.nets.dense_decoder((6,), 2, (4,), heads=integer(2))]),
    "latent_dim": lambda integer: shapes(
        [kv.nets.with_heads(kv.nets.dense_encoder((6,), 3, (4,)), integer(2))]
    ),
}


def shapes(networks):
    return [[tuple(weight.shape) for weight in network.weights] for network in networks]


@pytest.mark.parametrize("call", SMALL_INTEGERS.values(), ids=SMALL_INTEGERS)
def test_small_integers_of_numpy_mean_what_those_of_python_mean(call):
    np.testing.assert_equal(call(np.uint8), call(int))


def test_the_lowest_64_bits_of_any_seed_count():
    expected = estimators.elbo(MODEL, X, 3, seed=5)
    np.testing.assert_array_equal(estimators.elbo(MODEL, X, 3, seed=np.int64(5)), expected)


@pytest.mark.parametrize("kinds", [("float32", "float64"), ("float16", "float64"), (">f4", "int8")])
def test_mmd_takes_two_kinds_of_numbers(kinds):
    x, y = np.round(CODES[:8]), np.round(CODES[8:] + 1)
    found = estimators.mmd(x.astype(kinds[0]), y.astype(kinds[1]))
    expected = estimators.mmd(x.astype("float32"), y.astype("float32"))
    assert float(array(found)) == pytest.approx(float(array(expected)), rel=1e-3, abs=1e-3)


class Labeled:
    """An array with names, as of xarray: it has `to_numpy`, and no types of columns."""

    shape = X.shape

    def to_numpy(self):
        return X.astype(">f4")


def test_an_array_with_names_is_an_array():
    found = MODEL.predict(Labeled(), verbose=0)
    np.testing.assert_array_equal(found, MODEL.predict(X, verbose=0))


def test_factors_of_true_and_false_are_0_and_1():
    factors = CODES[:, :1] > 0
    assert metrics.mig(CODES, factors) == metrics.mig(CODES, factors.astype(int))
