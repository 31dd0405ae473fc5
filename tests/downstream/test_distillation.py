"""A distilled decoder: narrow, near its teacher, in a model that is otherwise the same."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.downstream.distillation import _narrow
from keras_vae.errors import UsageError, UsageTypeError
from tests.support.models import array, uniform

X = uniform(64, 6)


def teacher(likelihood="bernoulli"):
    keras.utils.set_random_seed(0)
    heads = kv.distributions.get(likelihood).heads
    networks = kv.nets.dense((6,), 2, (16,), heads=2, decoder_heads=heads)
    return kv.VAE(*networks, likelihood=likelihood, beta=0.5, seed=0)


def distill(model, **options):
    given = {"size": 0.5, "epochs": 100, "learning_rate": 0.03, "seed": 0, "verbose": 0, **options}
    return kv.distill_decoder(model, X, **given)


@pytest.fixture(scope="module")
def pair():
    model = teacher()
    for weight in model.decoder.weights:  # Answers that a constant would miss.
        weight.assign(2 * array(weight))
    before = [array(weight) for weight in model.weights]
    small = distill(model)
    for old, weight in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(array(weight), old)
    return model, small


@pytest.mark.slow
def test_the_order_follows_from_the_seed_of_the_call_alone():
    def answers(seed, other_seed):
        student = keras.Sequential([keras.Input((2,)), keras.layers.Dense(6)])
        student.set_weights([np.full((2, 6), 0.1, "float32"), np.zeros(6, "float32")])
        model = teacher()
        keras.utils.set_random_seed(other_seed)
        options = {"student": student, "epochs": 2, "batch_size": 16, "seed": seed}
        return array(distill(model, **options).decoder.layers[-1].kernel)

    first = answers(3, 1)
    np.testing.assert_array_equal(answers(3, 2), first)
    assert np.any(answers(4, 1) != first)


@pytest.mark.slow
def test_a_student_is_narrow_and_near_its_teacher(pair):
    model, small = pair
    assert [layer.units for layer in small.decoder.layers if layer.weights] == [8, 6]
    z = np.random.default_rng(1).normal(size=(500, 2)).astype("float32")
    wanted, found = array(model.decode(z)), array(small.decode(z))
    assert np.mean((found - wanted) ** 2) < 0.1 * np.var(wanted)


@pytest.mark.slow
def test_all_but_the_decoder_is_the_same(pair, tmp_path):
    model, small = pair
    assert type(small) is kv.VAE and small.get_config()["beta"] == 0.5
    np.testing.assert_array_equal(array(small.encode(X)), array(model.encode(X)))
    small.save(tmp_path / "m.keras")
    again = kv.load(tmp_path / "m.keras")
    np.testing.assert_allclose(array(again.sample(3, seed=1)), array(small.sample(3, seed=1)), 1e-5)


@pytest.mark.long
def test_a_model_that_makes_its_networks_becomes_what_it_is_made_of():
    model = kv.ConvVAE((8, 8, 1), latent_dim=2, filters=(4, 8), hidden=8, seed=0)
    images = uniform(8, 8, 8, 1)
    small = kv.distill_decoder(model, images, epochs=1, verbose=0)
    assert type(small) is kv.VAE and small.likelihood == "bernoulli"
    shapes = [layer.output.shape for layer in small.decoder.layers]
    assert shapes == [(None, 2), (None, 8), (None, 2, 2, 2), (None, 4, 4, 1), (None, 8, 8, 1)]
    np.testing.assert_array_equal(array(small.encode(images)), array(model.encode(images)))


@pytest.mark.long
def test_a_likelihood_of_two_outputs_keeps_both():
    small = distill(teacher("normal_per_element"), epochs=1)
    assert len(keras.tree.flatten(small.decoder.output)) == 2


@pytest.mark.long
def test_a_student_of_your_own_is_trained():
    z = keras.Input((2,))
    student = keras.Model(z, keras.layers.Dense(6)(z))
    before = student.get_weights()[0]
    small = distill(teacher(), student=student, epochs=1)
    assert len(small.decoder.weights) == 2
    assert np.abs(small.decoder.get_weights()[0] - before).max() > 1e-3


@pytest.mark.parametrize("size", [0, -1, 1.5, np.nan])
def test_a_size_is_a_fraction(size):
    with pytest.raises(UsageError, match="Expected size"):
        distill(teacher(), size=size)


def test_what_cannot_be_distilled_is_refused_with_the_way():
    with pytest.raises(UsageTypeError, match="Expected an autoencoder of keras_vae"):
        kv.distill_decoder(keras.Sequential(), X)
    with pytest.raises(UsageError, match=r"can be made narrow.*student="):
        _narrow(keras.Sequential([keras.Input((2,)), keras.layers.Dense(6)]), 0.5)
    z = keras.Input((2,))
    wrong = keras.Model(z, keras.layers.Dense(5)(z))
    with pytest.raises(UsageError, match="Expected"):
        distill(teacher(), student=wrong)
