"""NaN and infinity are answered with NaN wherever a model is compiled, and bad codes refused."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.validation.finite_rows import nan_unless_finite
from tests.support.models import CASES, array, first, uniform

# Rows 1 to 4 have one bad value each, row 5 one that is just finite.
BAD = (np.nan, np.inf, -np.inf, np.nan)
LARGEST = np.finfo("float32").max
ROWS = [False, True, True, True, True, False]


def spoiled(shape: tuple[int, ...]) -> np.ndarray:
    x = uniform(6, *shape)
    flat = x.reshape(6, -1)
    for row, value in enumerate((*BAD, LARGEST), start=1):
        flat[row, row % flat.shape[1]] = value
    return x


def relu_vae() -> kv.VAE:
    keras.utils.set_random_seed(0)
    return kv.VAE(*kv.nets.dense((6,), 2, hidden=(8,), heads=2), likelihood="normal", seed=0)


@pytest.fixture(scope="module")
def model():
    return relu_vae()


@pytest.mark.parametrize("no_number", [0, 1, None])
def test_floats_of_rows_with_bad_values_become_nan_and_integers_a_given_number(no_number):
    x, count = spoiled((2, 3)), np.arange(5, 11)
    zeros = np.zeros_like(x)
    outputs = {"one": zeros[:, 0, 0], "map": zeros, "count": count}
    found = nan_unless_finite([x, count], outputs, no_number)
    for name in ("one", "map"):
        per_row = array(found[name]).reshape(6, -1)
        assert np.isnan(per_row[ROWS]).all() and not np.isnan(per_row[5]).any()
    integers = count if no_number is None else np.where(ROWS, no_number, count)
    np.testing.assert_array_equal(array(found["count"]), integers)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.id in ("vae_normal", "conv_vae", "conditional_vae")]
)
def test_compiled_verbs_answer_nan_for_what_is_not_finite(case):
    model = case.untouched
    fast, several = kv.Compiled(model), isinstance(case.x, tuple)
    x = spoiled(model.event_shape)
    z = spoiled(model.latent_shape)
    condition = [case.x[1][:6]] if several else []
    given = {"encode": x, "reconstruct": x, "decode": z}
    for name, values in given.items():
        answer = getattr(fast, name)([values, *condition] if several else values)
        rows = np.isnan(array(answer)).reshape(6, -1)
        np.testing.assert_array_equal(rows[:5].all(axis=1), ROWS[:5], err_msg=name)
    score = array(fast.call("score", [x, *condition])["score"])
    np.testing.assert_array_equal(np.isnan(score)[:5], ROWS[:5])


def test_a_bad_condition_makes_its_row_nan():
    model = next(case for case in CASES if case.id == "conditional_vae").untouched
    condition = spoiled((2,))
    answer = array(kv.Compiled(model).decode([uniform(6, 3), condition]))
    np.testing.assert_array_equal(np.isnan(answer).all(axis=1)[:5], ROWS[:5])


def test_predict_answers_nan_for_what_is_not_finite(model):
    found = model.predict(spoiled((6,)), verbose=0)
    np.testing.assert_array_equal(np.isnan(found).all(axis=1)[:5], ROWS[:5])
    model.predict(uniform(6, 6), verbose=0)


@pytest.mark.tensorflow
def test_nan_in_a_later_batch_of_a_source_is_found_by_a_detector(model):
    import tensorflow as tf

    x = uniform(40, 6)
    x[37, 2] = np.nan
    source = tf.data.Dataset.from_tensor_slices(x).batch(10)
    detector = kv.AnomalyDetector(model, score="latent")
    with pytest.raises(ValueError, match="Expected finite values in x"):
        detector.adapt(source)
    detector.adapt(x[:30])
    with pytest.raises(ValueError, match="Expected finite values in x"):
        detector.fit_threshold(source, quantile=0.9)
    scores = keras.Model.predict(detector, source, verbose=0)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(scores)), [37])


@pytest.mark.parametrize(
    ("name", "verb", "bad"),
    [
        ("fsq", "decode", 999),
        ("fsq", "decode", 24),
        ("fsq", "decode", -1),
        ("vq_vae", "decode", 4),
        ("vq_vae", "decode", -1),
        ("transformer_vae_tokens", "encode", 5),
        ("transformer_vae_tokens", "encode", -1),
    ],
)
def test_compiled_verbs_refuse_whole_numbers_out_of_range(name, verb, bad):
    case = next(case for case in CASES if case.id == name)
    model = case.untouched
    given = first(2, case.x) if verb == "encode" else array(model.encode(first(2, case.x)))
    fast = kv.Compiled(model)
    getattr(fast, verb)(given)
    given = np.array(given)
    given.reshape(-1)[1] = bad
    with pytest.raises(ValueError, match=rf"Expected . of whole numbers from 0 to .*\[{bad}\]"):
        getattr(fast, verb)(given)


@pytest.mark.parametrize("bad", [0.5, 2.0, np.nan])
def test_compiled_verbs_refuse_masks_of_other_numbers_and_of_no_steps(bad):
    case = next(case for case in CASES if case.id == "lstm_vae_masked")
    x, mask = first(2, case.x)
    fast, spoilt = kv.Compiled(case.untouched), mask.copy()
    spoilt[1, 1] = bad
    for wrong in (spoilt, mask * [[1], [0]]):
        with pytest.raises(ValueError, match="Expected mask of whole numbers from 0 to 1"):
            fast.encode([x, wrong])


@pytest.mark.slow
def test_a_sampler_is_never_taken_for_a_former_one_at_the_same_address(model):
    # Same number for each: `id` of an object that was freed is given to a later one.
    fast, seeds = kv.Compiled(model), np.arange(4, dtype="int32")
    for scale in (1.0, 5.0, 1.0, 9.0, 2.0, 7.0):
        model.sampler = None  # Frees the former one first.
        model.fit_sampler(scale * uniform(20, 6), components=1)
        found = array(fast.call("sample", seeds)["z"])
        np.testing.assert_allclose(found, array(model.sample_endpoint(seeds)["z"]), atol=1e-4)
    assert len(fast._compiled) == 1
    model.sampler = None


EAGER = ("vae_normal", "sparse_top_k", "conditional_vae", "vq_vae", "compressive")


@pytest.mark.parametrize("case", [case for case in CASES if case.id in EAGER])
def test_eager_verbs_answer_nan_or_code_0_for_what_is_not_finite(case):
    """Eager ops lose NaN too: infinity times a weight of 0, a ReLU of minus infinity."""
    model, condition = case.untouched, [case.x[1][:6]] if isinstance(case.x, tuple) else []
    x = spoiled(model.event_shape)

    def given(values):
        return [values, *condition] if condition else values

    codes = array(model.encode(given(x)))
    if model.latent_dtype == "int32":
        assert not codes.reshape(6, -1)[ROWS].any()
    else:
        assert np.isnan(codes.reshape(6, -1)[ROWS]).all()
        decoded = array(model.decode(given(spoiled(model.latent_shape))))
        assert np.isnan(decoded.reshape(6, -1)[ROWS]).all()
    for answer in (model.reconstruct(given(x)), model(given(x))):
        rows = array(answer).reshape(6, -1)
        assert np.isnan(rows[ROWS]).all() and np.isfinite(rows[0]).all()
