"""`compile_fast`: the losses of `compile`, the steps asked for, one line that says why."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.acceleration import compile_fast
from keras_vae.errors import KerasVAEError

BACKEND = keras.backend.backend()
X = np.random.default_rng(0).random((330, 6)).astype("float32")


def made():
    keras.utils.set_random_seed(3)
    return kv.VAE(*kv.nets.dense((6,), 2, heads=2), likelihood="bernoulli", seed=0)


def curve(compiler, **kwargs):
    model = made()
    compiler(model)
    history = model.fit(X, batch_size=32, epochs=2, verbose=0, **kwargs).history
    return history, int(model.steps), [np.asarray(w) for w in model.get_weights()]


def plain(model):
    model.compile("adam", steps_per_execution=1)


def fast(model):
    kv.compile_fast(model, "adam", say=lambda text: None)


@pytest.fixture(scope="module")
def plain_curve():
    return curve(plain, validation_data=(X[:70],))


@pytest.mark.slow
def test_losses_and_weights_are_those_of_compile(plain_curve):
    history, steps, weights = curve(fast, validation_data=(X[:70],))
    expected, expected_steps, expected_weights = plain_curve
    assert steps == expected_steps == 22  # 11 batches an epoch, the last of 10 examples.
    assert history.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(history[name], expected[name], rtol=1e-5, atol=1e-6)
    for weight, other in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_an_epoch_of_given_length_is_not_overrun():
    model = made()
    fast(model)
    model.fit(X, batch_size=32, epochs=1, steps_per_epoch=10, verbose=0)
    assert int(model.steps) == 10


def test_a_validation_of_given_length_is_not_overrun():
    model = made()
    fast(model)
    short = model.evaluate(X, batch_size=32, steps=4, verbose=0, return_dict=True)
    exact = model.evaluate(X[:128], batch_size=32, verbose=0, return_dict=True)
    assert short["kl"] == pytest.approx(exact["kl"], rel=1e-5)  # The term without noise.


def test_the_steps_in_one_go_divide_an_epoch_that_is_known():
    counts = {469: 67, 422: 2, 391: 23, 235: 47, 128: 32, 96: 32, 83: 1, 37: 37, 12: 12, 5: 5}
    assert {n: compile_fast.steps_at_once(n) for n in counts} == counts
    assert compile_fast.steps_at_once(96, 20) == 4


def test_what_is_asked_for_is_not_chosen():
    said = []
    model = made()
    at_once = 1 if BACKEND == "torch" else 5
    kv.compile_fast(model, "sgd", steps_per_execution=at_once, jit_compile=False, say=said.append)
    assert (model.steps_per_execution, model.jit_compile) == (at_once, False)
    assert isinstance(model.optimizer, keras.optimizers.SGD)


def test_one_line_says_what_was_chosen_and_why():
    said = []
    kv.compile_fast(made(), steps_per_epoch=20, say=said.append)
    assert len(said) == 1 and "\n" not in said[0]
    expected = "one step at a time" if BACKEND == "torch" else "20 steps in one go"
    assert expected in said[0]


def test_the_line_says_that_an_optimizer_is_replaced():
    said, model = [], made()
    kv.compile_fast(model, "sgd", say=said.append)
    kv.compile_fast(model, say=said.append)
    kv.compile_fast(model, "sgd", say=said.append)
    assert ["in place of the SGD" in line for line in said] == [False, True, False]


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("value", "words"), [("1", "oneDNN on"), ("0", "oneDNN off"), (None, "before it is imported")]
)
def test_the_line_says_what_cannot_be_changed_any_more(monkeypatch, value, words):
    said = []
    monkeypatch.delenv(compile_fast.ONEDNN, raising=False)
    if value is not None:
        monkeypatch.setenv(compile_fast.ONEDNN, value)
    kv.compile_fast(made(), say=said.append)
    assert words in said[0]


def test_a_model_whose_fit_overruns_is_refused():
    with pytest.raises(TypeError, match="Expected an autoencoder of keras_vae"):
        kv.compile_fast(keras.Sequential([keras.layers.Dense(1)]))


@pytest.mark.only_on("tensorflow", "jax")  # On PyTorch Keras runs one step at a time.
def test_a_training_to_resume_keeps_positions_that_are_whole_executions(tmp_path):
    model = made()
    fast(model)
    resume = kv.callbacks.ExactResume(tmp_path, steps=11, say=lambda text: None)
    model.fit(X, batch_size=32, epochs=1, verbose=0, callbacks=[resume])
    assert 11 % model.steps_per_execution == 0


@pytest.mark.parametrize(
    "given",
    [{"steps_per_execution": n} for n in (0, -1, 2.5, True)]
    + [{"steps_per_epoch": n} for n in (0, -1, 2.5)],
    ids=str,
)
def test_numbers_without_sense_are_refused_and_not_replaced(given):
    (name,) = given
    with pytest.raises(KerasVAEError, match=f"^Expected {name} of at least 1.*Received: {name}="):
        kv.compile_fast(made(), "adam", say=lambda text: None, **given)
