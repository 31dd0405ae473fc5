"""Sequences of tokens: one after the other, of many lengths, known tokens alone."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.distributions import Autoregressive
from tests.support.models import array, flat, values
from tests.support.objectives import loss_and_gradients

TIME, WORDS = 5, 6
LENGTHS = np.array([1, 2, 4, 5])
MASK = (np.arange(TIME) < LENGTHS[:, None]).astype("float32")
X = np.random.default_rng(0).integers(WORDS, size=(4, TIME))
KINDS = {
    "LSTMAutoencoder": {"units": (4,)},
    "LSTMVAE": {"units": (3, 4)},
    "TCNAutoencoder": {"width": 4, "blocks": 2},
    "TCNVAE": {"width": 4, "blocks": 1},
    "TransformerAutoencoder": {"width": 8, "attention_heads": 2, "blocks": 1},
    "TransformerVAE": {"width": 8, "attention_heads": 2, "blocks": 1},
}
QUICK = ("LSTMVAE", "TransformerAutoencoder")  # Both networks, with and without a posterior.
every_kind = pytest.mark.parametrize(
    "kind", [k if k in QUICK else pytest.param(k, marks=pytest.mark.slow) for k in KINDS]
)


def make(kind, masked=True, **kwargs):
    keras.utils.set_random_seed(3)
    arguments = {"vocabulary_size": WORDS, **KINDS[kind], **kwargs}
    return getattr(kv, kind)((TIME,), 3, masked=masked, seed=0, **arguments)


def log_softmax(logits):
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def before(tokens, step):
    """The tokens before a step, and others than those of X from there on."""
    return np.where(np.arange(TIME) < step, tokens, (tokens + 1) % WORDS).astype("int32")


@every_kind
def test_the_likelihood_is_the_sum_of_the_steps_each_given_the_tokens_before(kind):
    """Step by step in NumPy, by a decoder that never sees the tokens from the step on."""
    model = make(kind, masked=False)
    z = model.encode(X)
    wanted = np.zeros(len(X))
    for step in range(TIME):
        tokens = keras.ops.convert_to_tensor(before(X, step))
        logits = array(model.decoder([z, tokens]))[:, step].astype("float64")
        wanted += [log_softmax(row)[x] for row, x in zip(logits, X[:, step], strict=True)]
    found = array(model.observation(z).log_prob(X))
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    np.testing.assert_allclose(array(model.score_terms(X)["reconstruction"]), -wanted, rtol=1e-5)


@every_kind
def test_probabilities_of_all_sequences_sum_to_one(kind):
    model = make(kind, masked=False)
    z = array(model.encode(X[:1]))
    every = np.stack(np.meshgrid(*[np.arange(WORDS)] * TIME), axis=-1).reshape(-1, TIME)
    z = keras.ops.convert_to_tensor(np.repeat(z, len(every), axis=0))
    log_prob = array(model.observation(z).log_prob(every)).astype("float64")
    assert np.exp(log_prob).sum() == pytest.approx(1.0, abs=1e-4)


@every_kind
def test_free_running_chooses_the_most_probable_token_after_its_own_choices(kind):
    model = make(kind)
    z = model.encode((X, MASK))
    tokens = np.zeros_like(X)
    for step in range(TIME):
        known = np.where(MASK > 0, tokens, WORDS).astype("int32")
        logits = array(model.decoder([z, keras.ops.convert_to_tensor(known)]))
        tokens[:, step] = logits[:, step].argmax(-1)
    found = array(model.decode((z, MASK)))
    assert found.dtype == "int32"
    np.testing.assert_array_equal(found, np.where(MASK > 0, tokens, 0))
    np.testing.assert_array_equal(array(model.reconstruct((X, MASK))), found)


def test_draws_have_the_frequencies_of_the_probabilities():
    model = make("TransformerAutoencoder", masked=False)
    count = 4000
    z = keras.ops.convert_to_tensor(np.repeat(array(model.encode(X[:1])), count, axis=0))
    p = model.observation(z)
    drawn = array(p.sample(seed=1))
    np.testing.assert_array_equal(array(p.sample(seed=1)), drawn)
    assert (array(p.sample(seed=2)) != drawn).any()
    # Of pairs of the first two tokens, so that the second must follow the first that was drawn.
    pairs = np.stack(np.meshgrid(range(WORDS), range(WORDS)), axis=-1).reshape(-1, 2)
    given = np.pad(pairs, ((0, 0), (0, TIME - 2))).astype("int32")
    logits = array(model.decoder([z[: len(pairs)], keras.ops.convert_to_tensor(given)]))
    wanted = [
        np.exp(log_softmax(row[0])[a] + log_softmax(row[1])[b])
        for row, (a, b) in zip(logits.astype("float64"), pairs, strict=True)
    ]
    found = [(drawn[:, :2] == pair).all(axis=1).mean() for pair in pairs]
    np.testing.assert_allclose(found, wanted, atol=4 * np.sqrt(max(wanted) / count))


def test_free_running_stops_when_nothing_changes_any_more():
    """Tokens that do not depend on others take two rounds, a chain as many as there are steps."""
    rounds = []

    def chain(tokens):
        """Each token is one more than the one before it."""
        rounds.append(1)
        previous = np.pad(array(tokens)[:, :-1], ((0, 0), (1, 0)))
        return keras.ops.one_hot(keras.ops.convert_to_tensor(previous + 1), 12)

    def alone(tokens):
        rounds.append(1)
        return keras.ops.one_hot(keras.ops.ones_like(tokens) * 7, 12)

    start = np.zeros((2, 9), "int32")
    for logits, wanted, least in ((chain, np.arange(1, 10), 9), (alone, [7] * 9, 2)):
        if keras.backend.backend() == "jax" and logits is chain:
            continue  # Its loop is traced, and NumPy is not.
        rounds.clear()
        found = array(Autoregressive(logits, keras.ops.convert_to_tensor(start)).mean)
        np.testing.assert_array_equal(found, np.tile(wanted, (2, 1)))
        assert len(rounds) <= least + 1


@pytest.mark.long
@every_kind
def test_what_stands_in_padding_changes_no_code_no_term_and_no_gradient(kind):
    found = []
    for padding in (0, 3, 10**6, -1):
        model = make(kind)
        x = np.where(MASK > 0, X, padding).astype("int32")
        x = keras.ops.convert_to_tensor(x)
        terms = model.loss_terms([x, MASK], x)
        loss, gradients = loss_and_gradients(model, [x, MASK])
        answers = [model.encode([x, MASK]), model.score([x, MASK]), *terms.values(), loss]
        found.append([*map(array, answers), *gradients])
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.long
def test_a_copy_is_learned_and_reproduced_without_help():
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(1).integers(3, size=(256, 4))
    sizes = {"width": 32, "blocks": 1, "attention_heads": 2}
    model = kv.TransformerAutoencoder((4,), 8, vocabulary_size=3, **sizes, seed=0)
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 400)
    model.compile(keras.optimizers.Adam(schedule))
    losses = model.fit(x, epochs=100, batch_size=64, verbose=0).history["reconstruction"]
    assert losses[0] > 3.5 and losses[-1] < 0.2
    assert (model.predict(x[:64], verbose=0) == x[:64]).mean() > 0.98


@pytest.mark.long
def test_sequences_of_many_lengths_are_learned_and_reproduced():
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(1)
    x = random.integers(3, size=(256, 4))
    mask = (np.arange(4) < random.integers(1, 5, size=(256, 1))).astype("float32")
    model = kv.LSTMAutoencoder((4,), 8, vocabulary_size=3, units=(24,), masked=True, seed=0)
    model.compile(keras.optimizers.Adam(0.02))
    model.fit((x, mask), epochs=40, batch_size=64, verbose=0)
    found = array(model.reconstruct((x[:64], mask[:64])))
    np.testing.assert_array_equal(found, np.where(mask > 0, x, 0)[:64])


BAD = {
    "a token beyond the vocabulary": (np.where(X == X[0, 0], WORDS, X), "[6] in"),
    "a negative token": (X - WORDS, "tokens of a vocabulary of 6"),
    "a half": (X + 0.5, "0.5"),
    "words": (X.astype(str), "real numbers"),
    "no number": (np.full(X.shape, np.nan), "finite"),
    "one-hot vectors": (np.eye(WORDS)[X], "('batch', 5)"),
}


@pytest.mark.parametrize("name", BAD)
def test_unknown_tokens_are_refused_before_a_step(name):
    data, words = BAD[name]
    model = make("LSTMAutoencoder", masked=False)
    model.compile(keras.optimizers.SGD(0.1))
    before = flat(values(model.variables))
    for verb in (model.fit, model.score, lambda x: model.fit(X, x)):
        with pytest.raises((ValueError, TypeError), match="Expected .*Received") as caught:
            verb(data)
        assert words in str(caught.value)
    np.testing.assert_array_equal(flat(values(model.variables)), before)


def test_unknown_tokens_of_an_array_are_refused_by_encode():
    with pytest.raises(ValueError, match=r"vocabulary of 6.*\[99\] in 1 place"):
        make("TransformerVAE", masked=False).encode(np.where(np.arange(TIME) == 2, 99, X[:1]))


def test_what_makes_no_model_of_tokens_is_refused():
    with pytest.raises(ValueError, match=r"\(time,\).*Received: \(5, 2\) and 4"):
        kv.LSTMAutoencoder((5, 2), vocabulary_size=4)
    with pytest.raises(ValueError, match=r"at least 2. Received: \(5,\) and 1"):
        kv.TransformerVAE((5,), vocabulary_size=1)
    with pytest.raises(ValueError, match="likelihood='categorical'.*Received: 'normal'"):
        kv.LSTMVAE((5,), vocabulary_size=4, likelihood="normal")


def test_tokens_above_what_half_precision_can_count_are_told_apart():
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.utils.set_random_seed(0)
    model = kv.LSTMAutoencoder((2,), 3, vocabulary_size=1000, units=(4,))
    codes = array(model.encode(np.array([[512, 513], [512, 514]], "float32")))
    assert (codes[0] != codes[1]).any()


@pytest.mark.long
@pytest.mark.tensorflow
@pytest.mark.parametrize("kind", ["LSTMAutoencoder", "TransformerVAE"])
def test_servers_and_devices_decode_as_keras_does(kind, tmp_path):
    import tensorflow as tf

    from tests.support.litert_files import run

    model = make(kind)
    code = array(model.encode((X, MASK)))
    tokens = array(model.decode((code, MASK)))
    served = tf.saved_model.load(str(model.export(tmp_path / "served", endpoints=("reconstruct",))))
    given = {"x": tf.constant(X, tf.int32), "mask": tf.constant(MASK)}
    found = served.signatures["reconstruct"](**given)["reconstruction"]
    np.testing.assert_array_equal(found, array(model.reconstruct((X, MASK))))
    file = model.export(tmp_path / "m.tflite", format="litert", endpoints=("decode", "score"))
    np.testing.assert_array_equal(run(file, "decode", z=code, mask=MASK)["reconstruction"], tokens)
    score = run(file, "score", x=X.astype("int32"), mask=MASK)["score"]
    np.testing.assert_allclose(score, array(model.score((X, MASK))), rtol=1e-4, atol=1e-4)
