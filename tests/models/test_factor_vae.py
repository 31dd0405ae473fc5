"""FactorVAE: what its discriminator measures, and which term moves what."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.backend import common
from keras_vae.losses import adversary
from keras_vae.losses.terms import permute_columns
from tests.support.models import array, dense
from tests.support.objectives import loss_and_gradients, terms

X = (np.random.default_rng(2).random((20, 6)) > 0.5).astype("float32")


def critic(size=3):
    return keras.Sequential(
        [keras.Input((size,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)]
    )


def model(kind=kv.FactorVAE, **kwargs):
    keras.utils.set_random_seed(3)
    networks = dense(2)
    if kind is kv.FactorVAE:
        kwargs = {"discriminator": critic(), **kwargs}
    return kind(*networks, seed=4, **kwargs)


def weighted(**weights):
    """Gradients of the parts of a model by name, all terms but those named having weight 0."""
    off = dict.fromkeys(kv.FactorVAE.terms, 0.0)
    factor = model(loss_weights={**off, **weights})
    _, gradients = loss_and_gradients(factor, X)
    critics = {id(v) for v in factor.discriminator.trainable_variables}
    parts = {"autoencoder": [], "discriminator": []}
    for variable, gradient in zip(factor.trainable_variables, gradients, strict=True):
        parts["discriminator" if id(variable) in critics else "autoencoder"].append(gradient)
    return parts


def size(arrays):
    return sum(np.abs(a).sum() for a in arrays)


def test_permuted_codes_have_the_same_columns_in_orders_of_their_own():
    z = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")
    found = array(permute_columns(keras.ops.convert_to_tensor(z), keras.random.SeedGenerator(1)))
    np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(z, axis=0))
    orders = [np.argsort(np.argsort(found[:, j])).tolist() for j in range(3)]
    ranks = [np.argsort(np.argsort(z[:, j])).tolist() for j in range(3)]
    assert all(a != b for a, b in zip(orders, ranks, strict=True))
    place = [[ranks[j].index(rank) for rank in orders[j]] for j in range(3)]
    assert place[0] != place[1] != place[2]


@pytest.mark.slow
def test_the_discriminator_learns_the_total_correlation_of_a_correlated_gaussian():
    """Anchor row 16: -log(1 - 0.64) / 2 = 0.5108256 nats; its log odds are quadratic in z."""
    x, z = keras.Input((2,)), keras.Input((2,))
    encoder = keras.Model(x, [1.0 * x, 0.0 * x - 20.0])
    products = keras.layers.Concatenate()([z * z, z[:, :1] * z[:, 1:]])
    odds = keras.layers.Dense(1, kernel_initializer="zeros")(products)
    code = keras.Input((2,))
    factor = kv.FactorVAE(
        encoder,
        keras.Model(code, 1.0 * code),
        likelihood="normal",
        discriminator=keras.Model(z, odds),
        seed=0,
    )
    data = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 20_000)
    data = data.astype("float32")
    rate = keras.optimizers.schedules.CosineDecay(0.1, 400)
    factor.compile(keras.optimizers.Adam(rate))
    factor.fit(data, batch_size=500, epochs=10, verbose=0)
    logs = factor.evaluate(data, batch_size=2000, verbose=0, return_dict=True)
    assert logs["total_correlation"] == pytest.approx(0.5108256, abs=0.03)


def test_the_terms_are_the_log_odds_and_the_two_sided_cross_entropy():
    factor = model()
    found = terms(factor, X)
    seed = keras.random.SeedGenerator(4)
    z = factor.posterior(X).sample(seed)
    joint = array(factor.discriminator(z))[:, 0]
    product = array(factor.discriminator(permute_columns(z, seed)))[:, 0]
    np.testing.assert_allclose(found["total_correlation"], joint, rtol=1e-4, atol=1e-6)
    odds = 0.5 * (np.log1p(np.exp(-joint)) + np.log1p(np.exp(product)))
    np.testing.assert_allclose(found["discriminator"], odds, rtol=1e-4)


def test_without_the_total_correlation_it_is_the_vae():
    found = weighted(reconstruction=1.0, kl=1.0, discriminator=1.0)["autoencoder"]
    expected, wanted = loss_and_gradients(model(kv.VAE), X)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)
    own = terms(model(gamma=0.0), X)
    assert (own["reconstruction"] + own["kl"]).mean() == pytest.approx(expected, rel=1e-6)


def test_each_of_the_two_opponents_moves_itself_alone():
    pulled = weighted(total_correlation=1.0)
    assert size(pulled["autoencoder"]) > 1e-3 and size(pulled["discriminator"]) == 0
    trained = weighted(discriminator=1.0)
    assert size(trained["discriminator"]) > 1e-3 and size(trained["autoencoder"]) == 0


def test_the_paper_s_discriminator_is_made_and_trained_where_none_is_given():
    factor = model(discriminator=None)
    shapes = [tuple(v.shape) for v in factor.discriminator.trainable_variables]
    assert shapes[0] == (3, 1000) and shapes[-2] == (1000, 1) and len(shapes) == 14


def test_codes_may_be_maps():
    keras.utils.set_random_seed(0)
    x, z = keras.Input((6,)), keras.Input((2, 2))
    heads = [keras.layers.Reshape((2, 2))(keras.layers.Dense(4)(x)) for _ in range(2)]
    decoder = keras.Model(z, keras.layers.Dense(6)(keras.layers.Flatten()(z)))
    factor = kv.FactorVAE(keras.Model(x, heads), decoder, discriminator=critic(4), seed=1)
    assert {t.shape for t in terms(factor, X).values()} == {(20,)}


def test_a_discriminator_with_two_outputs_is_refused():
    two = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"log odds of shape \(None, 1\). Received: \(None, 2\)"):
        model(discriminator=two)


class Counted(keras.layers.Dense):
    """A layer of one unit that counts its evaluations."""

    evaluations = 0

    def call(self, inputs, training=None):
        self.evaluations += 1
        return super().call(inputs)


@pytest.mark.tensorflow
@pytest.mark.parametrize("kind", [kv.FactorVAE, kv.AdversarialAutoencoder])
@pytest.mark.parametrize(("others", "evaluations"), [((), 2), (("dropout",), 3)])
def test_a_discriminator_without_state_sees_each_code_once(kind, others, evaluations):
    last = Counted(1)
    dropout = [keras.layers.Dropout(0.5, seed=1) for _ in others]
    made = kind(
        *dense(2 if kind is kv.FactorVAE else 1), discriminator=keras.Sequential([*dropout, last])
    )
    made.build(X.shape)
    last.evaluations = 0
    made.loss_terms(keras.ops.convert_to_tensor(X), keras.ops.convert_to_tensor(X), training=True)
    assert last.evaluations == evaluations


@pytest.mark.tensorflow
def test_one_evaluation_has_the_gradients_of_two(monkeypatch):
    found = []
    for split in (adversary.split_gradients, common.split_gradients):
        monkeypatch.setattr(adversary, "split_gradients", split)
        loss, gradients = loss_and_gradients(model(), X)
        found.append([loss, *gradients])
    assert found[0][0] != 0
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(array(one), array(other))
