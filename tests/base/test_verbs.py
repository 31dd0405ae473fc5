"""What verbs and `..._on_batch` are given is used as the docs say, or refused, also eagerly."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import keras_vae as kv
from tests.support import linear
from tests.support.models import CASES, array

X = linear.X
KINDS = {case.id: case for case in CASES}
NOT_NUMBERS = {
    "complex": X * 1j,
    "times": np.full(X.shape, 3, "m8[s]"),
    "text": np.full(X.shape, "a"),
    "objects": X.astype(object),
}


@pytest.fixture(scope="module")
def model():
    model = linear.autoencoder()
    model.compile("sgd", run_eagerly=True)
    return model


VERBS = ("encode", "reconstruct", "score", "predict", "predict_on_batch")


@pytest.mark.parametrize("verb", [*VERBS, "fit", "train_on_batch", "test_on_batch"])
@pytest.mark.parametrize("kind", NOT_NUMBERS)
def test_values_that_are_no_real_numbers_are_refused(model, verb, kind):
    with pytest.raises(TypeError, match="Expected real numbers in x. Received:"):
        getattr(model, verb)(NOT_NUMBERS[kind])


@pytest.mark.parametrize("verb", [*VERBS, "evaluate", "train_on_batch"])
def test_no_rows_are_refused(model, verb):
    with pytest.raises(ValueError, match="Expected at least one"):
        getattr(model, verb)(X[:0])


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"x": X, "y": X[:, :1]}, ValueError, r"Expected y of shape \('batch', 4\)"),
        ({"x": X, "sample_weight": -np.ones(len(X))}, ValueError, "Expected sample_weight in"),
        ({"x": X, "sample_weight": np.ones(3)}, ValueError, "Expected sample_weight with"),
        ({"x": np.where(X > 1, np.nan, X)}, ValueError, "Expected finite values in x"),
        ({"x": {"x": X}}, TypeError, "Expected x as an array"),
    ],
)
@pytest.mark.parametrize("verb", ["train_on_batch", "test_on_batch"])
def test_a_batch_is_checked_as_the_data_of_fit(model, verb, given, error, message):
    before = [array(weight) for weight in model.weights]
    with pytest.raises(error, match=message):
        getattr(model, verb)(**given)
    for old, new in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, array(new))


def test_class_weights_of_a_batch_are_refused(model):
    with pytest.raises(ValueError, match="Expected no class_weight"):
        model.train_on_batch(X, class_weight={0: 2.0})


def test_weights_of_a_batch_without_a_target_count(model):
    half = np.repeat([1.0, 0.0], 6)
    unlike = np.where(half[:, None] > 0, X[:12], 10.0)
    found = []
    for given in ({"x": unlike, "sample_weight": half}, {"x": X[:6]}):
        model.reset_metrics()
        found.append(model.test_on_batch(**given, return_dict=True)["loss"])
    assert found[0] == pytest.approx(found[1], rel=1e-5)


class OffersItselfToNumPy:
    """The least that NumPy takes for an array."""

    def __array__(self, dtype=None, copy=None):
        return np.asarray(X, dtype)


def test_objects_that_numpy_takes_for_arrays_are_arrays(model):
    assert model.evaluate(OffersItselfToNumPy(), verbose=0) == model.evaluate(X, verbose=0)


@pytest.mark.parametrize("verb", ["fit", "score"])
def test_sparse_matrices_are_refused_with_the_remedy(model, verb):
    matrix = SimpleNamespace(shape=X.shape, dtype=X.dtype, toarray=lambda: X)
    with pytest.raises(TypeError, match=r"dense arrays.*x\.toarray\(\)"):
        getattr(model, verb)(matrix)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "uint16", "int32", "int64", "uint64"])
@pytest.mark.parametrize("case", ["vq_vae", "fsq", "compressive"])
def test_integer_codes_of_any_width_are_decoded(case, dtype):
    model = KINDS[case].untouched
    codes = np.ones((2, *model.latent_shape))
    np.testing.assert_array_equal(
        array(model.decode(codes.astype(dtype))), array(model.decode(codes.astype("int32")))
    )


def sequences(mask):
    case = KINDS["lstm_vae_masked"]
    x = case.x[0][:2]
    return case.untouched, x, np.broadcast_to(np.asarray(mask, "float32"), x.shape[:2]).copy()


@pytest.mark.parametrize("value", [0.9, 2.0, -1.0, np.nan, 0.0])
@pytest.mark.parametrize("verb", ["encode", "reconstruct", "decode", "fit"])
def test_masks_are_0_and_1_in_every_verb(verb, value):
    model, x, mask = sequences(value)
    first = np.zeros((2, *model.latent_shape), "float32") if verb == "decode" else x
    with pytest.raises(ValueError, match="Expected a mask of 0 and 1|Expected finite values"):
        getattr(model, verb)((first, mask))


def test_sequences_and_mask_in_the_wrong_order_are_told_so():
    model, tokens = KINDS["lstm_autoencoder_tokens"].untouched, np.full((2, 4), 3)
    with pytest.raises(ValueError, match=r"a pair of sequences and mask, in this order"):
        model.encode((np.ones((2, 4)), tokens))


def test_conditions_are_real_numbers():
    model = KINDS["conditional_vae"].untouched
    with pytest.raises(TypeError, match="Expected real numbers in the condition"):
        model.sample(condition=np.array([1j, 1]))


@pytest.mark.parametrize("name", ["m.h5", "m", "m.keras.zip"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["model", "detector"])
def test_files_that_would_lose_state_are_not_written(model, tmp_path, name, wrapped):
    saved = kv.AnomalyDetector(model) if wrapped else model
    with pytest.raises(ValueError, match=r"ends in \.keras"):
        saved.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_fit_warns_of_a_sampler_that_does_not_follow_it():
    model = linear.autoencoder()
    model.compile("sgd", run_eagerly=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.fit(X, verbose=0)
    model.fit_sampler(X, components=1)
    with pytest.warns(UserWarning, match="fit_sampler again"):
        model.fit(X, verbose=0)
