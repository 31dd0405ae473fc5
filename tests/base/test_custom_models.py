"""A user's own networks, layers and objectives train, are saved and are loaded."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.support.models import BATCH, FAST, FEATURES, array, assert_equal, uniform, values

pytestmark = pytest.mark.usefixtures("eager_functions")

X = uniform(13, *FEATURES)


@keras.saving.register_keras_serializable("tests")
class LazyEncoder(keras.Model):
    """A subclassed model: its layers know their input when it is called, not before."""

    def __init__(self, width=5, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.hidden = keras.layers.Dense(width, "relu")
        self.mean, self.log_var = keras.layers.Dense(3), keras.layers.Dense(3)

    def call(self, x):
        h = self.hidden(x)
        return self.mean(h), self.log_var(h)

    def get_config(self):
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable("tests")
class LazyDecoder(keras.layers.Layer):
    """A layer that makes its variables when it is called first."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], *FEATURES), name="kernel")

    def call(self, z):
        return ops.matmul(z, self.kernel)


@keras.saving.register_keras_serializable("tests")
class Contractive(kv.Autoencoder):
    """Overrides `loss_terms` only, with a layer made after the base was constructed."""

    terms = ("reconstruction", "smoothness")

    def __init__(self, encoder, decoder, width=4, **kwargs):
        super().__init__(encoder, decoder, **kwargs)
        self.width = width
        self.probe = keras.layers.Dense(width)
        self.probe.build((None, 3))

    def loss_terms(self, x, y, training=False):
        z = self.encode(x, training)
        p = self.observation(z, training)
        smoothness = ops.sum(ops.square(self.probe(z)), axis=-1)
        return {"reconstruction": -p.log_prob(y), "smoothness": smoothness}


@keras.saving.register_keras_serializable("tests")
class Small(kv.VAE):
    """Takes nothing but a width: not even the name that Keras would like to give it."""

    def __init__(self, width):
        super().__init__(*kv.nets.dense(FEATURES, 2, hidden=(width,), heads=2))


class Cauchy(kv.distributions.Normal):
    """A user's own likelihood."""

    def element_log_prob(self, x):
        return -ops.log1p(ops.square(x - self.mean)) - np.log(np.pi)


MODELS = {
    "lazy encoder": lambda: kv.VAE(LazyEncoder(), kv.nets.dense_decoder(FEATURES, 3), seed=0),
    "lazy encoder and decoder": lambda: kv.VAE(LazyEncoder(), LazyDecoder(), seed=0),
    "own objective": lambda: Contractive(*kv.nets.dense(FEATURES, 3), loss_weights=SMOOTH),
    "own constructor": lambda: Small(4),
}
SMOOTH = {"smoothness": 0.1}


def fitted(make):
    keras.utils.set_random_seed(2)
    model = make()
    model.compile(keras.optimizers.Adam(0.01), **FAST)
    model.fit(X, batch_size=BATCH, verbose=0)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_own_models_train_and_are_loaded_with_all_their_state(name, tmp_path):
    model = fitted(MODELS[name])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(array(loaded(X)), array(model(X)), rtol=1e-6)
    for one in (model, loaded):
        one.train_on_batch(X)
    variables = [*model.variables, *model.optimizer.variables]
    found = [*loaded.variables, *loaded.optimizer.variables]
    assert_equal(values(found), values(variables), rtol=1e-5, atol=1e-6)


def test_all_parts_of_an_own_objective_are_trained_and_logged():
    model = MODELS["own objective"]()
    model.compile("sgd", **FAST)
    before = values(model.trainable_variables)
    history = model.fit(X, verbose=0).history
    assert set(history) == {"loss", "reconstruction", "smoothness"}
    after = values(model.trainable_variables)
    assert [np.any(a != b) for a, b in zip(after[:-1], before[:-1], strict=True)].count(False) <= 1


@pytest.mark.parametrize("verb", ["fit", "evaluate", "train_on_batch", "predict", "encode"])
def test_a_lazy_model_is_built_by_the_first_data_it_sees(verb):
    model = MODELS["lazy encoder and decoder"]()
    assert not model.built
    model.compile("sgd", **FAST)
    getattr(model, verb)(X)
    assert model.built and model.event_shape == FEATURES and model.latent_shape == (3,)
    assert len(model.trainable_variables) == 7


def test_a_likelihood_may_be_a_class_and_an_own_one_is_found_when_loading(tmp_path):
    model = kv.Autoencoder(*kv.nets.dense(FEATURES, 2), likelihood=kv.distributions.Laplace)
    own = kv.Autoencoder(model.encoder, model.decoder, likelihood=Cauchy)
    for one in (model, own):
        one.save(tmp_path / "model.keras")
        found = {"Cauchy": Cauchy}
        loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects=found)
        assert loaded.family is one.family
        np.testing.assert_allclose(array(loaded.score(X)), array(one.score(X)), rtol=1e-6)


def test_what_a_constructor_was_called_with_is_what_its_configuration_says():
    arguments = {"width": 7, "name": "mine", "likelihood": "laplace", "seed": None}
    config = Contractive(*kv.nets.dense(FEATURES, 3), **arguments).get_config()
    assert {name: config[name] for name in arguments} == arguments
    assert set(Small(3).get_config()) == {"width", "network_defaults"}


@keras.saving.register_keras_serializable("tests")
class Registered(Cauchy):
    """A likelihood that files find by its registered name."""


def test_a_registered_likelihood_needs_no_custom_objects(tmp_path):
    model = kv.VAE(*kv.nets.dense(FEATURES, 3, hidden=(5,), heads=2), Registered, seed=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.family is Registered
    np.testing.assert_allclose(array(again.score(X)), array(model.score(X)), rtol=1e-6)


class Ported(kv.VAE):
    """A port that kept the step of its tutorial."""

    def train_step(self, data):
        return {"loss": ops.mean(data)}


class WithOwnTest(kv.VAE):
    def test_step(self, data):
        return {"loss": ops.mean(data)}


class WithOwnLoss(kv.VAE):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(y - y_pred)


class Watched(kv.VAE):
    """Its step adds to that of its base."""

    def train_step(self, *args, **kwargs):
        return super().train_step(*args, **kwargs)


@pytest.mark.parametrize(
    ("cls", "name"),
    [(Ported, "train_step"), (WithOwnTest, "test_step"), (WithOwnLoss, "compute_loss")],
)
def test_a_step_in_place_of_ours_is_refused_where_it_would_be_used(cls, name):
    model = cls(*kv.nets.dense(FEATURES, 3, hidden=(5,), heads=2))
    with pytest.raises(
        ValueError, match=f"in its method loss_terms. Received: {cls.__name__}.{name}"
    ):
        model.compile("adam")


def test_a_step_that_calls_ours_is_kept():
    model = Watched(*kv.nets.dense(FEATURES, 3, hidden=(5,), heads=2), seed=0)
    model.compile("sgd", **FAST)
    assert {"loss", "kl"} <= set(model.fit(X, verbose=0).history)
