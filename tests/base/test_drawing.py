"""Many rows are drawn in parts, and no argument of a draw is dropped."""

import numpy as np
import pytest

import keras_vae as kv
from keras_vae.base import drawing
from keras_vae.samplers import MixtureSampler
from keras_vae.samplers.files import KINDS
from keras_vae.tables import rejection, verbs
from tests.support import linear
from tests.support.models import array, vq_vae
from tests.support.small_models import conditional_vae, tabular_vae

COUNT = 37
ONES = np.eye(2, dtype="float32")
MIXTURE = MixtureSampler(np.log(ONES.mean(axis=0)), ONES, np.stack([ONES, ONES]))


def sampler(name, shape, codebook_size=None):
    """A sampler of two classes whose weights are random."""
    kind, heads = KINDS[name], {"heads": 2} if "heads" in KINDS[name].defaults else {}
    size = kind.size_for(shape, codebook_size, 2, width=8, blocks=1, **heads)
    random = np.random.default_rng(3)
    weights = {
        name: (part + random.normal(0.0, 0.2, part.shape)).astype("float32")
        for name, part in kind.initial_weights(size, 0).items()
    }
    return kind(size, weights, **({"rounds": 2} if name == "flow" else {}))


def conditional():
    model = conditional_vae()
    rows = np.eye(2, dtype="float32")[np.arange(COUNT) % 2]
    return lambda: model.sample(seed=3, condition=rows), model


def integers():
    model = vq_vae()
    model.sampler = sampler("autoregressive", model.latent_shape, model.codebook_size)
    return lambda: model.sample(COUNT, seed=3, top_k=2), model


def of_prior(name):
    model = linear.vae()
    model.sampler = MIXTURE if name == "mixture" else sampler(name, model.latent_shape)
    given = {} if name == "mixture" else {"condition": np.arange(COUNT) % 2}
    return lambda: model.sample(COUNT, seed=3, **given), model


CASES = {
    "prior": lambda: ((m := linear.vae()) and (lambda: m.sample(COUNT, seed=3)), m),
    "mixture": lambda: of_prior("mixture"),
    "flow": lambda: of_prior("flow"),
    "maf": lambda: of_prior("maf"),
    "two_stage": lambda: of_prior("two_stage"),
    "condition": conditional,
    "integers": integers,
}


@pytest.fixture
def decoded(monkeypatch):
    """The numbers of rows that decoders get."""
    found = []
    plain = kv.Autoencoder.observation_from_inputs

    def count(model, inputs, training=False):
        found.append(len(inputs[0] if isinstance(inputs, list) else inputs))
        return plain(model, inputs, training)

    monkeypatch.setattr(kv.Autoencoder, "observation_from_inputs", count)
    return found


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_parts_are_the_rows_of_one_draw(make, decoded, monkeypatch):
    draw, model = make()
    decoded.clear()
    whole, codes = array(draw()), array(model.sample_codes(COUNT, 3, 1.0))
    assert decoded == [COUNT]
    monkeypatch.setattr(drawing, "NUMBERS_AT_ONCE", 1)
    np.testing.assert_allclose(array(draw()), whole, rtol=1e-5, atol=1e-6)
    assert decoded == [COUNT, 16, 16, 5]
    np.testing.assert_allclose(
        array(model.sample_codes(COUNT, 3, 1.0)), codes, rtol=1e-5, atol=1e-6
    )


def test_a_million_small_rows_go_in_parts_of_ten_thousand(decoded):
    model = linear.vae()
    few, many = array(model.sample(5, seed=1)), array(model.sample(25_000, seed=1))
    assert decoded == [5, 10_000, 10_000, 5_000]
    np.testing.assert_allclose(many[:5], few, rtol=1e-5, atol=1e-6)
    assert len(np.unique(many[:, 0])) > 24_000


class Shapes:
    """A model with nothing but shapes."""

    sampler = None

    def __init__(self, event_shape, latent_shape=(2,), **more):
        self.event_shape, self.latent_shape = event_shape, latent_shape
        vars(self).update(more)


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        (Shapes((4,)), 10_000),
        (Shapes((28, 28, 1)), 2674),
        (Shapes((512, 512, 3)), 16),
        (Shapes((None, 300)), 6990),
        (Shapes((4,), (32, 32, 2)), 1024),
        (Shapes((16,), vocabulary_size=1000), 131),
        (Shapes((4,), (2,), sampler=MIXTURE), 10_000),
        (
            Shapes(
                (4,),
                (64,),
                sampler=MixtureSampler(np.zeros(1), np.zeros((1, 64)), np.eye(64)[None]),
            ),
            512,
        ),
    ],
)
def test_rows_at_once_hold_as_many_numbers(model, rows):
    assert drawing.rows_at_once(model) == rows


@pytest.mark.parametrize("where", [None, lambda columns: columns["height"] > -1e9])
def test_rows_of_tables_are_drawn_in_parts(where, decoded, monkeypatch):
    monkeypatch.setattr(verbs, "AT_ONCE", 20)
    monkeypatch.setattr(rejection, "AT_ONCE", 20)
    model = tabular_vae()
    rows = model.sample_table(COUNT, seed=5, where=where)
    assert max(decoded) == 20
    assert {len(column) for column in rows.values()} == {COUNT}
    assert rows == model.sample_table(COUNT, seed=5, where=where)


def test_a_prior_without_classes_or_guidance_refuses_them():
    seeds, label = kv.random.row_seeds(2, 0), np.array([0, 1], "int32")
    with pytest.raises(TypeError, match="no guidance: this MixtureSampler has no classes"):
        MIXTURE.draw(seeds, (2,), guidance=2.0)
    with pytest.raises(TypeError, match="no condition: this MixtureSampler"):
        MIXTURE.draw(seeds, (2,), labels=label)
    model = linear.vae()
    model.sampler = MIXTURE
    with pytest.raises(TypeError, match="no condition: this MixtureSampler"):
        model.sample(2, seed=0, condition=1, guidance=2.0)
    model.sampler = None
    with pytest.raises(TypeError, match="no sampler that knows classes"):
        model.sample_codes_from_seeds(seeds, labels=label, guidance=2.0)
    with pytest.raises(TypeError, match="no top_k"):
        model.sample_codes_from_seeds(seeds, top_k=2)
    made = conditional_vae()
    for one in (made, kv.Compiled(made)):
        with pytest.raises(ValueError, match="no guidance: ConditionalVAE takes its condition"):
            one.sample(2, seed=0, condition=np.eye(2, dtype="float32"), guidance=2.0)
        with pytest.raises(TypeError, match="no top_k"):
            one.sample(2, seed=0, condition=np.eye(2, dtype="float32"), top_k=2)
