"""Counts that float32 cannot hold are refused with their place, at every border of a model."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae import distributions
from keras_vae.errors import UsageError
from keras_vae.validation import precision
from tests.support.models import array

LOST = 2**24 + 1
KEPT = 3 * 2**24  # Of 26 bits, of which the last ones are 0.
CANDIDATES = [0, 5, 2**24, LOST, KEPT, 10**9, 10**9 + 1, 2**53 + 1, 2**62, 2**62 + 1, -LOST]


def changes(number):
    """Whether a whole number has more than 24 digits between its first and its last binary 1."""
    digits = bin(abs(number))[2:].rstrip("0")
    return len(digits) > 24


@pytest.mark.parametrize("dtype", ["int64", "uint64", "float64", object])
def test_whole_numbers_of_more_than_24_binary_digits_are_rounded(dtype):
    numbers = [n for n in CANDIDATES if n >= 0 or dtype != "uint64"]
    if dtype == "float64":
        numbers = [n for n in numbers if n < 2**53]
    found = precision.is_rounded(np.array(numbers, dtype))
    assert found.tolist() == [changes(n) for n in numbers]
    assert any(found) and not all(found)


@pytest.mark.parametrize("values", [[0.5, 1e300, np.inf, np.nan, 16777217.5], ["a", None, 0.5]])
def test_other_values_are_passed_over(values):
    of_numbers = isinstance(values[0], float)
    values = np.array(values, "float64" if of_numbers else object)
    assert not precision.is_rounded(values).any()
    assert not precision.is_rounded(np.array([LOST], "float32")).any()


COUNTS = np.random.default_rng(0).poisson(5.0, (8, 3))


def with_lost(dtype):
    x = COUNTS.astype(dtype)
    x[5, 2] = LOST
    return x


def vae(likelihood="poisson"):
    heads = distributions.get(likelihood).heads
    parts = kv.nets.dense((3,), 1, (2,), heads=2, decoder_heads=heads)
    model = kv.VAE(*parts, likelihood=likelihood, seed=0)
    model.compile("sgd", **({"jit_compile": False} if keras.backend.backend() != "torch" else {}))
    return model


MODEL = vae()
VERBS = {
    "fit": lambda x: MODEL.fit(x, epochs=1, verbose=0),
    "fit of a source": lambda x: MODEL.fit(iter([x]), epochs=1, steps_per_epoch=1, verbose=0),
    "evaluate": lambda x: MODEL.evaluate(x, verbose=0),
    "score": MODEL.score,
    "encode": MODEL.encode,
    "predict": lambda x: MODEL.predict(x, verbose=0),
    "log_likelihood": lambda x: kv.estimators.log_likelihood(MODEL, x, samples=2),
    "log_prob": lambda x: distributions.get("poisson")(np.zeros((8, 3))).log_prob(x),
    "log_prob of an observation": lambda x: MODEL.observation(np.zeros((8, 1))).log_prob(x),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_counts_that_float32_cannot_hold_are_refused_with_their_place(verb, dtype):
    message = (
        "Expected whole numbers that float32 can hold in x.* Received: 16777217 in row 5, column "
        r"2, which would become 16777216. .*\(Divide"
    )
    with pytest.raises(UsageError, match=message.replace(". .*", r"\. ")):
        VERBS[verb](with_lost(dtype))


def test_counts_that_float32_holds_are_taken():
    x = np.where(with_lost("int64") == LOST, KEPT, COUNTS)
    assert np.isfinite(array(MODEL.score(x))).all()


def test_real_numbers_may_be_rounded():
    assert np.isfinite(array(vae("normal").score(with_lost("int64")))).all()


@pytest.mark.slow
def test_a_transformer_sees_the_counts_of_its_rows():
    made = kv.dimension_reduction.AutoencoderTransformer(
        1, hidden=(2,), likelihood="poisson", epochs=1, random_state=0
    )
    for x in (with_lost("int64"), with_lost("float64")):
        with pytest.raises(UsageError, match="16777217 in row 5, column 2"):
            made.fit(x)
    made.fit(COUNTS)
    for call in (made.transform, made.score):
        with pytest.raises(UsageError, match="16777217 in row 5, column 2"):
            call(with_lost("int64"))


def test_a_number_of_trials_is_one_that_float32_holds():
    assert distributions.BetaBinomial.of(2**24).trials == 2**24
    with pytest.raises(UsageError, match="trials that float32 can hold. Received: trials=16777217"):
        distributions.BetaBinomial.of(LOST)


def test_counts_that_float32_cannot_hold_are_refused_with_their_row(tmp_path):
    from keras_vae.training.prediction.rows import open_rows

    networks = kv.nets.dense((3,), 1, (2,), heads=2)
    x = np.arange(36.0).reshape(12, 3)
    x[9, 1] = 2**24 + 1
    np.save(tmp_path / "x.npy", x)
    for likelihood in ("poisson", "normal"):
        model = kv.VAE(*networks, likelihood=likelihood, seed=0)
        rows = open_rows(str(tmp_path / "x.npy"), model.endpoints()["score"].inputs)
        assert rows.read(0, 8)[0].dtype == "float32"
        if likelihood == "normal":
            assert rows.read(8, 12)[0][1, 1] == 2**24
            continue
        with pytest.raises(UsageError, match="16777217 in row 9, column 1, which would become"):
            rows.read(8, 12)


def test_a_single_number_has_no_place():
    with pytest.raises(UsageError, match=f"Received: {LOST}, which would become {2**24}"):
        distributions.Poisson(np.zeros((), "float32")).log_prob(np.array(LOST))
