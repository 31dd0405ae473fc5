"""Of any lengths and any mask: what is left out has no say, what is there counts, step by step."""

import functools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_vae as kv
from tests.support.models import array
from tests.support.objectives import loss_and_gradients

ROWS, TIME, WORDS = 3, 5, 4
FEW = settings(deadline=None, max_examples=8)
SIZES = {
    "LSTM": {"units": (3,)},
    "TCN": {"width": 4, "blocks": 2},
    "Transformer": {"width": 4, "blocks": 1, "attention_heads": 2},
}
KINDS = [name + kind for name in SIZES for kind in ("Autoencoder", "VAE")]
every_kind = pytest.mark.parametrize("kind", KINDS)

# Any steps may be missing, in the middle too, but not all of a row.
masks = st.lists(
    st.lists(st.booleans(), min_size=TIME, max_size=TIME).filter(any), min_size=ROWS, max_size=ROWS
).map(lambda rows: np.array(rows, "float32"))
lengths = st.lists(st.integers(1, TIME), min_size=ROWS, max_size=ROWS).map(np.array)
seeds = st.integers(0, 2**31 - 1)
padding = st.one_of(st.integers(-3, 9), st.integers(-(2**31), 2**31 - 1))


@functools.cache
def model_of(kind, tokens):
    keras.utils.set_random_seed(3)
    shape = (TIME,) if tokens else (TIME, 2)
    sizes = SIZES[kind.removesuffix("Autoencoder").removesuffix("VAE")]
    words = {"vocabulary_size": WORDS} if tokens else {}
    return getattr(kv, kind)(shape, 2, masked=True, **sizes, **words, seed=0)


def drawn(seed, tokens, mask, fill=None):
    """Sequences of a seed, with `fill` in the steps that there are not."""
    random = np.random.default_rng(seed)
    x = random.integers(WORDS, size=(ROWS, TIME)) if tokens else random.random((ROWS, TIME, 2))
    kept = mask > 0 if tokens else mask[..., None] > 0
    x = x if fill is None else np.where(kept, x, fill)
    return keras.ops.convert_to_tensor(x, "int32" if tokens else "float32")


def mask_of(length):
    return (np.arange(TIME) < length[:, None]).astype("float32")


def answers(model, x, mask):
    """All that is deterministic of a model."""
    terms = model.score_terms([x, mask])
    return [array(model.encode([x, mask])), *(array(term) for term in terms.values())]


@pytest.mark.parametrize("tokens", [False, True], ids=["numbers", "tokens"])
@every_kind
@FEW
@given(mask=masks, seed=seeds, fill=padding)
def test_what_stands_in_steps_that_there_are_not_changes_nothing(kind, tokens, mask, seed, fill):
    model = model_of(kind, tokens)
    plain = answers(model, drawn(seed, tokens, mask), mask)
    other = answers(model, drawn(seed, tokens, mask, fill), mask)
    for one, two in zip(plain, other, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("tokens", [False, True], ids=["numbers", "tokens"])
@pytest.mark.parametrize("kind", ["LSTMAutoencoder", "TransformerAutoencoder"])
@settings(deadline=None, max_examples=5)
@given(mask=masks, seed=seeds, fill=padding)
def test_nor_does_it_change_the_loss_or_a_gradient(kind, tokens, mask, seed, fill):
    model = model_of(kind, tokens)
    plain, slopes = loss_and_gradients(model, [drawn(seed, tokens, mask), mask])
    other, others = loss_and_gradients(model, [drawn(seed, tokens, mask, fill), mask])
    assert plain == other and np.isfinite(plain)
    for one, two in zip(slopes, others, strict=True):
        np.testing.assert_array_equal(one, two)


@every_kind
@FEW
@given(length=lengths, seed=seeds)
def test_with_weights_a_loss_is_the_mean_over_the_steps_that_there_are(kind, length, seed):
    """Of each sequence, so that long ones count no more than short ones."""
    model = model_of(kind, tokens=False)
    mask = mask_of(length)
    x = array(drawn(seed, False, mask))
    mean = array(model.decode([model.encode([x, mask]), mask])).astype("float64")
    nats = (0.5 * (x - mean) ** 2 + 0.5 * np.log(2 * np.pi)).sum(-1)
    wanted = np.mean([row[:steps].mean() for row, steps in zip(nats, length, strict=True)])
    found = array(model.score_terms([x, mask])["reconstruction"]) / mask.sum(1)
    assert found.mean() == pytest.approx(wanted, rel=1e-4)


@every_kind
@FEW
@given(length=lengths, seed=seeds)
def test_tokens_are_decoded_up_to_the_length_and_are_of_the_vocabulary(kind, length, seed):
    model = model_of(kind, tokens=True)
    mask = mask_of(length)
    found = array(model.reconstruct([drawn(seed, True, mask), mask]))
    assert found.shape == (ROWS, TIME) and not found[mask == 0].any()
    assert found.min() >= 0 and found.max() < WORDS


@every_kind
@FEW
@given(length=st.integers(1, TIME - 1), seed=seeds)
def test_tokens_do_not_depend_on_what_comes_after(kind, length, seed):
    """The code being the same, a longer sequence begins as the shorter one."""
    model = model_of(kind, tokens=True)
    z = np.random.default_rng(seed).standard_normal((ROWS, 2)).astype("float32")
    short = np.tile((np.arange(TIME) < length).astype("float32"), (ROWS, 1))
    whole = array(model.decode([z, np.ones_like(short)]))
    np.testing.assert_array_equal(array(model.decode([z, short])), np.where(short > 0, whole, 0))


@pytest.mark.parametrize("kind", ["LSTMAutoencoder", "TransformerAutoencoder"])
@FEW
@given(mask=masks, seed=seeds)
def test_free_running_takes_missing_steps_for_nothing_as_training_does(kind, mask, seed):
    """Each token is the most probable after those before it, of which the missing ones are none."""
    model = model_of(kind, tokens=True)
    z = np.random.default_rng(seed).standard_normal((ROWS, 2)).astype("float32")
    found = array(model.decode([z, mask]))
    known = np.where(mask > 0, found, WORDS).astype("int32")
    logits = array(model.decoder([*map(keras.ops.convert_to_tensor, (z, known))]))
    np.testing.assert_array_equal(np.where(mask > 0, logits.argmax(-1), 0), found)
