"""Models that make their own networks keep them in files, also where a default has changed."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.base import network_defaults
from keras_vae.training import session, train
from tests.support.models import array

SMALL = {"image_shape": (4, 4, 1), "filters": (2,)}
X = np.random.default_rng(0).random((3, 4, 4, 1), dtype="float32")


@keras.saving.register_keras_serializable("tests_of_defaults")
class Mine(kv.ConvVAE):
    """A class with a constructor of its own, which relies on the defaults."""

    def __init__(self, size, **kwargs):
        super().__init__((size, size, 1), latent_dim=2, filters=(2,), hidden=3, **kwargs)


def activations(model):
    """The activations of hidden layers, by name."""
    layers = [*model.encoder.layers, *model.decoder.layers]
    names = {getattr(getattr(layer, "activation", None), "__name__", None) for layer in layers}
    return names - {None, "linear"}


def without(model, *names):
    config = model.get_config()
    assert set(names) <= set(config)
    return type(model).from_config({k: v for k, v in config.items() if k not in names})


@pytest.mark.parametrize("kind", [kv.ConvVAE, kv.ConvAutoencoder])
def test_a_configuration_states_the_activation(kind):
    model = kind(**SMALL)
    assert activations(model) == {"leaky_relu"}
    assert model.get_config()["activation"] == "leaky_relu"
    other = kind(**SMALL, activation="silu")
    assert activations(kind.from_config(other.get_config())) == {"silu"}


@pytest.mark.parametrize("kind", [kv.ConvVAE, kv.ConvAutoencoder])
def test_a_file_from_before_the_default_changed_keeps_its_networks(kind):
    old = without(kind(**SMALL), "activation")
    assert activations(old) == {"relu"}
    assert old.get_config()["activation"] == "relu"


def test_so_does_a_file_of_a_class_with_a_constructor_of_its_own(tmp_path):
    assert activations(Mine(4)) == {"leaky_relu"}
    old = without(Mine(4), "network_defaults")
    assert activations(old) == {"relu"}
    for model in (old, Mine(4)):
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        assert activations(loaded) == activations(model)
        np.testing.assert_allclose(array(loaded.score(X)), array(model.score(X)), rtol=1e-6)


@keras.saving.register_keras_serializable("tests_of_defaults")
class Passing(Mine):
    """Its `from_config` passes all of its configuration on to the constructor."""

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable("tests_of_defaults")
class Choosing(Mine):
    """Its `get_config` and `from_config` know its own arguments alone."""

    def get_config(self):
        return {"size": self.event_shape[0], "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(config["size"], name=config["name"])


@keras.saving.register_keras_serializable("tests_of_defaults")
class Renaming(Mine):
    """Its `from_config` changes an argument, and leaves the rest to its base."""

    @classmethod
    def from_config(cls, config):
        return super().from_config({**config, "name": "renamed"})


@pytest.mark.parametrize("kind", [Passing, Choosing, Renaming])
def test_a_class_with_configurations_of_its_own_keeps_networks_and_settings(kind, tmp_path):
    old = without(kind(4), "network_defaults")
    for model, activation in ((old, "relu"), (kind(4), "leaky_relu")):
        model.loss_weights["kl"] = 0.25
        model.encoder.layers[-1].trainable = False
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        assert activations(loaded) == activations(model) == {activation}
        assert float(loaded.loss_weights["kl"]) == 0.25
        assert len(loaded.trainable_variables) == len(model.trainable_variables)
        assert len(loaded.trainable_variables) < len(loaded.weights) - 1
        np.testing.assert_allclose(array(loaded.score(X)), array(model.score(X)), rtol=1e-6)


def test_a_run_from_before_the_default_changed_goes_on_with_its_networks(monkeypatch):
    class Stop(Exception):
        pass

    def prepare(*_):
        raise Stop(network_defaults.activation_or_default(None))

    monkeypatch.setattr(session, "prepare", prepare)
    settings = train.Settings()
    for stored, expected in (
        (None, "leaky_relu"),
        ({"recipe": "r"}, "relu"),
        ({"recipe": "r", "network_defaults": 2}, "leaky_relu"),
    ):
        with pytest.raises(Stop, match=f"^{expected}$"):
            train.train("r", lambda: None, {}, settings, stored, train.Workers())


@pytest.mark.parametrize("builder", [kv.nets.dense, kv.nets.conv, kv.nets.conv_map])
def test_the_networks_have_the_default_of_the_newest_edition(builder):
    encoder, decoder = builder((4, 4, 1), 2)
    hidden = {layer.get_config().get("activation") for layer in (*encoder.layers, *decoder.layers)}
    assert hidden - {None, "linear"} == {"leaky_relu"}
