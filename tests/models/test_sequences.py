"""Sequences of one length and of many: padding has no say, the mask goes all the way."""

import functools

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.nets import sequence
from tests.support.models import array, flat, uniform, values
from tests.support.objectives import loss_and_gradients

TIME, FEATURES = 5, 2
LENGTHS = np.array([1, 2, 4, 5])
MASK = (np.arange(TIME) < LENGTHS[:, None]).astype("float32")
X = uniform(4, TIME, FEATURES)
KINDS = {
    "LSTMAutoencoder": {"units": (3, 4)},
    "LSTMVAE": {"units": (4,)},
    "TCNAutoencoder": {"width": 4, "blocks": 2, "kernel": 2},
    "TCNVAE": {"width": 4, "blocks": 1},
    "TransformerAutoencoder": {"width": 8, "attention_heads": 2},
    "TransformerVAE": {"width": 8, "attention_heads": 2, "blocks": 1},
}
QUICK = ("LSTMVAE", "TransformerAutoencoder")  # Both networks, with and without a posterior.
every_kind = pytest.mark.parametrize(
    "kind", [k if k in QUICK else pytest.param(k, marks=pytest.mark.slow) for k in KINDS]
)


def make(kind, masked=True, **kwargs):
    keras.utils.set_random_seed(3)
    arguments = {**KINDS[kind], **kwargs}
    return getattr(kv, kind)((TIME, FEATURES), 3, masked=masked, seed=0, **arguments)


@functools.cache
def shared(kind, masked=True):
    """One model for all tests that leave it as it is."""
    return make(kind, masked)


def padded_with(value):
    return np.where(MASK[..., None] > 0, X, value).astype("float32")


@pytest.mark.slow
@every_kind
def test_what_stands_in_padding_changes_no_code_no_term_and_no_gradient(kind):
    found = []
    for padding in (0.0, 1e4):
        model = make(kind)
        x = padded_with(padding)
        terms = model.loss_terms([x, MASK], x)
        loss, gradients = loss_and_gradients(model, [x, MASK])
        answers = [model.encode([x, MASK]), model.score([x, MASK]), *terms.values(), loss]
        found.append([*map(array, answers), *map(array, gradients)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@every_kind
def test_a_term_is_the_sum_over_the_steps_that_there_are(kind):
    model = shared(kind)
    z = model.encode([X, MASK])
    mean = array(model.decoder([z, keras.ops.convert_to_tensor(MASK)]))
    nats = 0.5 * (X - mean) ** 2 + 0.5 * np.log(2 * np.pi)
    wanted = [nats[row, :length].sum() for row, length in enumerate(LENGTHS)]
    terms = model.score_terms([X, MASK])
    np.testing.assert_allclose(array(terms["reconstruction"]), wanted, rtol=1e-5)


@every_kind
def test_reconstructions_are_zero_in_padding(kind):
    reconstruction = array(shared(kind).reconstruct([X, MASK]))
    assert not reconstruction[MASK == 0].any()
    assert np.abs(reconstruction[MASK > 0]).min() > 0


@every_kind
def test_a_mask_of_ones_is_no_mask(kind):
    masked, plain = shared(kind), make(kind, masked=False)
    plain.set_weights(masked.get_weights())
    ones = np.ones_like(MASK)
    np.testing.assert_allclose(
        array(masked.reconstruct([X, ones])), array(plain.reconstruct(X)), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        array(masked.score([X, ones])), array(plain.score(X)), rtol=1e-5, atol=1e-6
    )


@pytest.mark.slow
def test_dense_pooling_gives_each_step_weights_of_its_own_and_padding_none():
    model = make("TransformerAutoencoder", pooling="dense")
    codes = [array(model.encode([padded_with(value), MASK])) for value in (0.0, 1e4)]
    np.testing.assert_array_equal(*codes)
    assert model.encoder.get_layer("z").kernel.shape == (TIME * 8, 3)
    assert model.decoder.get_layer("start").kernel.shape == (3, TIME * 8)
    plain = make("TransformerAutoencoder", masked=False, pooling="dense")
    plain.set_weights(model.get_weights())
    full = LENGTHS == TIME
    found, wanted = model.reconstruct([X, MASK]), plain.reconstruct(X)
    np.testing.assert_allclose(array(found)[full], array(wanted)[full], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["LSTMAutoencoder", "TransformerAutoencoder", "TCNAutoencoder"])
def test_steps_after_the_end_are_not_read(kind):
    """The code of a short sequence is that of a model made for its length."""
    long = shared(kind)
    short = getattr(kv, kind)((2, FEATURES), 3, **KINDS[kind])
    short.set_weights(long.get_weights())
    code = array(long.encode([X, np.tile([1.0, 1, 0, 0, 0], (4, 1))]))
    np.testing.assert_allclose(code, array(short.encode(X[:, :2])), rtol=1e-5, atol=1e-6)


def test_positions_turn_by_the_same_angle_at_each_step():
    """(sin, cos) of t + 1 is that of t, rotated; the first pair by one radian."""
    table = sequence.positions(7, 6)
    turned = [
        table[:-1, 0] * np.cos(1) + table[:-1, 1] * np.sin(1),
        table[:-1, 1] * np.cos(1) - table[:-1, 0] * np.sin(1),
    ]
    np.testing.assert_allclose(table[1:, :2].T, turned, atol=1e-6)
    np.testing.assert_allclose(table[0], [0, 1] * 3)
    assert sequence.positions(3, 5).shape == (3, 5)


def test_without_positions_attention_does_not_know_the_order(monkeypatch):
    order = np.array([3, 0, 4, 1, 2])
    moved = X[:, order], MASK[:, order]
    model = make("TransformerAutoencoder")
    code = array(model.encode([X, MASK]))
    assert np.abs(array(model.encode(list(moved))) - code).max() > 1e-3
    monkeypatch.setattr(sequence, "positions", lambda *shape: np.zeros(shape, "float32"))
    model = make("TransformerAutoencoder")
    np.testing.assert_allclose(
        array(model.encode(list(moved))), array(model.encode([X, MASK])), rtol=1e-4, atol=1e-6
    )


def test_tokens_are_one_hot_sequences():
    tokens = np.eye(FEATURES, dtype="float32")[np.arange(4 * TIME).reshape(4, TIME) % FEATURES]
    model = make("LSTMVAE", likelihood="categorical")
    p = array(model.decode([model.encode([tokens, MASK]), MASK]))
    np.testing.assert_allclose(p.sum(-1), MASK, atol=1e-6)
    chosen = np.where(MASK > 0, (tokens * p).sum(-1), 1.0)
    found = array(model.score_terms([tokens, MASK])["reconstruction"])
    np.testing.assert_allclose(found, -np.log(chosen).sum(1), rtol=1e-4)


BAD = {
    "a row of padding alone": ((X, MASK * (LENGTHS > 1)[:, None]), "a 1 in each row", "1 row(s)"),
    "a mask of fractions": ((X, MASK * 0.5), "a mask of 0 and 1", "0.5"),
    "a mask of lengths": ((X, LENGTHS[:, None] * MASK), "a mask of 0 and 1", "5"),
    "a mask of another length": ((X, MASK[:, 1:]), "mask of shape ('batch', 5)", "(4, 4)"),
    "no mask": (X, "a pair (x, mask)", "one array"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_masks_are_refused_before_a_step(name):
    data, expected, received = BAD[name]
    model = make("LSTMAutoencoder")
    model.compile(keras.optimizers.SGD(0.1))
    before = flat(values(model.variables))
    with pytest.raises(ValueError, match="Expected .*Received") as caught:
        model.fit(data, verbose=0)
    assert expected in str(caught.value) and received in str(caught.value)
    np.testing.assert_array_equal(flat(values(model.variables)), before)


def test_sequences_need_a_time_and_features():
    with pytest.raises(ValueError, match=r"\(time, features\).*Received: shape=\(5,\)"):
        kv.LSTMAutoencoder((5,))
    with pytest.raises(ValueError, match="divide width.*attention_heads=3, width=64"):
        kv.TransformerVAE((5, 2), attention_heads=3)
    with pytest.raises(ValueError, match="units of at least one"):
        kv.LSTMVAE((5, 2), units=())


@pytest.mark.long
@pytest.mark.tensorflow
@every_kind
def test_devices_answer_as_keras_does(kind, tmp_path):
    from tests.support.litert_files import run

    model = make(kind)
    file = model.export(tmp_path / "m.tflite", format="litert", endpoints=("encode", "decode"))
    code = array(model.encode([X, MASK]))
    name = "z_mean" if kind.endswith("VAE") else "z"
    found = run(file, "encode", x=X, mask=MASK)[name]
    np.testing.assert_allclose(found, code, rtol=1e-4, atol=1e-4)
    decoded = run(file, "decode", z=code, mask=MASK)["reconstruction"]
    np.testing.assert_allclose(decoded, array(model.decode([code, MASK])), rtol=1e-4, atol=1e-4)
